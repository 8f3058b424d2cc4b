"""What people may write about their own images in `dataset.yaml`."""

from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnist_pipeline.data.conversion import Fit

Text = Annotated[str, Field(min_length=1, max_length=80)]
Noun = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^[a-z]+$")]


class Description(BaseModel):
    """How images are converted and split, and the words that the report uses for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text | None = None
    noun: Noun = "image"  # what an image shows, in the singular
    handwritten: bool = False
    fit: Fit = "whole"
    test_share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.2  # of each class, if there is no test set


def parse(text: str) -> Description:
    """The description in YAML; raises a ValueError whose message is the problem and the remedy."""
    try:
        content = yaml.safe_load(text)
        return Description.model_validate({} if content is None else content)
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        where = ".".join(map(str, found["loc"])) or "its content"
        raise ValueError(f"{where}: {found['msg']}; its fields are {', '.join(Description.model_fields)}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f"is not YAML: {' '.join(str(error).split())}; write lines such as 'fit: mnist'") from error
