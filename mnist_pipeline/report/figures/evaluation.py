"""Figures of evaluations: accuracy, confusion, calibration and robustness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.evaluation import Calibration, Evaluation, wilson_interval
from mnist_pipeline.models import MODELS
from mnist_pipeline.report.figures.style import (
    BOTTOM,
    COLORS,
    GRID,
    INK,
    MARKERS,
    NAMES_WIDTH,
    Panel,
    are_long,
    side_by_side,
)
from mnist_pipeline.robustness import Curves

TIE_RULES = {"nearest": "ties to the nearest", "smallest": "ties to the smallest label"}


def votes_panel(ks: Sequence[int], accuracies: Mapping[str, Sequence[float]]) -> Panel:
    """Accuracy of the vote of k neighbours, a line for each rule for ties."""

    def draw(axes: Axes) -> None:
        for (name, values), marker in zip(accuracies.items(), MARKERS):
            axes.plot(ks, [100 * value for value in values], marker=marker, markersize=4, label=name)
        axes.set(title="Accuracy by number of neighbours", xlabel="neighbours k", ylabel="accuracy (%)")
        axes.legend(loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw


def confusion_matrix(counts: np.ndarray, title: str, names: Sequence[str]) -> Figure:
    """Counts of true class (rows) against predicted class (columns); colour shows the errors."""
    long = are_long(names)
    rotated: dict[str, Any] = {"rotation": 45, "ha": "right"} if long else {}

    def draw(axes: Axes) -> None:
        errors = np.where(np.eye(len(counts), dtype=bool), 0, counts)
        axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
        for (row, column), count in np.ndenumerate(counts):
            dark = errors[row, column] > 0.6 * errors.max()
            if count:
                axes.text(
                    column,
                    row,
                    f"{count:,}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark and row != column else INK,
                    fontweight="bold" if row == column else "normal",
                )
        axes.set_xticks(range(len(names)), names, **rotated)
        axes.set_yticks(range(len(names)), names)
        axes.set(title=title, xlabel="predicted class", ylabel="true class")
        axes.spines[:].set_visible(False)

    margin = 1.2 if long else BOTTOM
    side = 5.2 + margin - BOTTOM
    return side_by_side(draw, size=(side, side), left=margin, bottom=margin)


def accuracies(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Accuracy of each model with its 95% interval."""
    return side_by_side(accuracies_panel(evaluations), size=(6.4, 0.5 * len(evaluations) + 1.1), left=NAMES_WIDTH)


def accuracies_panel(evaluations: Mapping[str, Evaluation]) -> Panel:
    """Accuracy of each model with its 95% interval, the best on top."""

    def draw(axes: Axes) -> None:
        axes.set_title("Accuracy on the test images, 95% interval")
        ranked = sorted(evaluations.items(), key=lambda item: item[1].errors, reverse=True)
        for row, (_, evaluation) in enumerate(ranked):
            low, high = evaluation.interval
            axes.plot([100 * low, 100 * high], [row, row], color=COLORS[0], linewidth=3, solid_capstyle="butt")
            axes.plot([100 * evaluation.accuracy], [row], "o", color=COLORS[2])
            axes.annotate(
                f"{100 * evaluation.accuracy:.2f}%",
                (100 * evaluation.accuracy, row),
                textcoords="offset points",
                xytext=(0, 7),
                ha="center",
            )
        axes.set_yticks(range(len(ranked)), [name for name, _ in ranked])
        axes.set_ylim(-0.5, len(ranked) - 0.3)
        axes.margins(x=0.08)
        axes.set_xlabel("accuracy (%)")
        axes.grid(axis="x", alpha=0.6)

    return draw


def across(scores: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """Accuracy of each model on each data set with its 95% interval, a row a data set.

    Parameters
    ----------
    scores : mapping from title to mapping from model to (accuracy, low, high)
        Shares in 0–1.
    """
    size = (5.2, 0.75 * len(scores) + 1.5)
    return side_by_side(across_panel(scores), size=size, left=1.35, below=0.51)


def across_panel(scores: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Panel:
    """Accuracy of each model on each data set with its 95% interval, the first data set on top."""

    def draw(axes: Axes) -> None:
        titles = list(scores)
        step = 0.6 / max(1, len(MODELS) - 1)  # of the rows of models within that of a data set
        for place, model in enumerate(MODELS.values()):
            style: dict[str, Any] = {"color": model.color, "marker": model.marker, "markersize": 5}
            axes.plot([], [], linestyle="", label=model.title, **style)
            for row, found in enumerate(scores.values()):
                accuracy, low, high = (100 * share for share in found[model.name])
                y = row - 0.3 + place * step
                axes.plot([low, high], [y, y], color=model.color, linewidth=2, solid_capstyle="butt")
                axes.plot([accuracy], [y], **style)
        axes.set_yticks(range(len(titles)), titles)
        axes.set_ylim(len(titles) - 0.5, -0.5)
        axes.set(title="Accuracy on the test images, 95% interval", xlabel="accuracy (%)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.05)
        axes.grid(axis="x", alpha=0.6)
        place_below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": 2}
        axes.legend(fontsize=8, borderaxespad=4.6, **place_below)  # below the label of the axis

    return draw


def reliability(calibration: Calibration, title: str) -> Figure:
    """The reliability diagram of a model."""
    return side_by_side(reliability_panel(calibration, f"{title}: reliability"))


def reliability_panel(calibration: Calibration, title: str) -> Panel:
    """Accuracy against confidence, with 95% intervals: on the diagonal, a model is as sure as it is right."""

    def draw(axes: Axes) -> None:
        counts, confidence, accuracy = map(np.array, (calibration.counts, calibration.confidence, calibration.accuracy))
        filled = counts > 0
        counts, confidence, accuracy = counts[filled], 100 * confidence[filled], 100 * accuracy[filled]
        ends = [wilson_interval(round(share * n / 100), n) for share, n in zip(accuracy.tolist(), counts.tolist())]
        low, high = 100 * np.array(ends).T
        axes.plot([0, 100], [0, 100], color=GRID, linestyle="--")
        axes.vlines(confidence, low, high, color=COLORS[0], linewidth=1.5)
        axes.plot(confidence, accuracy, "o", color=COLORS[2], markersize=4)
        axes.set(title=title, xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 102), ylim=(0, 102))
        axes.grid(alpha=0.6)

    return draw


def robustness(curves: Sequence[Curves]) -> Figure:
    """A panel of `robustness_panel` for each disturbance."""
    return side_by_side(*map(robustness_panel, curves), columns=4)


def robustness_panel(curves: Curves) -> Panel:
    """Accuracy of each model by the amount of a disturbance; a vertical line marks the amount without effect."""

    def draw(axes: Axes) -> None:
        axes.axvline(curves.neutral, color=GRID, linestyle="--")
        for name, shares in curves.accuracies.items():
            model, percents = MODELS[name], [100 * share for share in shares]
            style: dict[str, Any] = {"color": model.color, "marker": model.marker, "markersize": 4}
            axes.plot(curves.amounts, percents, label=model.title, **style)
        # In the corner below the undisturbed accuracy, where no line ends.
        corners: dict[float, Any] = {curves.amounts[0]: "lower left", curves.amounts[-1]: "lower right"}
        axes.legend(loc=corners.get(curves.neutral, "lower center"), fontsize=8)
        axes.set(title=curves.title, xlabel=curves.unit, ylabel="accuracy (%)", ylim=(0, 102))
        axes.grid(alpha=0.6)

    return draw
