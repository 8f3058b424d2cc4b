"""Every plot of the project; its functions return Figures of Matplotlib, without global state.

Matplotlib is imported when a plot is first used, so that the definitions of the graph load quickly.
"""

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_pipeline.report.figures.digits import *
    from mnist_pipeline.report.figures.encoding import *
    from mnist_pipeline.report.figures.evaluation import *
    from mnist_pipeline.report.figures.experiments import *
    from mnist_pipeline.report.figures.harris import *
    from mnist_pipeline.report.figures.pca import *
    from mnist_pipeline.report.figures.style import *

MODULES = ("style", "encoding", "digits", "evaluation", "experiments", "harris", "pca")


def __getattr__(name: str) -> Any:
    if not name.startswith("__"):
        if "matplotlib" not in sys.modules:
            _import_matplotlib()
        for module_name in MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _import_matplotlib() -> None:
    """Import Matplotlib, which fails if MPLBACKEND is not installed, such as that of a notebook."""
    backend = os.environ.pop("MPLBACKEND", None)
    matplotlib = import_module("matplotlib")
    with suppress(ValueError):
        if backend:
            matplotlib.rcParams["backend"] = backend
            os.environ["MPLBACKEND"] = backend
