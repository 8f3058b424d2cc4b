"""Every plot of the project; each function returns a Matplotlib Figure and leaves no state behind."""

from mnist_pipeline.report.figures.digits import digit_row, image_grid, kernels, misread, neighbor_errors, templates
from mnist_pipeline.report.figures.encoding import encoded, png, preview, rendered, svg
from mnist_pipeline.report.figures.evaluation import (
    TIE_RULES,
    accuracies,
    accuracies_panel,
    across,
    across_panel,
    confusion_matrix,
    reliability,
    reliability_panel,
    robustness,
    robustness_panel,
    votes_panel,
)
from mnist_pipeline.report.figures.harris import gradients, gradients_panel, harris_corners
from mnist_pipeline.report.figures.learning import accuracy_panel, learning_curves, loss_panel
from mnist_pipeline.report.figures.pca import (
    class_scatter,
    eigenvalue_panel,
    eigenvalues,
    eigenvectors,
    glyph_scatter_panel,
    matrix,
    mean_image,
    reconstructions,
    share_panel,
)
from mnist_pipeline.report.figures.style import COLORS, NAMES_WIDTH, SQUARE, Panel, are_long, side_by_side
