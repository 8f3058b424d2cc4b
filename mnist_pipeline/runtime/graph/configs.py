"""The configuration of assets and resources; the settings of a model as that of its asset."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import ConfigDict, ValidationError, create_model

from mnist_pipeline.methods.table import Model, setting_fields
from mnist_pipeline.utils.reported import ReportedError
from mnist_pipeline.utils.validation import problems


class ConfigError(ReportedError, RuntimeError):
    """Settings are out of range; the message names each setting, its value and what is allowed.

    `problems` has the sentence on each setting.
    """

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return ". ".join(self.problems.values())


class Checked:
    """Raises a ConfigError in place of the error of pydantic, which has four lines and a link."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(problems(error)) from None


class Config(Checked, dg.Config):
    """The settings of an asset."""

    model_config = ConfigDict(strict=True, extra="forbid")  # `true` is not a number


def config_of(model: Model) -> type[Config]:
    """The settings of an entry of the table as a class."""
    return create_model(
        f"{model.name.title()}Config",
        __base__=Config,
        __doc__=f"How {model.phrase} is fitted.",
        **setting_fields(model),
    )


def settings_of(config: Any) -> dict[str, Any]:
    """The values of a configuration as plain values by name."""
    return dict(config.model_dump(mode="json"))
