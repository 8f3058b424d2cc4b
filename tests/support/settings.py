"""Settings from given variables instead of the environment of the tests."""

import os
from unittest import mock

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.environment import Settings


def load_from(environ: dict[str, str]) -> Settings:
    """The settings from these variables and no others."""
    with mock.patch.dict(os.environ, environ, clear=True):
        return settings.load()
