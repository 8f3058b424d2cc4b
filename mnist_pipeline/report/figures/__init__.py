"""Every plot of the project; each function returns a Matplotlib Figure and leaves no global state behind.

Matplotlib is imported when a plot is first used, so that the definitions of the graph load quickly.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_pipeline.report.figures.digits import image_grid, misread, neighbor_errors, templates
    from mnist_pipeline.report.figures.encoding import encoded, preview, rendered, svg
    from mnist_pipeline.report.figures.evaluation import accuracies, across, confusion_matrix, reliability, robustness
    from mnist_pipeline.report.figures.harris import gradients, harris_corners
    from mnist_pipeline.report.figures.learning import accuracy_panel, learning_curves, loss_panel, votes
    from mnist_pipeline.report.figures.pca import (
        class_scatter,
        eigenvalue_panel,
        eigenvalues,
        eigenvectors,
        matrix,
        mean_image,
        reconstructions,
        share_panel,
    )
    from mnist_pipeline.report.figures.style import COLORS, SQUARE, Panel, are_long, side_by_side

MODULES = ("style", "encoding", "digits", "evaluation", "harris", "learning", "pca")


def __getattr__(name: str) -> Any:
    modules = (import_module(f"{__name__}.{module}") for module in MODULES if not name.startswith("__"))
    for module in modules:
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
