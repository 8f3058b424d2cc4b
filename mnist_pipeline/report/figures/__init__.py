"""Every plot of the project; its functions return Figures of Matplotlib, without global state.

Matplotlib is imported when a plot is first used, so that the definitions of the graph load quickly.
"""

import os
from importlib import import_module
from importlib.util import find_spec
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
    scheme, _, backend = os.environ.get("MPLBACKEND", "").partition("://")
    # Matplotlib can't be imported if a notebook's backend is not installed here.
    if scheme == "module" and find_spec(backend.partition(".")[0]) is None:
        del os.environ["MPLBACKEND"]
    if not name.startswith("__"):
        for module_name in MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
