"""A training set expanded N-fold: fold 0 is the set itself, each further fold the set as if written by other people.

A fold depends only on the set, the seed and its number. So any fold can be computed at any time, on any machine, with
any number of threads, to the same bytes. It needs no other fold, and the whole set is never in memory.
"""

import numpy as np

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.variation import Variation, vary

# Small enough that every digit keeps its class: half of the variation that the default network is trained with.
VARIATION = Variation(rotation=6, scale=0.05, shear=0.05, shift=1, stroke=0.2)


def fold(digits: DigitSet, number: int, seed: int = 0) -> DigitSet:
    """A fold of a set of digits: as many images, in the same order, with the same labels. Fold 0 is the set itself.

    Examples
    --------
    >>> digits = DigitSet(np.zeros((2, 28, 28), np.uint8), np.array([3, 8], np.uint8))
    >>> fold(digits, 1).labels
    array([3, 8], dtype=uint8)
    """
    if number == 0:
        return digits
    return DigitSet(vary(digits.images, VARIATION, (seed, number)), digits.labels)


def changed_share(digits: DigitSet, expanded: DigitSet) -> float:
    """Share of the images of a fold that differ from the original."""
    return float(np.mean((digits.images != expanded.images).any(axis=(1, 2))))
