"""Accuracy of models on digits that are shifted, rotated, scaled, written with another pen, or
badly photographed.

The corruptions of MNIST-C are disturbances too: the amount 0 leaves an image as it is, and 1
corrupts it as published.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.corruptions import CORRUPTIONS, corrupt
from mnist_pipeline.data.deformations import (
    Images,
    add_noise,
    affine,
    contrast,
    low_resolution,
    thicken,
)
from mnist_pipeline.models import MODELS, Fitted

SEED = 0  # of the sample, which is the same for every model
SHOWN = 24  # images whose answers are kept, so that the report can show failures
CORRUPTED = {
    f"corruption_{name}": name for name in CORRUPTIONS
}  # the name of the corruption by disturbance
# What the default training of the convolutional network (`data.variation`) does to some images, and
# each of these corruptions resembles, although it may be stronger. Nothing resembles the others:
# replaced pixels, blur, mud, zigzags.
LIKE_TRAINING = {
    "shot_noise": "noise on single pixels",
    "shear": "slanted",
    "scale": "reduced to 60 to 95% of the size",
    "rotate": "rotated",
    "brightness": "on grey paper",
    "translate": "shifted by up to 4.5 pixels",
    "stripe": "inverted beyond straight lines",
    "fog": "on grey paper in uneven light",
    "dotted_line": "crossed by a straight line",
    "canny_edges": "only outlines",
}
SIDES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)])  # down, up, right, left


class Disturbance(NamedTuple):
    """A disturbance of digits, in several amounts."""

    title: str
    unit: str
    neutral: float  # the amount without effect, one of `amounts`
    amounts: tuple[float, ...]  # in ascending order
    # The smallest and largest amount within the variation of ordinary handwriting; both `neutral`
    # for a disturbance that handwriting does not cause.
    small: tuple[float, float]
    apply: Callable[
        [Images, float], Images
    ]  # from images (n, rows, columns) and an amount to disturbed images


def _shifted(images: Images, pixels: float) -> Images:
    """Shift every fourth image down, up, to the right, to the left."""
    return affine(images, shift=pixels * SIDES[np.arange(len(images)) % len(SIDES)])


def _rotated(images: Images, degrees: float) -> Images:
    """Rotate every other image counter-clockwise, the others clockwise."""
    return affine(images, rotation=np.where(np.arange(len(images)) % 2, -degrees, degrees))


def _scaled(images: Images, factor: float) -> Images:
    return affine(images, scale=factor)


def _corrupted(name: str, images: Images, amount: float) -> Images:
    return corrupt(images, name) if amount else images


DISTURBANCES: Mapping[str, Disturbance] = {
    "shift": Disturbance("Shift", "pixels", 0, (0, 1, 2, 3, 4), (0, 1), _shifted),
    "rotation": Disturbance(
        "Rotation", "degrees either way", 0, (0, 5, 10, 15, 20, 30), (0, 10), _rotated
    ),
    "scale": Disturbance("Scale", "factor", 1, (0.8, 0.9, 1, 1.1, 1.2, 1.3), (0.9, 1.1), _scaled),
    "stroke": Disturbance(
        "Width of strokes",
        "pixels more on each side",
        0,
        (-1, -0.5, 0, 0.5, 1),
        (-0.5, 0.5),
        thicken,
    ),
    "noise": Disturbance(
        "Noise", "deviation, share of full ink", 0, (0, 0.1, 0.2, 0.3), (0, 0), add_noise
    ),
    "contrast": Disturbance(
        "Contrast", "ink, share of the original", 1, (0.25, 0.5, 0.75, 1), (1, 1), contrast
    ),
    "resolution": Disturbance(
        "Resolution", "pixels a side", 28, (8, 10, 14, 28), (28, 28), low_resolution
    ),
    **{
        key: Disturbance(
            f"Corruption: {name.replace('_', ' ')}",
            "MNIST-C",
            0,
            (0, 1),
            (0, 0),
            partial(_corrupted, name),
        )
        for key, name in CORRUPTED.items()
    },
}


def sample(num_images: int, size: int) -> NDArray[np.int64]:
    """The indices of a random sample of images. A larger sample begins with the smaller one.

    Examples
    --------
    >>> sample(10_000, 3)
    array([3577, 8925, 1634])
    """
    return np.random.default_rng(SEED).permutation(num_images)[:size]


def disturb(images: Images, disturbance: str, amount: float) -> Images:
    """Disturb images.

    The first `SHOWN` do not depend on the others, so that they can be shown without them.
    """
    apply = DISTURBANCES[disturbance].apply
    parts = (part for part in np.split(images, [SHOWN]) if len(part))
    return np.concatenate([apply(part, amount) for part in parts])


def measure(
    models: Mapping[str, Fitted], images: Images, labels: NDArray[Any]
) -> dict[str, list[Any]]:
    """Accuracy of each model on the same images under each amount of each disturbance.

    `models` has the fitted models by name. The result has columns of equal length; `count` is the
    number of images, and `answers` the labels of the first of them, separated by spaces. The row of
    each neutral amount has the accuracy without disturbance.
    """
    conditions = [
        (name, float(amount)) for name, found in DISTURBANCES.items() for amount in found.amounts
    ]
    changed = [
        (name, amount) for name, amount in conditions if amount != DISTURBANCES[name].neutral
    ]
    # All images in one call, because a call has a fixed cost.
    stacked = np.concatenate([images, *(disturb(images, *condition) for condition in changed)])
    rows = []
    for model, fitted in models.items():
        predicted = MODELS[model].method().answer(fitted, stacked).labels
        undisturbed, *others = predicted.reshape(-1, len(images))
        answers = dict(zip(changed, others, strict=True))
        for condition in conditions:
            found = answers.get(condition, undisturbed)
            share = int((found == labels).sum()) / len(labels)
            rows.append((*condition, model, share, len(labels), " ".join(map(str, found[:SHOWN]))))
    columns = ("disturbance", "amount", "model", "accuracy", "count", "answers")
    return {
        column: list(values)
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    }


class Curves(NamedTuple):
    """The accuracies of each model under one disturbance, one per amount;

    `neutral` is the amount without effect.
    """

    title: str
    unit: str
    neutral: float
    amounts: list[float]
    accuracies: dict[str, list[float]]


def curves(measured: Mapping[str, Any]) -> dict[str, Curves]:
    """The result of `measure`, or a table of it, by disturbance."""
    found: dict[str, Curves] = {}
    for name, model, accuracy in zip(
        *(measured[c] for c in ("disturbance", "model", "accuracy")), strict=True
    ):
        kind = DISTURBANCES[name]
        curve = found.setdefault(
            name, Curves(kind.title, kind.unit, kind.neutral, list(map(float, kind.amounts)), {})
        )
        curve.accuracies.setdefault(model, []).append(float(accuracy))
    return found


def is_small(disturbance: str, amount: float) -> bool:
    """Whether a disturbance is within the variation of ordinary handwriting, such as a shift by a
    pixel.
    """
    low, high = DISTURBANCES[disturbance].small
    return amount != DISTURBANCES[disturbance].neutral and low <= amount <= high


def summary(measured: Mapping[str, Curves], model: str) -> dict[str, float]:
    """The accuracy of a model without and with disturbances, and its mean error under the
    corruptions of MNIST-C.
    """
    first = next(iter(measured.values()))
    disturbed = {
        (name, amount): share
        for name, curve in measured.items()
        for amount, share in zip(curve.amounts, curve.accuracies[model], strict=True)
        if amount != curve.neutral
    }
    errors = {name: 1 - disturbed[key, 1] for key, name in CORRUPTED.items()}
    return {
        "undisturbed": first.accuracies[model][first.amounts.index(first.neutral)],
        "small_mean": float(
            np.mean([share for place, share in disturbed.items() if is_small(*place)])
        ),
        "mean": float(np.mean(list(disturbed.values()))),
        "least": min(disturbed.values()),
        "corruption_error": float(np.mean(list(errors.values()))),
        "like_training_error": float(np.mean([errors[name] for name in LIKE_TRAINING])),
        "unlike_training_error": float(
            np.mean([errors[name] for name in CORRUPTIONS if name not in LIKE_TRAINING])
        ),
    }


def answers(measured: Mapping[str, Any], model: str) -> dict[tuple[str, float], list[int]]:
    """A model's answers to the first `SHOWN` images, by disturbance and amount."""
    rows = zip(
        *(measured[column] for column in ("disturbance", "amount", "model", "answers")), strict=True
    )
    return {
        (name, float(amount)): list(map(int, said.split()))
        for name, amount, of, said in rows
        if of == model
    }
