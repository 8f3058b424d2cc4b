"""A training set grown N-fold: fold 0 is the set itself, each further fold the set as other hands would write it.

A fold depends on the set, the seed and its number alone, so any of them can be made at any time, on any machine, with
any number of threads, to the same bytes; nobody needs the others for it, and the whole is never in memory.
"""

from __future__ import annotations

import numpy as np

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.deformations import Variation, vary

# Small enough that every digit stays what its label says: half of what the default network is trained against.
VARIATION = Variation(rotation=6, scale=0.05, shear=0.05, shift=1, stroke=0.2)


def fold(digits: DigitSet, number: int, seed: int = 0) -> DigitSet:
    """One fold of a set of digits.

    Parameters
    ----------
    digits : DigitSet
    number : int
        Which, from 0. Fold 0 is the set itself.
    seed : int, default=0
        Of the deformations, from 0.

    Returns
    -------
    DigitSet
        As many images, in the same order, with the same labels.
    """
    if number < 0:
        raise ValueError(f"number is {number}; folds are counted from 0")
    if number == 0:
        return digits
    return DigitSet(vary(digits.images, VARIATION, (seed, number)), digits.labels)


def changed_share(digits: DigitSet, expanded: DigitSet) -> float:
    """Share of the images of a fold that differ from the original."""
    return float(np.mean((digits.images != expanded.images).any(axis=(1, 2))))
