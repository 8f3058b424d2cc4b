"""The images held out of training: the same for every model and seed, so that models compare."""

import numpy as np
from numpy.typing import NDArray

SHARE = 1 / 12
SEED = 0


def split(
    num_samples: int, num_held_out: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide sample indices into those to train on and those held out, each in increasing order.

    The last `num_held_out` samples of a fixed permutation are held out, by default a twelfth of
    all. So a larger number holds out the same samples and others.

    Examples
    --------
    >>> kept, held_out = split(60_000)
    >>> len(kept), len(held_out)
    (55000, 5000)
    """
    size = round(SHARE * num_samples) if num_held_out is None else num_held_out
    if not 0 <= size < num_samples:
        raise ValueError(
            f"{size} samples can't be held out; expected at least 0 and fewer than {num_samples}."
        )
    permutation = np.random.default_rng(SEED).permutation(num_samples)
    boundary = num_samples - size
    return np.sort(permutation[:boundary]), np.sort(permutation[boundary:])
