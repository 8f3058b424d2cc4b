"""Softmax regression by hand: function, loss, gradient, per-sample gradient descent, and the model
of the table.

A linear score for each class, z = W x + b, becomes class probabilities y = softmax(z). With y' the
one-hot label, the loss is the cross-entropy L = −Σ y' log y, and its gradients are

    ∂L/∂W = (y − y') xᵀ,        ∂L/∂b = y − y'.

`sgd_reference` implements them in a dozen lines of NumPy. `sgd` makes the same sequence of updates
in compiled code, on the nonzero pixels only.

Each function raises a ValueError or a TypeError for arguments without an answer, and the fits raise
a FloatingPointError if they diverge.
"""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_pipeline.data.values import MAX_CLASSES, Answer, DigitSet, ImageKind
from mnist_pipeline.utils.arguments import (
    checked,
    checked_labels,
    checked_number,
    checked_pixels,
    numbers,
    random_generator,
)
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.stored_types import stored_type

FloatArray = NDArray[np.float64]
Parameters = tuple[FloatArray, FloatArray]
STEP = 1e-5  # of finite differences
BLOCK_ROWS = 4096  # samples converted at a time: 26 MB of float64 at 784 pixels
NUM_CHECKED = 10  # images on which the gradient is compared with finite differences
# A function of the number of an epoch, its mean loss and its accuracy.
OnEpoch = Callable[[int, float, float], object]


def softmax(x: ArrayLike) -> NDArray[np.floating[Any]]:
    """Probabilities from scores along the last axis, which sum to one.

    The maximum is subtracted first: softmax(x) = softmax(x − c), and no exponential overflows.
    A score of −∞ has the probability 0. Raises a ValueError if a largest score is not finite.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    array([0.5, 0.5])
    """
    array = numbers("x", x)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"x has shape {array.shape}; expected scores along the last axis")
    scores = np.multiply(array, np.float32(1))  # differences of integers would wrap around
    checked("the largest of x", scores.max(axis=-1))
    return _softmax(scores)


def loss(W: FloatArray, b: FloatArray, y_true: ArrayLike, x: ArrayLike) -> float:
    """Cross-entropy L = −Σ y' log y of one sample, or its mean over a batch, in nats.

    The weights W are (num_classes, num_features), the biases b (num_classes,). A sample x has
    num_features values, with an integer label; a batch is (num_samples, num_features) or
    (num_samples, rows, columns), with labels (num_samples,). Bytes are divided by 255.

    Examples
    --------
    >>> loss(np.zeros((10, 784)), np.zeros(10), 7, np.ones(784))  # log 10: equal probabilities
    2.302585092994046
    """
    rows, targets, W, b = _samples(W, b, y_true, x)
    with np.errstate(all="ignore"):  # a loss that is not finite is refused
        mean = np.mean(_cross_entropy(_scores(W, b, rows), targets))
    return float(checked_number("the loss of W, b and x", mean))


def gradient(W: FloatArray, b: FloatArray, y_true: ArrayLike, x: ArrayLike) -> Parameters:
    """Gradient of `loss` in weights and biases: (y − y') xᵀ and y − y', or means over a batch.

    Examples
    --------
    >>> W, b = np.zeros((2, 3)), np.zeros(2)
    >>> slope_W, slope_b = gradient(W, b, 0, [1.0, 2.0, 4.0])  # y − y' = (−½, ½)
    >>> slope_W
    array([[-0.5, -1. , -2. ],
           [ 0.5,  1. ,  2. ]])
    >>> slope_b
    array([-0.5,  0.5])
    """
    rows, targets, W, b = _samples(W, b, y_true, x)
    difference = (_softmax(_scores(W, b, rows)) - targets) / len(rows)
    return difference.T @ rows, difference.sum(axis=0)


def numerical_gradient(W: FloatArray, b: FloatArray, y_true: ArrayLike, x: ArrayLike) -> Parameters:
    """Gradient of `loss` by central differences, (L(w + h) − L(w − h)) / 2h, with h = `STEP`.

    Examples
    --------
    >>> _, slope_b = numerical_gradient(np.zeros((2, 3)), np.zeros(2), 0, [1.0, 0.0, 4.0])
    >>> slope_b.round(6)
    array([-0.5,  0.5])
    """
    rows, targets, W, b = _samples(W, b, y_true, x)
    scores = _scores(W, b, rows)
    # Scores are linear in the parameters: W[c, j] + h moves the scores of class c by h x_j, and
    # b[c] + h moves them by h.
    moves = STEP * np.vstack([rows.T, np.ones(len(rows))])  # (num_features + 1, num_samples)
    slopes = np.empty((scores.shape[1], len(moves)))
    shape = (len(moves), *scores.shape)  # (num_features + 1, num_samples, num_classes)

    def losses(c: int, moves: FloatArray) -> FloatArray:
        moved = np.broadcast_to(scores, shape).copy()
        moved[:, :, c] += moves
        return _cross_entropy(moved, targets).mean(axis=1)

    with np.errstate(all="ignore"):  # what is not finite is refused below
        for c in range(len(slopes)):
            slopes[c] = (losses(c, moves) - losses(c, -moves)) / (2 * STEP)
    checked("the gradient of W, b and x", slopes)
    return slopes[:, :-1].copy(), slopes[:, -1].copy()


def gradient_error(W: FloatArray, b: FloatArray, y_true: ArrayLike, x: ArrayLike) -> float:
    """Largest difference of `gradient` and `numerical_gradient`, relative to the largest entry.

    Examples
    --------
    >>> gradient_error(np.zeros((2, 3)), np.zeros(2), 0, [1.0, 0.0, 4.0]) < 1e-8
    True
    """
    dW, db = gradient(W, b, y_true, x)
    numerical_dW, numerical_db = numerical_gradient(W, b, y_true, x)
    difference = max(np.abs(dW - numerical_dW).max(), np.abs(db - numerical_db).max())
    largest = max(np.abs(dW).max(), np.abs(db).max(), np.finfo(np.float64).tiny)
    return float(difference / largest)


def pixel_deviations(images: NDArray[np.uint8]) -> FloatArray:
    """Standard deviation of each pixel of images (n, height, width[, channels]), uint8 or floating;
    float64 (n_features,).

    The influence of a weight is proportional to it. The unit is grey levels.

    Examples
    --------
    >>> pixel_deviations(np.array([[[0, 7]], [[10, 7]]], np.uint8))
    array([5., 0.])
    """
    rows = _matrix("images", images)
    if rows.dtype != np.uint8:
        with np.errstate(all="ignore"):  # overflow is refused
            return checked("the deviations of images", rows.std(axis=0))
    # Sums of integers below 2⁵³ are exact.
    squares = np.einsum("ij,ij->j", rows, rows, dtype=np.float64)
    mean = rows.sum(axis=0, dtype=np.float64) / len(rows)
    return np.sqrt(np.maximum(squares / len(rows) - mean**2, 0))


def predict_probabilities(W: FloatArray, b: FloatArray, X: ArrayLike) -> FloatArray:
    """Class probabilities softmax(W x + b), float64 (num_samples, num_classes).

    W is of shape (num_classes, num_features), b (num_classes,), X (num_samples, num_features) or
    (num_samples, rows, columns). Bytes are divided by 255.

    Examples
    --------
    >>> W, b = np.array([[0.0], [np.log(3)]]), np.zeros(2)
    >>> predict_probabilities(W, b, [[1.0]])
    array([[0.25, 0.75]])
    """
    samples = _matrix("X", X)
    W, b = _checked_parameters(W, b, samples)
    probabilities = np.empty((len(samples), len(W)))
    for block in slices(len(samples), BLOCK_ROWS):
        probabilities[block] = _softmax(_scores(W, b, _pixels(samples[block])))
    return probabilities


@stored_type
class FittedSoftmax(NamedTuple):
    """Weights and biases with and without the held-out images, and how they were fitted."""

    weights: FloatArray  # (n_classes, n_features)
    bias: FloatArray  # (n_classes,)
    held_out_weights: FloatArray  # fitted without the held-out images, as is the next field
    held_out_bias: FloatArray
    # Means over the training images of each epoch, (n_epochs,); each image is scored just before
    # its update.
    loss: FloatArray
    accuracy: FloatArray
    # The largest relative difference between the gradient and finite differences, at the fitted
    # weights.
    gradient_error: float


def fit(
    digits: DigitSet,
    settings: Mapping[str, Any],
    *,
    seed: int,
    kind: ImageKind,
    repeats: float = 1.0,
    on_epoch: Callable[..., object] | None = None,
) -> FittedSoftmax:
    """Fit weights to all images by `sgd`, and other weights without the held-out images.

    Both are fitted at the same time, since one fit computes on one core.
    """
    losses: list[float] = []
    accuracies: list[float] = []

    def record(epoch: int, mean_loss: float, accuracy: float) -> None:
        losses.append(mean_loss)
        accuracies.append(accuracy)
        if on_epoch is not None:
            on_epoch(epoch, epochs, loss=mean_loss, accuracy=accuracy)

    learning_rate = checked_number("learning_rate", settings["learning_rate"], 0)
    epochs = checked_number("epochs", settings["epochs"], 0, kinds="iu")
    epochs = max(1, round(epochs * checked_number("repeats", repeats, 0)))
    samples = _matrix("images", digits.images)
    # Labels and images may have changed since the set was made, and compiled code follows.
    labels = checked_labels("labels", digits.labels, len(samples), MAX_CLASSES).astype(np.int64)
    kept, held_out = digits.divided()
    W, b = _initial(digits.num_classes, samples, seed)
    fit_rows = functools.partial(_fit, _entries(samples), labels, (W, b), learning_rate, epochs)
    with ThreadPoolExecutor(1) as threads:
        without_held_out = threads.submit(fit_rows, kept) if len(held_out) else None
        W, b = fit_rows(np.arange(len(samples)), record)
    held_out_weights, held_out_bias = without_held_out.result() if without_held_out else (W, b)
    checked_images, checked_classes = digits.images[:NUM_CHECKED], labels[:NUM_CHECKED]
    return FittedSoftmax(
        weights=W,
        bias=b,
        held_out_weights=held_out_weights,
        held_out_bias=held_out_bias,
        loss=np.array(losses),
        accuracy=np.array(accuracies),
        gradient_error=float(gradient_error(W, b, checked_classes, checked_images)),
    )


def answer(fitted: FittedSoftmax, images: NDArray[np.uint8]) -> Answer:
    """The most probable class of each image, and the class probabilities.

    They need no temperature: training maximises the likelihood itself, without smoothing.
    """
    return _answer(fitted.weights, fitted.bias, images)


def held_out_answer(
    fitted: FittedSoftmax, images: NDArray[np.uint8], held_out: NDArray[np.int64]
) -> Answer:
    """The answer from the fit without the held-out images."""
    return _answer(fitted.held_out_weights, fitted.held_out_bias, images)


def _answer(W: FloatArray, b: FloatArray, images: NDArray[np.uint8]) -> Answer:
    probabilities = predict_probabilities(W, b, images)
    return Answer(probabilities.argmax(axis=1), probabilities)


def sgd(
    X: ArrayLike,
    y: ArrayLike,
    *,
    num_classes: int = 10,
    learning_rate: float = 1e-3,
    epochs: int = 20,
    seed: int = 0,
    initial: Parameters | None = None,
    on_epoch: OnEpoch | None = None,
) -> Parameters:
    """Fit softmax regression by gradient descent, one sample per update, in the data's order.

    Parameters
    ----------
    X : array_like of shape (num_samples, num_features) or (num_samples, rows, columns)
        Samples. Bytes are divided by 255; floating values are taken as they are.
    y : array_like of shape (num_samples,)
        Integer labels in [0, num_classes).
    num_classes : int, default=10
        Number of classes, at least 1.
    learning_rate : float, default=1e-3
        Step of every update, at least 0.
    epochs : int, default=20
        Passes over the data, at least 0.
    seed : int, default=0
        Seed of the initial weights and biases, uniform in [−0.5, 0.5).
    initial : tuple of ndarray, optional
        Weights and biases to start from instead; not modified.
    on_epoch : callable, optional
        Called after each epoch with its number, its mean cross-entropy in nats, and its accuracy.
        Each sample is scored just before its update.

    Returns
    -------
    W, b : ndarrays of shape (num_classes, num_features) and (num_classes,), float64

    Notes
    -----
    The updates are those of `sgd_reference`, in the same order. Sums are associated differently, so
    the weights agree up to rounding (1e-9), not to the last bit. A zero pixel contributes nothing
    to z = W x + b or to (y − y') xᵀ, so only the nonzero pixels are visited. `sgd` uses one thread,
    so the result does not depend on the number of threads.

    Examples
    --------
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> W, b = sgd(X, y, num_classes=2, learning_rate=0.5, epochs=100)
    >>> predict_probabilities(W, b, X).round(1)
    array([[1., 0.],
           [0., 1.]])
    """
    samples, labels, W, b = _prepare(X, y, num_classes, seed, initial)
    learning_rate = checked_number("learning_rate", learning_rate, 0)
    epochs = checked_number("epochs", epochs, 0, kinds="iu")
    rows = np.arange(len(labels))
    return _fit(_entries(samples), labels, (W, b), learning_rate, epochs, rows, on_epoch)


def _entries(samples: NDArray[Any]) -> tuple[Any, ...]:
    """The nonzero entries of all samples, one sample after another, as `kernel.run_epoch` takes
    them: starts, columns, values and scale.
    """
    counts = [np.count_nonzero(samples[rows], axis=1) for rows in slices(len(samples), BLOCK_ROWS)]
    starts = np.append(0, np.cumsum(np.concatenate(counts)))
    columns = np.empty(starts[-1], np.int32)
    values = np.empty(starts[-1], samples.dtype)
    # A block at a time: the mask and the int64 places of all samples would take five times as much
    # memory as the entries.
    for rows in slices(len(samples), BLOCK_ROWS):
        inked = samples[rows] != 0
        first = starts[rows.start]
        entries = slice(first, first + np.count_nonzero(inked))
        columns[entries] = np.flatnonzero(inked) % samples.shape[1]
        values[entries] = samples[rows][inked]
    return starts, columns, values, 1 / 255 if samples.dtype == np.uint8 else 1.0


def _fit(
    entries: tuple[Any, ...],
    labels: NDArray[np.int64],
    initial: Parameters,
    learning_rate: float,
    epochs: int,
    rows: NDArray[np.int64],
    on_epoch: OnEpoch | None = None,
) -> Parameters:
    """Fit to some of the samples, in the order of their numbers in `rows`."""
    # Imported here, so that importing this module does not import Numba.
    from mnist_pipeline.methods.softmax.kernel import LANES, run_epoch

    b = initial[1].copy()
    num_classes, num_features = initial[0].shape
    # Pixel-major, (blocks, features, lanes), the classes padded with zeros.
    padded = np.pad(initial[0], ((0, -num_classes % LANES), (0, 0)))
    blocks = np.ascontiguousarray(padded.reshape(-1, LANES, num_features).transpose(0, 2, 1))
    y = np.empty((len(blocks), LANES))
    for epoch in range(1, epochs + 1):
        total, correct = run_epoch(*entries, labels, rows, blocks, b, y, learning_rate)
        mean_loss = total / len(rows)
        if not (np.isfinite(mean_loss) and np.isfinite(blocks).all() and np.isfinite(b).all()):
            raise _divergence(epoch)
        if on_epoch is not None:
            on_epoch(epoch, mean_loss, correct / len(rows))
    W = blocks.transpose(0, 2, 1).reshape(-1, num_features)[:num_classes]
    return np.ascontiguousarray(W), b


def sgd_reference(
    X: ArrayLike,
    y: ArrayLike,
    *,
    num_classes: int = 10,
    learning_rate: float = 1e-3,
    epochs: int = 20,
    seed: int = 0,
    initial: Parameters | None = None,
) -> Parameters:
    """Fit softmax regression in plain NumPy: the reference in the tests of `sgd`.

    Examples
    --------
    >>> X, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
    >>> W, _ = sgd(X, y, num_classes=2)
    >>> expected, _ = sgd_reference(X, y, num_classes=2)
    >>> np.allclose(W, expected, atol=1e-9)
    True
    """
    samples, labels, W, b = _prepare(X, y, num_classes, seed, initial)
    learning_rate = checked_number("learning_rate", learning_rate, 0)
    epochs = checked_number("epochs", epochs, 0, kinds="iu")
    pixels = _pixels(samples)
    one_hot = np.eye(num_classes)
    with np.errstate(all="ignore"):  # a fit that diverges raises an error
        for epoch in range(1, epochs + 1):
            for x, label in zip(pixels, labels, strict=True):
                difference = _softmax(W @ x + b) - one_hot[label]
                W -= learning_rate * np.outer(difference, x)
                b -= learning_rate * difference
            if not (np.isfinite(W).all() and np.isfinite(b).all()):
                raise _divergence(epoch)
    return W, b


def _divergence(epoch: int) -> FloatingPointError:
    return FloatingPointError(
        f"the loss or the weights are not finite after epoch {epoch}: training diverged. Lower "
        "learning_rate."
    )


def _softmax(scores: NDArray[Any]) -> NDArray[Any]:
    """`softmax` of floating scores whose largest is finite."""
    with np.errstate(over="ignore"):  # a difference of −∞ has the probability 0
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _cross_entropy(scores: FloatArray, targets: FloatArray) -> FloatArray:
    """−Σ y' log y of each row, as log Σ exp z − Σ y' z: finite even where y rounds to zero."""
    largest = scores.max(axis=-1)
    log_partition = largest + np.log(np.exp(scores - largest[..., np.newaxis]).sum(axis=-1))
    return log_partition - (targets * scores).sum(axis=-1)


def _prepare(
    X: ArrayLike, y: ArrayLike, num_classes: int, seed: int, initial: Parameters | None
) -> tuple[NDArray[Any], NDArray[np.int64], FloatArray, FloatArray]:
    """Check the data of `sgd`; return the samples, the labels and the initial parameters."""
    samples = _matrix("X", X)
    num_classes = checked_number("num_classes", num_classes, 1, kinds="iu")
    labels = checked_labels("y", y, len(samples), num_classes).astype(np.int64)
    if initial is None:
        return samples, labels, *_initial(num_classes, samples, seed)
    try:
        W, b = initial
    except (ValueError, TypeError):
        raise ValueError(f"initial is {initial!r}; expected weights and biases") from None
    shape = num_classes, samples.shape[1]
    W = checked("the weights of initial", W, shape=shape).astype(np.float64)
    b = checked("the biases of initial", b, shape=shape[:1]).astype(np.float64)
    return samples, labels, W, b


def _initial(num_classes: int, samples: NDArray[Any], seed: int) -> Parameters:
    """Random weights and biases."""
    generator = random_generator("seed", seed)
    W = generator.uniform(-0.5, 0.5, (num_classes, samples.shape[1]))
    return W, generator.uniform(-0.5, 0.5, num_classes)


def _matrix(name: str, X: ArrayLike) -> NDArray[Any]:
    """Check samples and lay them out as a C-contiguous matrix, bytes as bytes and the rest as
    float64.
    """
    samples = checked_pixels(name, X, np.float64)
    return np.ascontiguousarray(samples.reshape(len(samples), -1))


def _pixels(samples: NDArray[Any]) -> FloatArray:
    """Bytes to [0, 1]; floating values as they are."""
    return samples / 255 if samples.dtype == np.uint8 else samples


def _checked_parameters(W: ArrayLike, b: ArrayLike, samples: NDArray[Any]) -> Parameters:
    """Weights and biases as float64, of the shapes that the samples (n, num_features) need."""
    W = checked("W", W, shape=(None, samples.shape[1])).astype(np.float64, copy=False)
    b = checked("b", b, shape=(len(W),)).astype(np.float64, copy=False)
    return W, b


def _scores(W: FloatArray, b: FloatArray, rows: FloatArray) -> FloatArray:
    """Scores z = W x + b, float64 (n, num_classes); a ValueError if they overflow."""
    with np.errstate(all="ignore"):
        return checked("W x + b", rows @ W.T + b)


def _samples(
    W: ArrayLike, b: ArrayLike, y_true: ArrayLike, x: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Lay out one sample or a batch as a matrix, and its labels as one-hot rows; check the
    parameters.
    """
    labels = numbers("y_true", y_true, kinds="iu")
    array = numbers("x", x)
    rows = _pixels(_matrix("x", array if labels.ndim else array.reshape(1, -1)))
    W, b = _checked_parameters(W, b, rows)
    labels = checked_labels("y_true", np.atleast_1d(labels), len(rows), len(W))
    return rows, np.eye(len(W))[labels], W, b
