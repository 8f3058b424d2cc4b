"""Every plot of the project; its functions return Figures of Matplotlib, without global state.

Matplotlib is imported when a plot is first used, so that the definitions of the graph load quickly.
"""

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
        for module_name in MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
