"""Otsu's criterion: how well each threshold separates grey levels into two classes."""

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey

NUM_BINS = 128


def separation(
    values: Grey, limits: tuple[float, float] | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Thresholds between the limits, by default those of the values, and the separation by each of them [1]_.

    The separation is the variance between the means of the classes below and above the threshold, up to a factor.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man, and
       Cybernetics 9(1), 1979.
    """
    counts, edges = np.histogram(values, NUM_BINS, limits)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * centres)
    between = (total[-1] * below - total * below[-1]) ** 2 / np.maximum(below * above, 1)
    return edges[1:], between
