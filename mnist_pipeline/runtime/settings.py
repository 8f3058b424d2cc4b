"""The settings of the pipeline; the only module through which the rest of the code reads the environment."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from mnist_pipeline.runtime.project import EMBEDDED_DATA, PLAIN, PROJECT, SCHEME, DataSetPlace, SettingsError, fetched

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings as Settings

__all__ = ["EMBEDDED_DATA", "PLAIN", "PROJECT", "SCHEME", "DataSetPlace", "SettingsError", "fetched"]


def load() -> Settings:
    """The settings from the environment variables.

    Raises
    ------
    SettingsError
        If a variable is not valid.
    """
    from pydantic import ValidationError  # pydantic takes a tenth of a second, which `--help` does not need

    from mnist_pipeline.runtime import environment

    try:
        return environment.Settings()
    except ValidationError as error:
        raise SettingsError(environment.first_problem(error)) from None  # the error contains passwords


@functools.cache
def of_definitions() -> Settings:
    """The settings with which the definitions of this process were loaded, read once."""
    return load()
