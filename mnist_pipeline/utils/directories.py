"""Where this package is, and where it keeps what it writes: in a checkout, or installed from a
wheel.

A wheel contains the data, and the graph as `mnist_pipeline.assets`, so that another package may be
called `assets`.
"""

import os
import sys
from pathlib import Path

DISTRIBUTION = "mnist-dagster"  # the name for pip; the command is `mnist-pipeline`
PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parent  # the directory that Python imports from: a checkout, or site-packages
INSTALLED = (PACKAGE / "assets").is_dir()
EMBEDDED_DATA = PACKAGE / "data" / "mnist" if INSTALLED else PROJECT / "data"


def pip_install(package: str) -> str:
    """The command that installs an optional package into this environment."""
    return f"{sys.executable} -m pip install {package}"


def user_cache() -> Path:
    """The directory of this user for files that can be made again."""
    return _of_user("XDG_CACHE_HOME", "~/.cache")


def code_cache() -> Path:
    """The directory for what can be computed from the code again: in a checkout it lies inside the
    package.
    """
    return user_cache() if INSTALLED else PACKAGE / "__pycache__"


def writable_home() -> Path:
    """The directory of results by default: the checkout, or the data directory of this user."""
    return _of_user("XDG_DATA_HOME", "~/.local/share") if INSTALLED else PROJECT


def _of_user(variable: str, default: str) -> Path:
    base = os.environ.get(variable) or os.path.expanduser(default)  # noqa: PTH111  # never fails
    return Path(base).absolute() / "mnist-pipeline"
