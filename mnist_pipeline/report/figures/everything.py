"""All that `figures` offers, by plain imports; they import Matplotlib."""

from mnist_pipeline.report.figures import backend  # before all other modules, see there
from mnist_pipeline.report.figures.digits import (
    image_grid,
    labels_to_check,
    templates,
)
from mnist_pipeline.report.figures.encoding import (
    encoded,
    fallback_fonts,
    font_file,
    preview,
    rendered,
    svg,
)
from mnist_pipeline.report.figures.evaluation import (
    LABELS,
    accuracies,
    confusion_matrix,
    learning_curves,
    learning_panels,
    reliability,
    robustness,
    votes,
)
from mnist_pipeline.report.figures.experiments import accuracy_by_size
from mnist_pipeline.report.figures.harris import gradients, harris_corners
from mnist_pipeline.report.figures.pca import (
    NUM_EIGENVECTORS,
    class_scatter,
    covariance,
    eigenvalue_panels,
    eigenvectors,
    reconstructions,
    scattered,
    signed_root,
)
from mnist_pipeline.report.figures.style import (
    MANY_CLASSES,
    MAX_COLUMNS,
    SQUARE,
    are_long,
    side_by_side,
)
