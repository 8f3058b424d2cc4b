"""Accuracy of models on digits that are moved, written with another pen, or badly photographed.

Eight corruptions of MNIST-C are disturbances too: the amount 0 leaves an image as it is, and 1
corrupts it as published.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mnist_pipeline.data.color import Images
from mnist_pipeline.data.corruptions import CORRUPTIONS, corrupt
from mnist_pipeline.data.deformations import (
    add_noise,
    affine,
    contrast,
    low_resolution,
    thicken,
)
from mnist_pipeline.evaluation.scores import accuracy
from mnist_pipeline.methods.table import MODELS

SEED = 0  # of the sample, which is the same for every model
SHOWN = 24  # images whose answers are kept, so that the report can show failures
CORRUPTED = {f"corruption_{name}": name for name in CORRUPTIONS}  # by name of the disturbance
# The deformation in the convolutional network's training (`data.variation`) that a corruption
# resembles, although the corruption may be stronger. Impulse noise is unlike all deformations in
# training.
LIKE_TRAINING = {
    "shear": "slanted",
    "scale": "reduced to 60 to 95% of the size",
    "rotate": "rotated",
    "brightness": "on grey paper",
    "translate": "shifted by up to 4.5 pixels",
    "stripe": "inverted beyond straight lines",
    "dotted_line": "crossed by a straight line",
}
COLUMNS = ["disturbance", "amount", "model", "accuracy", "count", "answers"]
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
    # From images (n, rows, columns) and an amount to disturbed images.
    apply: Callable[[Images, float], Images]


def _shifted(images: Images, pixels: float) -> Images:
    """Shift every fourth image down, up, to the right, to the left."""
    return affine(images, shift=pixels * SIDES[np.arange(len(images)) % len(SIDES)])


def _rotated(images: Images, degrees: float) -> Images:
    """Rotate every other image counter-clockwise, the others clockwise."""
    return affine(images, rotation=np.where(np.arange(len(images)) % 2, -degrees, degrees))


def _scaled(images: Images, factor: float) -> Images:
    return affine(images, scale=factor)


def _corruption(name: str) -> Disturbance:
    return Disturbance(
        title=f"Corruption: {name.replace('_', ' ')}",
        unit="MNIST-C",
        neutral=0,
        amounts=(0, 1),
        small=(0, 0),
        apply=lambda images, amount: corrupt(images, name) if amount else images,
    )


_ROTATIONS = (0, 5, 10, 15, 20, 30)
_FACTORS = (0.8, 0.9, 1, 1.1, 1.2, 1.3)
_WIDTHS = (-1, -0.5, 0, 0.5, 1)
DISTURBANCES: Mapping[str, Disturbance] = {
    "shift": Disturbance("Shift", "pixels", 0, (0, 1, 2, 3, 4), (0, 1), _shifted),
    "rotation": Disturbance("Rotation", "degrees either way", 0, _ROTATIONS, (0, 10), _rotated),
    "scale": Disturbance("Scale", "factor", 1, _FACTORS, (0.9, 1.1), _scaled),
    "stroke": Disturbance(
        "Width of strokes", "pixels more on each side", 0, _WIDTHS, (-0.5, 0.5), thicken
    ),
    "noise": Disturbance(
        "Noise", "deviation, share of the range", 0, (0, 0.1, 0.2, 0.3), (0, 0), add_noise
    ),
    "contrast": Disturbance(
        "Contrast", "share of the original", 1, (0.25, 0.5, 0.75, 1), (1, 1), contrast
    ),
    "resolution": Disturbance(
        "Resolution", "pixels per side", 28, (8, 10, 14, 28), (28, 28), low_resolution
    ),
    **{key: _corruption(name) for key, name in CORRUPTED.items()},
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
    """Disturb images, each colour in the same way; the first `SHOWN` images do not depend on the
    others.
    """
    if images.ndim == 4:
        channels = [disturb(images[..., channel], disturbance, amount) for channel in range(3)]
        return np.stack(channels, axis=-1)
    apply = DISTURBANCES[disturbance].apply
    parts = (part for part in np.split(images, [SHOWN]) if len(part))
    return np.concatenate([apply(part, amount) for part in parts])


def measure(models: Mapping[str, Any], images: Images, labels: NDArray[Any]) -> pd.DataFrame:
    """Accuracy of each fitted model on the same images under each amount of each disturbance.

    In the table, `count` is the number of images, and `answers` the labels of the first images,
    separated by spaces. The row of each neutral amount has the accuracy without disturbance.
    """
    conditions = [(name, amount) for name, kind in DISTURBANCES.items() for amount in kind.amounts]
    disturbing = [
        (name, amount) for name, amount in conditions if amount != DISTURBANCES[name].neutral
    ]
    block_of = {condition: block for block, condition in enumerate(disturbing, 1)}
    # All images in one call, because a call has a fixed cost.
    stacked = np.concatenate([images, *(disturb(images, *condition) for condition in disturbing)])
    rows = []
    for model, fitted in models.items():
        answer = MODELS[model].method().answer(fitted, stacked)
        predicted = answer.labels.reshape(-1, len(images))
        for name, amount in conditions:
            block = predicted[block_of.get((name, amount), 0)]
            share, answers = accuracy(labels, block), " ".join(map(str, block[:SHOWN]))
            rows.append((name, float(amount), model, share, len(labels), answers))
    return pd.DataFrame(rows, columns=COLUMNS)


class Curves(NamedTuple):
    """The accuracies of each model under one disturbance."""

    title: str
    unit: str
    neutral: float  # the amount without effect
    amounts: list[float]
    accuracies: dict[str, list[float]]  # by amount


def curves(measured: pd.DataFrame) -> dict[str, Curves]:
    """The result of `measure`, by disturbance."""
    by_disturbance = {}
    for name, kind in DISTURBANCES.items():
        models = measured[measured["disturbance"] == name].groupby("model", sort=False)["accuracy"]
        accuracies = {str(model): shares.tolist() for model, shares in models}
        amounts = list(map(float, kind.amounts))
        by_disturbance[name] = Curves(kind.title, kind.unit, kind.neutral, amounts, accuracies)
    return by_disturbance


def is_small(disturbance: str, amount: float) -> bool:
    """Whether ordinary handwriting varies as much, for example by a shift of a pixel."""
    low, high = DISTURBANCES[disturbance].small
    return low <= amount <= high


def summary(measured: Mapping[str, Curves], model: str) -> dict[str, float]:
    """The accuracy of a model without and with disturbances, and its mean error under eight
    corruptions of MNIST-C.
    """
    first = next(iter(measured.values()))
    disturbed = {
        (name, amount): share
        for name, curve in measured.items()
        for amount, share in zip(curve.amounts, curve.accuracies[model], strict=True)
        if amount != curve.neutral
    }
    means = {
        "small_mean": [share for condition, share in disturbed.items() if is_small(*condition)],
        "mean": list(disturbed.values()),
        "corruption_error": [1 - disturbed[name, 1] for name in CORRUPTED],
    }
    return {
        "undisturbed": first.accuracies[model][first.amounts.index(first.neutral)],
        "least": min(disturbed.values()),
        **{name: float(np.mean(shares)) for name, shares in means.items()},
    }


def best(measured: Mapping[str, Curves]) -> str:
    """The model with the highest accuracy under small disturbances."""
    return max(MODELS, key=lambda model: summary(measured, model)["small_mean"])


def answers(measured: pd.DataFrame, model: str) -> dict[str, list[list[int]]]:
    """A model's answers to the first `SHOWN` images, by disturbance and amount."""
    of_model = measured[measured["model"] == model].groupby("disturbance", sort=False)["answers"]
    return {
        str(name): [list(map(int, labels.split())) for labels in rows] for name, rows in of_model
    }
