"""Harris corners of an image of each class, and a check that they are PCA of the gradients."""

import dagster as dg
import numpy as np
from pydantic import Field

from mnist_pipeline.data.color import grey
from mnist_pipeline.data.values import ImageKind
from mnist_pipeline.methods import harris
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.configs import Config
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "harris"


class HarrisConfig(Config):
    """What counts as a corner."""

    kappa: float = Field(
        harris.KAPPA, gt=0, lt=0.25, description="κ in det M − κ (tr M)²; usually 0.04 to 0.06."
    )
    relative_threshold: float = Field(
        harris.RELATIVE_THRESHOLD,
        ge=0,
        lt=1,
        description="Smallest response of a corner, as a share of the largest response in its "
        "image.",
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def harris_corners(digit_images: np.ndarray, image_kind: ImageKind, config: HarrisConfig):
    """Harris corners of the digit images in grey levels.

    They are where the response det M − κ (tr M)² is large. M, the structure tensor, is the Gram
    matrix GᵀG. The nine rows of G are the gradients around a pixel, so the eigenvectors of M are
    their principal components without centring. Two large eigenvalues mean that the gradients vary
    in two directions: a corner.
    """
    originals = grey(digit_images)
    with stopwatch():
        corners = harris.find_corners(originals, config.kappa, config.relative_threshold)
    _, pixels = harris.clearest_pixels(originals, corners.response)
    gradients = figures.gradients(pixels).values()
    num_corners = np.count_nonzero(corners.corners)
    difference = corners.gram_difference.max()
    return result(
        corners,
        f"corners: {num_corners}; M differs from GᵀG by {difference:.1g}",
        figures={
            "corners": figures.harris_corners(image_kind.shown(digit_images), corners.corners),
            "responses": figures.image_grid(
                np.cbrt(corners.response), 10, title="Cube root of the response", signed=True
            ),
            "gradients": figures.side_by_side(*gradients, size=figures.SQUARE),
        },
        config=config,
    )
