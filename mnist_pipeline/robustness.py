"""Accuracy of models on digits that are shifted, rotated, scaled, written with another pen, or badly photographed."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.deformations import Images, add_noise, affine, contrast, low_resolution, thicken

Reader = Callable[[Images], NDArray[Any]]
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])  # down, up, right, left


class Disturbance(NamedTuple):
    """A disturbance of digits, in several amounts."""

    title: str
    unit: str
    neutral: float  # the amount without effect, one of `amounts`
    amounts: tuple[float, ...]  # in ascending order
    # The smallest and largest amount within the variation of ordinary handwriting; both `neutral` for a disturbance
    # that handwriting does not cause.
    small: tuple[float, float]
    apply: Callable[[Images, float], Images]  # from images (n, rows, columns) and an amount to disturbed images


def _shifted(images: Images, pixels: float) -> Images:
    """Shift every fourth image down, up, to the right, to the left."""
    return affine(images, shift=pixels * SIDES[np.arange(len(images)) % len(SIDES)])


def _rotated(images: Images, degrees: float) -> Images:
    """Rotate every other image counter-clockwise, the others clockwise."""
    return affine(images, rotation=np.where(np.arange(len(images)) % 2, -degrees, degrees))


def _scaled(images: Images, factor: float) -> Images:
    return affine(images, scale=factor)


DISTURBANCES: Mapping[str, Disturbance] = {
    "shift": Disturbance("Shift", "pixels", 0, (0, 1, 2, 3, 4), (0, 1), _shifted),
    "rotation": Disturbance("Rotation", "degrees either way", 0, (0, 5, 10, 15, 20, 30), (0, 10), _rotated),
    "scale": Disturbance("Scale", "factor", 1, (0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3), (0.9, 1.1), _scaled),
    "stroke": Disturbance(
        "Width of strokes", "pixels more on each side", 0, (-1, -0.5, 0, 0.5, 1), (-0.5, 0.5), thicken
    ),
    "noise": Disturbance("Noise", "deviation, share of full ink", 0, (0, 0.1, 0.2, 0.3), (0, 0), add_noise),
    "contrast": Disturbance("Contrast", "ink, share of the original", 1, (0.25, 0.5, 0.75, 1), (1, 1), contrast),
    "resolution": Disturbance("Resolution", "pixels a side", 28, (8, 10, 14, 28), (28, 28), low_resolution),
}


def measure(readers: Mapping[str, Reader], images: Images, labels: NDArray[Any]) -> dict[str, list[Any]]:
    """Accuracy of each model on the same images under each amount of each disturbance.

    A reader maps images, uint8 (n, 28, 28), to predicted labels (n,). The result has columns of equal length;
    `count` is the number of images. The row of each neutral amount has the accuracy without disturbance.
    """
    conditions = [(name, float(amount)) for name, found in DISTURBANCES.items() for amount in found.amounts]
    changed = [(name, amount) for name, amount in conditions if amount != DISTURBANCES[name].neutral]
    # All images in one call, because a call has a fixed cost.
    stacked = np.concatenate([images, *(DISTURBANCES[name].apply(images, amount) for name, amount in changed)])
    rows = []
    for model, read in readers.items():
        correct = read(stacked).reshape(-1, len(images)) == labels
        undisturbed, *shares = (correct.sum(axis=1) / len(images)).tolist()
        found = dict(zip(changed, shares, strict=True))
        rows += [(*each, model, found.get(each, undisturbed), len(images)) for each in conditions]
    columns = ("disturbance", "amount", "model", "accuracy", "count")
    return {column: list(values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)}


class Curves(NamedTuple):
    """The accuracies of each model under one disturbance, one per amount; `neutral` is the amount without effect."""

    title: str
    unit: str
    neutral: float
    amounts: list[float]
    accuracies: dict[str, list[float]]


def curves(measured: Mapping[str, Any]) -> dict[str, Curves]:
    """The result of `measure`, or a table of it, by disturbance."""
    found: dict[str, Curves] = {}
    for name, model, accuracy in zip(*(measured[c] for c in ("disturbance", "model", "accuracy")), strict=True):
        kind = DISTURBANCES[name]
        curve = found.setdefault(name, Curves(kind.title, kind.unit, kind.neutral, list(map(float, kind.amounts)), {}))
        curve.accuracies.setdefault(model, []).append(float(accuracy))
    return found


def is_small(disturbance: str, amount: float) -> bool:
    """Whether a disturbance is within the variation of ordinary handwriting, such as a shift by a pixel."""
    low, high = DISTURBANCES[disturbance].small
    return amount != DISTURBANCES[disturbance].neutral and low <= amount <= high
