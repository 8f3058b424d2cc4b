"""The settings of a model as the configuration of its asset."""

from typing import Any

import dagster as dg
from pydantic import BaseModel, ValidationError, create_model

from mnist_pipeline.methods.table import Model, setting_fields
from mnist_pipeline.utils.reported import ReportedError
from mnist_pipeline.utils.validation import first_problem


class ConfigError(ReportedError, ValueError):
    """A configured value is not allowed; the message names the setting, its value and the range."""


class Ranged(BaseModel):
    """A base of configurations: a value out of range is a ConfigError, in one line."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(first_problem(error, type(self).model_fields)) from None


class RangedConfig(Ranged, dg.Config):
    """The configuration of an asset."""


def config_of(model: Model) -> type[dg.Config]:
    """The settings of an entry of the table as a class."""
    return create_model(
        f"{model.name.title()}Config",
        __base__=RangedConfig,
        __doc__=f"How {model.phrase} is fitted.",
        **setting_fields(model),
    )


def settings_of(config: Any) -> dict[str, Any]:
    """The values of a configuration as plain values by name."""
    return dict(config.model_dump(mode="json"))
