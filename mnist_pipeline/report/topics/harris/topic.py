"""Harris corners, which are principal components of the gradients."""

import numpy as np

from mnist_pipeline.data.color import grey
from mnist_pipeline.methods import harris
from mnist_pipeline.report import figures
from mnist_pipeline.report.content import Code, Document, Named, Part, Values

READS = ("digit_images", "harris_corners")
APPENDIX = (
    Part(30, "harris", "Harris corners", "harris/appendix.html.j2", needs="data.handwritten"),
)


def numbers(values: Values) -> Named:
    """Corners, the difference from PCA, and three pixels.

    `digits` has the same per digit image, and `places` the clearest corner, edge and flat pixel.
    `max_relative_difference` is that of M and GᵀG, and `centering_change` the share of tr M that
    centring would remove. `threshold` is the smallest response of a corner, as a share of the
    largest.
    """
    corners = values["harris_corners"]
    digit, pixels = harris.clearest_pixels(grey(values["digit_images"]), corners.response)
    return {
        "harris": {
            "digits": {
                "corners": np.count_nonzero(corners.corners, axis=(1, 2)).tolist(),
                "difference": corners.gram_difference.tolist(),
                "centering_change": corners.centering_change.tolist(),
            },
            "kappa": corners.kappa,
            "threshold": corners.relative_threshold,
            "num_corners": int(np.count_nonzero(corners.corners)),
            "max_relative_difference": float(corners.gram_difference.max()),
            "centering_change": float(np.median(corners.centering_change)),
            "place_digit": digit,
            "places": {
                name: {
                    field: np.asarray(value).tolist() for field, value in pixel._asdict().items()
                }
                for name, pixel in pixels.items()
            },
        }
    }


def charts(document: Document, values: Values) -> Named:
    """The gradients around three pixels."""
    originals = grey(values["digit_images"])
    _, pixels = harris.clearest_pixels(originals, values["harris_corners"].response)
    return {
        f"gradients_{name}": figures.side_by_side(panel, size=figures.SQUARE)
        for name, panel in figures.gradients(pixels).items()
    }


def pictures(document: Document, values: Values) -> Named:
    """The corners of each image, as pixels."""
    return {"corners": [np.argwhere(mask).tolist() for mask in values["harris_corners"].corners]}


def code() -> Code:
    """Gradients, structure tensor and response."""
    return {"harris": (harris.gradients, harris.structure_tensor, harris.corner_response)}
