"""The figure of experiments: accuracy by training size."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from mnist_pipeline.evaluation.experiments import Curve
from mnist_pipeline.models import MODELS
from mnist_pipeline.report.figures import style

SHOWN_ACCURACIES = np.array([0, 0.5, 0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.998, 0.999])


def accuracy_by_size(curves: Sequence[Curve], num_test_images: int) -> Figure:
    """Accuracy by training size: a line through the mean of the seeds, a dot per seed, and 95%
    intervals as bars.

    Both axes are logarithmic, the vertical axis in the error rate.
    """

    def draw(axes: Axes) -> None:
        ends = {}
        for curve in curves:
            color, errors = MODELS[curve.model].color, 1 - curve.means
            axes.plot(curve.sizes, errors, color=color)
            axes.vlines(
                curve.sizes,
                *(1 - curve.intervals(num_test_images)).T,
                color=color,
                linewidth=4,
                alpha=0.35,
            )
            for size, accuracies in zip(curve.sizes, curve.accuracies):
                axes.plot(
                    [size] * len(accuracies),
                    1 - np.array(accuracies),
                    ".",
                    color=color,
                    markersize=4,
                )
            ends[curve.title] = (curve.sizes[-1], errors[-1], color)
        axes.set(
            xscale="log",
            yscale="log",
            xlabel="training images",
            ylabel="accuracy on the test images",
        )
        axes.set_title("Accuracy by number of training images")
        axes.invert_yaxis()
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_yticks(
            1 - SHOWN_ACCURACIES, [f"{100 * accuracy:g}%" for accuracy in SHOWN_ACCURACIES]
        )
        shown = [
            error for curve in curves for error in 1 - curve.intervals(num_test_images).ravel()
        ] or [1, 0.001]
        axes.set_ylim(max(shown) * 1.1, max(min(shown) / 1.2, 1e-4))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        style.label_ends(axes, ends)

    return style.side_by_side(draw, size=(6.4, 4.4), right=0.9)
