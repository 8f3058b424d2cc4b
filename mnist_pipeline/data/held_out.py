"""The images held out of training: the same for every model and seed, so that models compare."""

import numpy as np
from numpy.typing import NDArray

SHARE = 1 / 12
# Of a small data set more are held out, since a few images can't choose between models.
LEAST_PER_CLASS = 10
LARGEST_SHARE = 1 / 6
SEED = 0


def held_out_size(labels: NDArray[np.integer]) -> int:
    """How many of the samples with these labels are held out by default.

    A twelfth; of a small set 10 samples per class, but at most a sixth of all, and at least one
    of each class that has several.

    Examples
    --------
    >>> [held_out_size(np.arange(n) % 3) for n in (60_000, 300, 72)]
    [5000, 30, 12]
    """
    counts = np.bincount(labels)
    per_class = LEAST_PER_CLASS * int(np.count_nonzero(counts))
    least = min(per_class, round(LARGEST_SHARE * len(labels)))
    return max(round(SHARE * len(labels)), least, int(np.count_nonzero(counts > 1)), 1)


def split(labels: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide samples with these labels into indices to train on and indices held out, both in
    increasing order.

    The first samples of a fixed stratified order are held out, as many as `held_out_size` returns.
    So each class is held out in proportion.

    Examples
    --------
    >>> kept, held_out = split(np.arange(60_000) % 10)
    >>> len(kept), len(held_out)
    (55000, 5000)
    """
    count = held_out_size(labels)
    order = stratified_order(labels, SEED)
    return np.sort(order[count:]), np.sort(order[:count])


def stratified_order(labels: NDArray[np.integer], seed: int) -> NDArray[np.int64]:
    """All indices in a random order: every prefix has each class in proportion, and begins with an
    image of each class.

    The image of rank r among the n_c of its class, from 0, has the position r / n_c. A class with a
    single image comes last.
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels)
    ranks = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    positions = np.where(np.repeat(counts, counts) > 1, ranks, 1) / np.repeat(counts, counts)
    return by_class[np.argsort(positions, kind="stable")]
