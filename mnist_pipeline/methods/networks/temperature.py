"""Temperature scaling: probabilities that match the share of correct predictions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.utils.bisection import crossing


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """The temperature T that minimizes the cross-entropy of softmax(logits / T).

    Label smoothing makes a network less sure than it is right. One number corrects that, and
    changes no predicted label [1]_.

    The logits (num_samples, num_classes) and labels (num_samples,) are of images that the network
    was not trained on. The cross-entropy may have no minimum. If all images are classified
    correctly, it falls without end as T falls; the result is then 1. If the predictions are no
    better than guessing, it falls without end as T rises; the result is then a hundred times the
    largest difference between the logits of an image. With a larger T, rounding would make all
    probabilities equal.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks",
        ICML 2017.
    """
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=1, keepdims=True)
    mean_true_score = scores[np.arange(len(scores)), labels].mean()

    def slope(temperature: float) -> float:
        # With β = 1/T, d/dβ of the mean of log Σ exp(β z) − β z_y is the expected score minus the
        # true one. It rises with β, because the cross-entropy is convex in β.
        powers = np.exp(scores / temperature)
        return float(((powers * scores).sum(axis=1) / powers.sum(axis=1)).mean() - mean_true_score)

    if not mean_true_score:
        return 1.0
    spread = -float(scores.min())  # the largest difference of logits
    return crossing(slope, 1e-6 * spread, 100 * spread)
