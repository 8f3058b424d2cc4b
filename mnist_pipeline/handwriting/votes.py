"""The votes of the other models, and how probable the champion's answer is in their light.

People's pictures differ from a data set more than its test images do. A network's probabilities,
calibrated on images of the data set, are wrong where other hands and pens make it err more often.
So the temperature [1]_ of the champion's probabilities is fitted again on held-out images that are
disturbed as pictures are, and it depends on the image [2]_: T = exp(a + b d), where d is the share
of the other models that answer differently. Whatever the temperature, the answer stays the same.

k-nearest neighbours have no vote against another model: the page of the report knows only some of
the training images, and must doubt as Python does. On held-out digits, their vote changed how many
answers were doubted, and hardly which.

References
----------
.. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML
    2017.
.. [2] T. Joy, F. Pinto, S.-N. Lim, P. H. S. Torr, P. K. Dokania, "Sample-dependent adaptive
   temperature scaling for improved calibration", AAAI 2023.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.values import Answer
from mnist_pipeline.data.variation import Variation
from mnist_pipeline.evaluation.scores import LOWEST, intervals, log_losses

Floats = NDArray[np.float64]

VOTELESS = "knn"
NUM_IMAGES = 2_000
NONE = (0.0, 0.0)  # the weights a and b that change nothing
# Of the fitted weights. It is less than the first step of the search, 0.00025, or a search with few
# answers, whose loss changes little, would end where it begins.
TOLERANCE = 1e-4
SPREAD = 1.0  # standard deviation of the weights in the prior, whose mean is `NONE`
# Variation between people and between pens. Noise is left out: a network errs less often on noisy
# images than its probabilities say.
HANDS = Variation(rotation=20, scale=0.2, shear=0.3, shift=1, stroke=1.2)


def voters(models: Iterable[str], champion: str) -> list[str]:
    """The models that may object to the champion's answer.

    Examples
    --------
    >>> voters(["knn", "softmax", "cnn"], "cnn")
    ['softmax']
    """
    return [model for model in models if model not in (champion, VOTELESS)]


def disagreement(answers: Mapping[str, Answer], champion: str) -> Floats:
    """The share of the voters whose label differs from the champion's, float64 (n,)."""
    own = answers[champion].labels
    others = [answers[model].labels != own for model in voters(answers, champion)]
    return np.mean(others, axis=0) if others else np.zeros(len(own))


def weight(true_labels: NDArray[np.integer], predicted: NDArray[np.integer]) -> float:
    """The weight of a model's vote: −log e for its error rate e on held-out images.

    If another model is right, a model that answers otherwise errs, with the probability e. The
    weights of several models add up as if they erred independently. So that a model without errors
    has a finite weight, e is (errors + 1) / (images + 2).
    """
    num_errors = np.count_nonzero(predicted != true_labels)
    return float(-np.log((num_errors + 1) / (len(true_labels) + 2)))


def tempered(probabilities: Floats, shares: Floats, weights: Sequence[float] | Floats) -> Floats:
    """Divide log probabilities (n, n_classes) by T = exp(a + b d), for shares d (n,)."""
    temperatures = np.exp(weights[0] + weights[1] * shares)
    logits = np.log(np.maximum(probabilities, LOWEST)) / temperatures[:, np.newaxis]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def largest_claim(probabilities: Floats, is_correct: NDArray[np.bool_]) -> float:
    """The largest share of right answers that these answers (n,) allow to claim.

    It is the lower end of the 95% interval of those that are at least as probable as one of them.

    Examples
    --------
    >>> round(largest_claim(np.full(8, 0.99), np.ones(8, bool)), 3)  # all eight are right
    0.676
    >>> probabilities = np.repeat([0.99, 0.6], 50)
    >>> round(largest_claim(probabilities, probabilities > 0.9), 3)  # the best group counts
    0.929
    """
    are_as_sure = probabilities >= probabilities[:, np.newaxis]
    totals = are_as_sure.sum(axis=1)
    low, _ = intervals((are_as_sure & is_correct).sum(axis=1) / totals, totals)
    return float(low.max())


def fit(probabilities: Floats, shares: Floats, labels: NDArray[np.integer]) -> tuple[float, float]:
    """The weights a and b with the largest posterior probability, given labels (n,)."""
    from scipy.optimize import minimize

    def loss(weights: Floats) -> float:
        losses = log_losses(labels, tempered(probabilities, shares, weights))
        return float(losses.sum() + (weights**2).sum() / (2 * SPREAD**2))

    optimum = minimize(
        loss, NONE, method="Nelder-Mead", options={"xatol": TOLERANCE, "fatol": 1e-3}
    )
    a, b = optimum.x.tolist()
    return a, b
