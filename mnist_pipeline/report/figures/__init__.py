"""Every plot of the project; each function returns a Matplotlib Figure and leaves no global state behind."""

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
