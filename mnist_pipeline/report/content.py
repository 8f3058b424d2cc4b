"""What a topic of the report is made of: parts of the page, and arrays for its script."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

# Of a weight, per sign: the probabilities of the convolutional network are right to 0.1%.
WEIGHT_LEVELS = 2**13

Values = Mapping[str, Any]
Document = Mapping[str, Any]
Named = dict[str, Any]
Code = dict[str, tuple[Callable[..., Any], ...]]


class Part(NamedTuple):
    """A part of the page."""

    order: int  # parts with smaller numbers come first
    id: str
    title: str  # in the contents; without one, a part of the story continues the part before it
    template: str
    models: tuple[str, ...] = ()  # that it describes; every other model gets a part of its own
    needs: str = (
        ""  # an entry of the document, such as "data.color"; if it is false, the part is left out
    )


class Packed(NamedTuple):
    """An array as the page stores it; integers with a step stand for its multiples."""

    array: np.ndarray
    step: float = 1


PackedArrays = dict[str, Packed]


class PageImages(NamedTuple):
    """The images that the page contains, as indices of the test and of the training images."""

    test: np.ndarray  # in order
    train: np.ndarray
    is_sampled: np.ndarray  # (n_test,): whether a test image is in the fair sample
    sample_size: int  # of the training images, which begin with a fair sample
    num_scattered: int  # of the training images, which begin with points of the scatter plot


def rounded(values: np.ndarray, step: float) -> Packed:
    """An array as multiples of a step, in 16 bits."""
    return Packed(np.rint(values / step).clip(-(2**15), 2**15 - 1).astype(np.int16), step)


def rounded_weights(weights: np.ndarray, levels: int = WEIGHT_LEVELS) -> Packed:
    """Weights as multiples of the largest magnitude divided by a number of levels."""
    return rounded(weights, (np.abs(weights).max() or 1) / levels)
