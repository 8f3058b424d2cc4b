"""Temperature scaling: probabilities that match the share of correct predictions."""

import numpy as np
from numpy.typing import ArrayLike

from mnist_pipeline.utils.arguments import checked, checked_labels
from mnist_pipeline.utils.bisection import crossing

LARGEST = 1e100  # of the logits: larger ones would overflow on the way


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T that minimizes the cross-entropy of softmax(logits / T).

    Label smoothing makes a network less sure than it is right. One number corrects that, and
    changes no predicted label [1]_.

    The logits (num_samples, num_classes) and labels (num_samples,) are of images that the network
    was not trained on. The cross-entropy may have no minimum. If all images are classified
    correctly, it falls without end as T falls; the result is then 1. If the predictions are no
    better than guessing, it falls without end as T rises; the result is then a hundred times the
    largest difference between the logits of an image. With a larger T, rounding would make all
    probabilities equal.

    Raises a ValueError for logits that are not finite numbers from -1e100 to 1e100, and for labels
    that are not classes.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks",
        ICML 2017.
    """
    scores = checked("logits", logits, -LARGEST, LARGEST).astype(np.float64)
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"logits has shape {scores.shape}; expected (num_samples, num_classes)")
    classes = checked_labels("labels", labels, *scores.shape)
    scores -= scores.max(axis=1, keepdims=True)
    mean_true_score = scores[np.arange(len(scores)), classes].mean()

    def slope(temperature: float) -> float:
        # With β = 1/T, d/dβ of the mean of log Σ exp(β z) − β z_y is the expected score minus the
        # true one. It rises with β, because the cross-entropy is convex in β.
        powers = np.exp(scores / temperature)
        return float(((powers * scores).sum(axis=1) / powers.sum(axis=1)).mean() - mean_true_score)

    if not mean_true_score:
        return 1.0
    spread = -float(scores.min())  # the largest difference of logits
    return crossing(slope, 1e-6 * spread, 100 * spread)
