"""Figures of training and of evaluations: learning curves, accuracy, confusion, calibration and robustness."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation.robustness import (
    CORRUPTED,
    DISTURBANCES,
    SHOWN,
    Curves,
    answers,
    corruption_errors,
    curves,
    disturb,
)
from mnist_pipeline.evaluation.scores import Calibration, wilson_interval
from mnist_pipeline.models import MODELS
from mnist_pipeline.report.figures.digits import image_grid
from mnist_pipeline.report.figures.style import (
    BOTTOM,
    COLORS,
    INK,
    MANY_CLASSES,
    MARKERS,
    PANEL,
    SOFT,
    are_long,
    label_ends,
    panel,
    plain,
    side_by_side,
)

Score = Sequence[float]  # accuracy, and the lower and upper end of its 95% interval: shares in 0–1
ACCURACY_TITLE = "Accuracy on the test images"
LABELS = 0.75  # inches at the right of learning curves


def confusion_matrix(counts: np.ndarray, title: str, names: Sequence[str]) -> Figure:
    """Counts of true class (rows) against predicted class (columns); colour shows the errors, of many classes alone."""
    long = are_long(names)
    many = len(names) > MANY_CLASSES
    rotated: dict[str, Any] = {"rotation": 90} if many else {"rotation": 45, "ha": "right"} if long else {}
    size = 6 if many else 10

    def draw(axes: Axes) -> None:
        errors = np.where(np.eye(len(counts), dtype=bool), 0, counts)
        axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
        for (row, column), count in np.ndenumerate(counts):
            if count and len(counts) <= MANY_CLASSES:
                style: dict[str, Any] = {"color": "white" if errors[row, column] > 0.6 * errors.max() else INK}
                style["fontweight"] = "bold" if row == column else "normal"
                axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=8, **style)
        shown = [plain(name, 16) for name in names]
        axes.set_xticks(range(len(names)), shown, fontsize=size, **rotated)
        axes.set_yticks(range(len(names)), shown, fontsize=size)
        axes.set(title=title, xlabel="predicted class", ylabel="true class")
        axes.spines[:].set_visible(False)

    margin = 1.2 if long else BOTTOM
    side = max(5.2, 0.105 * len(names)) + margin - BOTTOM
    return side_by_side(draw, size=(side, side), left=margin, bottom=margin)


def accuracies(scores: Mapping[str, Score]) -> Figure:
    """Accuracy with its 95% interval by title of a model, the best at the top."""

    def draw(axes: Axes) -> None:
        ranked = sorted(scores.items(), key=lambda item: item[1][0])
        for row, (_, shares) in enumerate(ranked):
            accuracy, low, high = (100 * share for share in shares)
            axes.plot([low, high], [row, row], color=COLORS[0], linewidth=3, solid_capstyle="butt")
            axes.plot([accuracy], [row], "o", color=COLORS[2])
            label: dict[str, Any] = {"textcoords": "offset points", "xytext": (0, 7), "ha": "center"}
            axes.annotate(f"{accuracy:.2f}%", (accuracy, row), **label)
        axes.set_yticks(range(len(ranked)), [title.replace(" ", "\n", 1) for title, _ in ranked])
        axes.set_ylim(-0.5, len(ranked) - 0.3)
        axes.margins(x=0.08)
        axes.set(title=ACCURACY_TITLE, xlabel="accuracy (%)")
        axes.grid(axis="x", alpha=0.6)

    return side_by_side(draw, size=(PANEL[0], 0.45 * len(scores) + 1.0), left=1.05)


def across(scores: Mapping[str, Mapping[str, Score]]) -> Figure:
    """Accuracy with its 95% interval by title of a data set and name of a model, one row per data set."""
    rows = {title.replace("-", "-\n", 1): found for title, found in scores.items()}
    return _by_model(rows, ACCURACY_TITLE, "accuracy (%)", height=0.75, left=0.8)


def corruptions(scores: Mapping[str, Mapping[str, Score]]) -> Figure:
    """Error with its 95% interval by name of a corruption and of a model, one row per corruption."""
    return _by_model(scores, "Error on corrupted test images", "error (%)", height=0.36, left=1.1)


def _by_model(
    scores: Mapping[str, Mapping[str, Score]], title: str, label: str, *, height: float, left: float
) -> Figure:
    """A share with its 95% interval by row and by name of a model; the height of a row is in inches."""

    def draw(axes: Axes) -> None:
        step = 0.6 / max(1, len(MODELS) - 1)  # between the models of one row
        for place, model in enumerate(MODELS.values()):
            style: dict[str, Any] = {"color": model.color, "marker": model.marker, "markersize": min(5, 12 * height)}
            axes.plot([], [], linestyle="", label=model.short_title, **style)
            for row, score_of in enumerate(scores.values()):
                share, low, high = (100 * each for each in score_of[model.name])
                y = row - 0.3 + place * step
                axes.plot([low, high], [y, y], color=model.color, linewidth=2, solid_capstyle="butt")
                axes.plot([share], [y], **style)
        axes.set_yticks(range(len(scores)), list(scores))
        axes.set_ylim(len(scores) - 0.5, -0.5)
        axes.set(title=title, xlabel=label)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.05)
        axes.grid(axis="x", alpha=0.6)
        below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.4, 0), "ncols": len(MODELS)}
        below |= {"columnspacing": 0.8, "handletextpad": 0.1, "borderaxespad": 3.2}  # below the label of the axis
        axes.legend(**below)

    return side_by_side(draw, size=(PANEL[0], height * len(scores) + 1.3), left=left, legend=0.3)


def reliability(calibration: Calibration, title: str) -> Figure:
    """Accuracy against confidence, with 95% intervals; on the diagonal the two are equal."""

    def draw(axes: Axes) -> None:
        filled = np.array(calibration.counts) > 0
        counts = np.array(calibration.counts)[filled]
        confidence, accuracy = (np.array(share)[filled] for share in (calibration.confidence, calibration.accuracy))
        ends = [wilson_interval(round(share * n), n) for share, n in zip(accuracy.tolist(), counts.tolist())]
        axes.plot([0, 100], [0, 100], color=SOFT, linestyle="--", linewidth=1)
        axes.vlines(100 * confidence, *(100 * np.array(ends).T), color=COLORS[0], linewidth=1.5)
        axes.plot(100 * confidence, 100 * accuracy, "o", color=COLORS[2], markersize=4)
        axes.set(title=f"{title}: reliability", xlabel="confidence (%)", ylabel="accuracy (%)")
        axes.set(xlim=(0, 102), ylim=(0, 102))
        axes.grid(alpha=0.6)

    return side_by_side(draw)


def disturbances(measured: Mapping[str, Any], digits: DigitSet, names: Sequence[str]) -> dict[str, Figure]:
    """Figures of the result of `robustness.measure` on these images, which belong to classes with these names."""
    found, count = curves(measured), len(digits.labels)
    errors = {model: corruption_errors(measured, model) for model in next(iter(found.values())).accuracies}
    scores = {name: {model: error_score(errors[model][name], count) for model in errors} for name in errors["cnn"]}
    return {
        "robustness": robustness([curve for name, curve in found.items() if name not in CORRUPTED]),
        "corruptions": corruptions({name.replace("_", " "): score for name, score in scores.items()}),
        "examples": _examples(answers(measured, "cnn"), digits, names),
    }


def error_score(error: float, num_images: int) -> Score:
    """The share of images that are misread, and its interval."""
    return [error, *wilson_interval(round(error * num_images), num_images)]


def _examples(said: Mapping[tuple[str, float], Sequence[int]], digits: DigitSet, names: Sequence[str]) -> Figure:
    """What each disturbance does to an image, in its strongest amount, and what the convolutional network answers.

    The image is one of the first that are misread, if there is one.
    """
    shown, captions = [], []
    for name, found in DISTURBANCES.items():
        amount = max(found.amounts, key=lambda each: abs(each - found.neutral))  # called at once
        few = min(len(digits.labels), SHOWN)
        read = np.array(said[name, amount])
        place = int((read != digits.labels[:few]).argmax())
        shown.append(disturb(digits.images[:few], name, amount)[place])
        title = found.title.removeprefix("Corruption: ").capitalize()
        amounts = "" if name in CORRUPTED else f" {amount:g}"
        captions.append(f"{title}{amounts}\n{plain(names[digits.labels[place]])} → {plain(names[read[place]])}")
    title = "Each disturbance at its strongest: true → read by the CNN; a misread image, if there is one"
    return image_grid(np.array(shown), 8, captions, title)


def robustness(measured: Sequence[Curves], champion: str = "", num_images: int = 0) -> Figure:
    """Accuracy of each model by the amount of a disturbance, one panel per disturbance.

    The line of the champion is emphasised. If the number of images is given, bands show the 95% intervals.
    """
    return side_by_side(*(_robustness_panel(each, champion, num_images) for each in measured), right=0.82)


@panel
def _robustness_panel(axes: Axes, found: Curves, champion: str, num_images: int) -> None:
    """A vertical line marks the amount that has no effect; if it is an end of the axis, it is the left one."""
    axes.axvline(found.neutral, color=SOFT, linestyle="--", linewidth=1)
    last = 0 if found.neutral == found.amounts[-1] else -1
    ends = {}
    for name, shares in found.accuracies.items():
        model, percents, emphasis = MODELS[name], [100 * share for share in shares], 2 if name == champion else 1
        style: dict[str, Any] = {"marker": model.marker, "markersize": 4, "zorder": 2 + emphasis / 10}
        axes.plot(found.amounts, percents, color=model.color, linewidth=1.4 * emphasis, **style)
        ends[model.short_title] = (found.amounts[last], percents[last], model.color)
        if num_images:
            low, high = zip(*(wilson_interval(round(share * num_images), num_images) for share in shares))
            band = (found.amounts, 100 * np.array(low), 100 * np.array(high))
            axes.fill_between(*band, color=model.color, alpha=0.1 * emphasis, linewidth=0)
    axes.set(title=found.title, xlabel=found.unit, ylabel="accuracy (%)", ylim=(0, 102), xticks=found.amounts)
    axes.xaxis.set_major_formatter("{x:g}")
    if last == 0:
        axes.invert_xaxis()
    axes.grid(alpha=0.6)
    label_ends(axes, ends, bold=MODELS[champion].short_title if champion else "")


def learning_curves(
    loss: np.ndarray, accuracies: Mapping[str, np.ndarray], title: str, parts: Sequence[Sequence[float]] = ()
) -> Figure:
    """Training loss by epoch, shape (n_epochs,), or by part, and named accuracies by epoch, shares in 0–1."""
    return side_by_side(loss_panel(loss, title, parts), accuracy_panel(accuracies, title), right=LABELS)


@panel
def loss_panel(axes: Axes, loss: np.ndarray, title: str, parts: Sequence[Sequence[float]] = ()) -> None:
    """Training loss by epoch, or by part of each epoch, which has the shape of the first epoch too."""
    if parts:
        places = [epoch + (place + 0.5) / len(part) for epoch, part in enumerate(parts) for place in range(len(part))]
        axes.plot(places, [each for part in parts for each in part])
    else:
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
        rules = {"nearest": "ties to\nthe nearest", "smallest": "ties to the\nsmallest\nlabel"}
        _plot_accuracies(axes, accuracy_by_k["k"], {name: accuracy_by_k[rule] for rule, name in rules.items()})
        axes.set(title="Accuracy by number of neighbours", xlabel="neighbours k")

    return side_by_side(draw, right=0.95)


def _plot_accuracies(axes: Axes, x: Sequence[float], accuracies: Mapping[str, Sequence[float] | np.ndarray]) -> None:
    """One line per name, over whole numbers."""
    ends = {}
    for (name, shares), marker, color in zip(accuracies.items(), MARKERS, COLORS):
        axes.plot(x, 100 * np.array(shares), marker=marker, markersize=4, color=color)
        ends[name] = (x[-1], 100 * shares[-1], color)
    axes.set_ylabel("accuracy (%)")
    label_ends(axes, ends)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.6)
