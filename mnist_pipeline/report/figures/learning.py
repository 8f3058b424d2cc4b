"""Curves of loss and accuracy during training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.report.figures.style import MARKERS, Panel, side_by_side


def learning_curves(loss: np.ndarray, accuracies: Mapping[str, np.ndarray], title: str) -> Figure:
    """Training loss and accuracies by epoch.

    Parameters
    ----------
    loss : ndarray of shape (n_epochs,)
    accuracies : mapping from name to ndarray of shape (n_epochs,)
        Shares in 0–1.
    title : str
    """
    return side_by_side(loss_panel(loss, title), accuracy_panel(accuracies, title))


def loss_panel(loss: np.ndarray, title: str) -> Panel:
    """Training loss by epoch."""

    def draw(axes: Axes) -> None:
        axes.plot(np.arange(1, len(loss) + 1), loss, marker="o", markersize=3)
        axes.set(title=f"{title}: training loss", xlabel="epoch", ylabel="mean cross-entropy (nats)")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw


def accuracy_panel(accuracies: Mapping[str, np.ndarray], title: str) -> Panel:
    """Accuracies by epoch, shares in 0–1."""

    def draw(axes: Axes) -> None:
        for (name, values), marker in zip(accuracies.items(), MARKERS):
            axes.plot(np.arange(1, len(values) + 1), 100 * values, marker=marker, markersize=3, label=name)
        axes.set(title=f"{title}: accuracy", xlabel="epoch", ylabel="accuracy (%)")
        axes.legend(loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw
