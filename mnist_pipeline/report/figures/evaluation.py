"""Figures of learning curves, accuracy, confusion, calibration and robustness."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.evaluation.robustness import CORRUPTED, Curves
from mnist_pipeline.evaluation.scores import Calibration, Score, intervals
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report.figures import style

Numbers = Sequence[float] | np.ndarray


def confusion_matrix(counts: np.ndarray, title: str, names: Sequence[str]) -> Figure:
    """Counts of true class (rows) by predicted class (columns); colour shows the errors.

    With many classes, the counts are left out.
    """
    long = style.are_long(names)
    many = len(names) > style.MANY_CLASSES
    rotated: dict[str, Any] = {}
    if many:
        rotated = {"rotation": 90}
    elif long:
        rotated = {"rotation": 45, "ha": "right"}
    size = 6 if many else 10

    def draw(axes: Axes) -> None:
        errors = np.where(np.eye(len(counts), dtype=bool), 0, counts)
        axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
        is_dark = errors > 0.6 * errors.max()
        for row, column in () if many else np.argwhere(counts):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                fontsize=8,
                color="white" if is_dark[row, column] else style.INK,
                fontweight="bold" if row == column else "normal",
                **style.INSIDE,
            )
        labels = [style.plain(name, 16) for name in names]
        axes.set_xticks(range(len(names)), labels, fontsize=size, **rotated)
        axes.set_yticks(range(len(names)), labels, fontsize=size)
        axes.set(title=title, xlabel="predicted class", ylabel="true class")
        axes.spines[:].set_visible(False)
        axes.grid(False)

    side = max(5.2, 0.105 * len(names)) + (0.7 if long else 0)
    return style.side_by_side(draw, size=(side, side))


def accuracies(scores: Mapping[str, Score]) -> Figure:
    """The accuracy of each model with its 95% interval."""

    def draw(axes: Axes) -> None:
        models = sorted(scores, key=lambda model: scores[model].accuracy)
        titles = [MODELS[model].title for model in models]
        intervals = [(scores[model].accuracy, *scores[model].interval) for model in models]
        accuracy, low, high = 100 * np.array(intervals).T
        axes.hlines(range(len(titles)), low, high, color=style.COLORS[0], linewidth=3)
        axes.plot(accuracy, range(len(titles)), "o", color=style.COLORS[2])
        above: Any = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center"}
        for row, percent in enumerate(accuracy):
            axes.annotate(f"{percent:.2f}%", (percent, row), **above)
        axes.set_yticks(range(len(titles)), [title.replace(" ", "\n", 1) for title in titles])
        axes.set_ylim(-0.5, len(titles) - 0.3)
        axes.margins(x=0.08)
        axes.set(title="Accuracy on the test images", xlabel="accuracy (%)")
        axes.grid(False, axis="y")

    return style.side_by_side(draw, size=(style.PANEL[0], 0.45 * len(scores) + 1.0))


def reliability(calibration: Calibration, title: str) -> Figure:
    """Accuracy against confidence, with 95% intervals; on the diagonal the two are equal.

    The numbers of images stand above the axis.
    """

    def draw(axes: Axes) -> None:
        bins = np.array([calibration.counts, calibration.confidence, calibration.accuracy])
        counts, confidence, accuracy = bins[:, bins[0] > 0]
        low, high = 100 * intervals(accuracy, counts.astype(int))
        axes.plot([0, 100], [0, 100], color=style.SOFT, linestyle="--", linewidth=1)
        axes.vlines(100 * confidence, low, high, color=style.COLORS[0], linewidth=1.5)
        axes.plot(100 * confidence, 100 * accuracy, "o", color=style.COLORS[2], markersize=4)
        for x, count in zip(100 * confidence, counts):
            axes.text(x, 1, f"{count:,.0f}", rotation=90, ha="center", va="bottom")
        axes.set(title=f"{title}: reliability", xlabel="confidence (%)", ylabel="accuracy (%)")
        axes.set(xlim=(0, 102), ylim=(0, 102))

    return style.side_by_side(draw)


def robustness(measured: Mapping[str, Curves], num_images: int, champion: str) -> Figure:
    """Accuracy of each model by the amount of a disturbance, in a panel per disturbance.

    Corruptions are left out. Bands show the 95% intervals. The line of the champion is emphasised.
    """

    def draw(axes: Axes, curves: Curves) -> None:
        # A line at the neutral amount; it is on the left if it is an end.
        axes.axvline(curves.neutral, color=style.SOFT, linestyle="--", linewidth=1)
        for name, shares in curves.accuracies.items():
            model = MODELS[name]
            percents = 100 * np.array(shares)
            emphasis = 2 if name == champion else 1
            axes.plot(
                curves.amounts,
                percents,
                color=model.color,
                linewidth=1.4 * emphasis,
                marker=model.marker,
                markersize=4,
                zorder=2 + emphasis / 10,
                label=model.short_title,
            )
            low, high = 100 * intervals(np.array(shares), num_images)
            axes.fill_between(
                curves.amounts, low, high, color=model.color, alpha=0.1 * emphasis, linewidth=0
            )
        axes.set(title=curves.title, xlabel=curves.unit, ylabel="accuracy (%)", ylim=(0, 102))
        axes.set_xticks(curves.amounts)
        axes.xaxis.set_major_formatter("{x:g}")
        if curves.neutral == curves.amounts[-1]:
            axes.invert_xaxis()

    panels = [partial(draw, curves=measured[name]) for name in measured if name not in CORRUPTED]
    return style.side_by_side(*panels)


def learning_panels(
    loss: Numbers, accuracies: Mapping[str, Numbers], title: str, parts: Sequence[Numbers] = ()
) -> dict[str, style.Panel]:
    """Training loss by epoch or by part of an epoch, which shows the first epoch too, and named
    accuracies by epoch, shares in 0–1.
    """

    def draw_loss(axes: Axes) -> None:
        if parts:
            positions = [
                epoch + (np.arange(len(part)) + 0.5) / len(part) for epoch, part in enumerate(parts)
            ]
            axes.plot(np.concatenate(positions), np.concatenate(parts))
        else:
            axes.plot(np.arange(1, len(loss) + 1), loss, marker="o", markersize=3)
        axes.set(title=f"{title}: training loss", xlabel="epoch", ylim=(0, None))
        axes.set(ylabel="mean cross-entropy (nats)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    draw_accuracies = partial(
        _draw_accuracies, accuracies=accuracies, title=f"{title}: accuracy", label="epoch"
    )
    return {"loss": draw_loss, "accuracy": draw_accuracies}


def _draw_accuracies(axes: Axes, accuracies: Mapping[str, Numbers], title: str, label: str) -> None:
    """Named accuracies, shares in 0–1, one line each over the whole numbers from 1."""
    for (name, shares), marker in zip(accuracies.items(), style.MARKERS):
        percents = 100 * np.array(shares)
        epochs = range(1, len(percents) + 1)
        axes.plot(epochs, percents, marker=marker, markersize=4, label=name)
    axes.set(title=title, xlabel=label, ylabel="accuracy (%)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def votes(accuracy_by_k: Mapping[str, Numbers]) -> Figure:
    """Accuracy by number of neighbours k = 1, 2, …, with a line per rule for ties."""
    rules = {"nearest": "ties to the nearest", "smallest": "ties to the smallest label"}
    accuracies = {name: accuracy_by_k[rule] for rule, name in rules.items()}
    title = "Accuracy by number of neighbours"
    draw = partial(_draw_accuracies, accuracies=accuracies, title=title, label="neighbours k")
    return style.side_by_side(draw)
