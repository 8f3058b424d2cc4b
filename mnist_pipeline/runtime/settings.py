"""The settings of the pipeline; the only module through which the rest of the code reads the environment."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from mnist_pipeline.runtime.project import EMBEDDED_DATA, PLAIN, PROJECT, SCHEME, DataSetPlace, SettingsError, fetched

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings as Settings

__all__ = ["EMBEDDED_DATA", "PLAIN", "PROJECT", "SCHEME", "DataSetPlace", "SettingsError", "fetched"]


def load() -> Settings:
    """The settings from the environment variables; raises SettingsError if a variable is not valid.

    Reading them takes a millisecond, so settings are kept for as long as the variables and the directory that relative
    paths start from stay the same.
    """
    from mnist_pipeline.runtime import environment  # imports pydantic: a tenth of a second that `--help` does not need

    try:
        directory = os.getcwd()  # noqa: PTH109  # Path.cwd is slower
    except OSError:  # it was removed; absolute paths need none
        directory = ""
    return _load(directory, *map(os.environ.get, environment.VARIABLES))


@functools.lru_cache(maxsize=8)
def _load(*_state: str | None) -> Settings:
    from pydantic import ValidationError

    from mnist_pipeline.runtime import environment

    try:
        return environment.Settings()
    except ValidationError as error:
        raise SettingsError(environment.first_problem(error)) from None  # the error contains passwords


@functools.cache
def of_definitions() -> Settings:
    """The settings with which the definitions of this process were loaded, read once."""
    return load()
