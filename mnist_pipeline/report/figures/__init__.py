"""Every plot of the project; its functions return Figures of Matplotlib, without global state.

Importing Matplotlib takes a third of a second. It is imported when a plot is first used, so that
the definitions of the graph load quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_pipeline.report.figures.everything import *


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.everything"), name)
