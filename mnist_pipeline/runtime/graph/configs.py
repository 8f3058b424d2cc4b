"""The settings of a model as the configuration of its asset."""

from typing import Any

import dagster as dg
from pydantic import create_model

from mnist_pipeline.methods.table import Model, setting_fields


def config_of(model: Model) -> type[dg.Config]:
    """The settings of an entry of the table as a class."""
    return create_model(
        f"{model.name.title()}Config",
        __base__=dg.Config,
        __doc__=f"How {model.phrase} is fitted.",
        **setting_fields(model),
    )


def settings_of(config: Any) -> dict[str, Any]:
    """The values of a configuration as plain values by name."""
    return dict(config.model_dump(mode="json"))
