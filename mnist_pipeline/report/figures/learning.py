"""Figures of training and of the choice of k: accuracy and loss by epoch, accuracy by number of neighbours."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.report.figures.style import MARKERS, panel, side_by_side


def learning_curves(loss: np.ndarray, accuracies: Mapping[str, np.ndarray], title: str) -> Figure:
    """Training loss by epoch, shape (n_epochs,), and named accuracies by epoch, shares in 0–1."""
    return side_by_side(loss_panel(loss, title), accuracy_panel(accuracies, title))


@panel
def loss_panel(axes: Axes, loss: np.ndarray, title: str) -> None:
    """Training loss by epoch."""
    axes.plot(np.arange(1, len(loss) + 1), loss, marker="o", markersize=3)
    axes.set(title=f"{title}: training loss", xlabel="epoch", ylabel="mean cross-entropy (nats)")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.6)


@panel
def accuracy_panel(axes: Axes, accuracies: Mapping[str, np.ndarray], title: str) -> None:
    """Accuracies by epoch, shares in 0–1."""
    epochs = range(1, max(map(len, accuracies.values())) + 1)
    _plot_accuracies(axes, epochs, accuracies)
    axes.set(title=f"{title}: accuracy", xlabel="epoch")


def votes(accuracy_by_k: Mapping[str, Sequence[float]]) -> Figure:
    """Accuracy by number of neighbours k, one line per rule for ties, as `knn.model.accuracy_by_k` returns them."""

    def draw(axes: Axes) -> None:
        rules = {"nearest": "ties to the nearest", "smallest": "ties to the smallest label"}
        _plot_accuracies(axes, accuracy_by_k["k"], {name: accuracy_by_k[rule] for rule, name in rules.items()})
        axes.set(title="Accuracy by number of neighbours", xlabel="neighbours k")

    return side_by_side(draw)


def _plot_accuracies(axes: Axes, x: Sequence[float], accuracies: Mapping[str, Sequence[float] | np.ndarray]) -> None:
    """One line per name, over whole numbers."""
    for (name, shares), marker in zip(accuracies.items(), MARKERS):
        axes.plot(x, 100 * np.array(shares), marker=marker, markersize=4, label=name)
    axes.set_ylabel("accuracy (%)")
    axes.legend(loc="lower right")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.6)
