"""The figure of experiments: accuracy by training size."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike, NDArray

from mnist_pipeline.evaluation.experiments import Curve
from mnist_pipeline.evaluation.scores import intervals
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report.figures import style

SHOWN_ACCURACIES = np.array([0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.998, 0.999])


def accuracy_by_size(curves: Sequence[Curve], num_test_images: int) -> Figure:
    """Accuracy by training size: a line through the mean of the seeds, a dot per seed, and 95%
    intervals as bars.

    Both axes are logarithmic, the vertical axis in the error rate.
    """

    def errors(accuracies: ArrayLike) -> NDArray[np.float64]:
        """At least half an image, as a logarithm has no 0."""
        return np.maximum(1 - np.asarray(accuracies), 0.5 / num_test_images)

    def draw(axes: Axes) -> None:
        extremes: list[float] = []
        for curve in curves:
            color = MODELS[curve.model].color
            low, high = 1 - intervals(curve.means, num_test_images)
            extremes += [*low, *high]
            axes.plot(curve.sizes, errors(curve.means), color=color, label=curve.title)
            axes.vlines(curve.sizes, low, high, color=color, linewidth=4, alpha=0.35)
            for number, accuracies in zip(curve.sizes, curve.accuracies):
                positions = [number] * len(accuracies)
                axes.plot(positions, errors(accuracies), ".", color=color, markersize=4)
        axes.set(xscale="log", yscale="log", title="Accuracy by number of training images")
        axes.set(xlabel="training images", ylabel="accuracy on the test images")
        axes.invert_yaxis()
        axes.yaxis.set_minor_locator(NullLocator())
        labels = [f"{100 * accuracy:g}%" for accuracy in SHOWN_ACCURACIES]
        axes.set_yticks(1 - SHOWN_ACCURACIES, labels)
        largest = max(extremes, default=1)
        smallest = min(extremes, default=0.001)
        axes.set_ylim(largest * 1.1, max(smallest / 1.2, 1e-4))
        axes.xaxis.set_major_formatter("{x:,.0f}")

    return style.side_by_side(draw, size=(6.4, 4.4))
