"""Whether an image looks like a digit at all, whatever digit the models take it for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_pipeline import pca
from mnist_pipeline.data.datasets import IMAGE_SIDE
from mnist_pipeline.utils.blocks import in_blocks, read_only

POINT = 98.0  # percentile of the reference beyond which an image does not look like a digit
ORDINARY = 50.0  # percentile up to which an image among others that are no digits still does

DIRECTIONS = 8
CELLS = 5  # a side
SMOOTHING = 0.7  # standard deviation in pixels, before differences are taken
NUM_COMPONENTS = 25  # of the subspace of a class
IMAGES_PER_COMPONENT = 4  # at least, of the smallest class
INK = 96  # grey level from which a pixel is ink, where holes and pieces are counted
EULER_WEIGHT = 0.1
EULER_SPREAD = 0.4  # at least: digits of some classes nearly all have the same number
NEGLIGIBLE = 1e-7  # weight of a pixel in another's surroundings, which are of weight 1
BLOCK_ROWS = 1_024  # images that a thread takes at a time


class Novelty(NamedTuple):
    """How far images are from the training digits of the nearest class, held against reference digits.

    Attributes
    ----------
    means : ndarray of shape (n_classes, 200), float32
        Mean edges of the digits of a class.
    components : ndarray of shape (n_classes, 200, n_components), float32
        Leading principal components of its edges, as columns.
    residuals : ndarray of shape (n_classes, 2), float64
        Mean and standard deviation of the logarithm of what those components leave of its digits.
    euler : ndarray of shape (n_classes, 2), float64
        Mean and standard deviation of their number of pieces less holes.
    reference : ndarray of shape (n_reference,), float64
        Scores of the reference digits, ascending.

    Notes
    -----
    The reconstruction error of an image on the principal components of all digits says how much ink lies where ink
    seldom is. Letters and scribbles have theirs where digits have it. What tells them apart is where strokes run in
    which direction, so edges are compared instead of pixels: histograms of gradients [1]_, in eight directions and
    5×5 overlapping cells, relative to all edges of the image, square roots taken, which makes Euclidean distances
    Hellinger's [2]_. They change little with the pen and the contrast. The digits of a class lie near a subspace
    of 25 dimensions [3]_; the score of an image for it is the logarithm of the squared distance from it, in standard
    deviations from the mean of the class's own digits, plus a tenth of how far its Euler number (pieces less holes,
    counted on 2×2 pixels [4]_) is from theirs: tangles have many holes, specks many pieces. The least score counts.

    Nothing here has seen what is no digit. The point is a percentile of reference digits, so the share of
    them beyond it is known.

    References
    ----------
    .. [1] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    .. [2] R. Arandjelović, A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
    .. [3] S. Watanabe, N. Pakvasa, "Subspace method in pattern recognition", Proceedings of the 1st International
       Joint Conference on Pattern Recognition, 1973.
    .. [4] S. B. Gray, "Local properties of binary images in two dimensions", IEEE Transactions on Computers
       C-20(5), 1971.
    """

    means: np.ndarray
    components: np.ndarray
    residuals: np.ndarray
    euler: np.ndarray
    reference: np.ndarray

    @classmethod
    def fit(cls, train_images: np.ndarray, train_labels: np.ndarray, reference_images: np.ndarray) -> Novelty:
        """Learn the classes from training digits, and the usual scores from digits that were not trained on.

        Parameters
        ----------
        train_images : ndarray of shape (n_samples, 28, 28), uint8
        train_labels : ndarray of shape (n_samples,)
        reference_images : ndarray of shape (n_reference, 28, 28), uint8

        Raises
        ------
        ValueError
            If a class has fewer than eight training images, or there are no reference images.
        """
        classes, counts = np.unique(train_labels, return_counts=True)
        if len(classes) == 0 or counts.min() < 2 * IMAGES_PER_COMPONENT:
            raise ValueError(
                f"train_labels has {counts.min(initial=0)} images of a class; a subspace needs at least "
                f"{2 * IMAGES_PER_COMPONENT}"
            )
        if len(reference_images) == 0:
            raise ValueError("reference_images is empty; percentiles need at least one image")
        num_components = min(NUM_COMPONENTS, int(counts.min()) // IMAGES_PER_COMPONENT)
        means, components, residuals, euler = [], [], [], []
        for each in classes:
            images = train_images[train_labels == each]
            found = edges(images)
            mean = pca.mean(found)
            leading = pca.eigendecomposition(pca.covariance(pca.center(found, mean))).eigenvectors[:, :num_components]
            means.append(mean.astype(np.float32))
            components.append(leading.astype(np.float32))
            residuals.append(_moments(_log_residuals(found, means[-1], components[-1])))
            euler.append(_moments(euler_numbers(images)))
        fitted = cls(np.array(means), np.array(components), np.array(residuals), np.array(euler), np.empty(0))
        return fitted._replace(reference=np.sort(fitted.score(reference_images)))

    def score(self, images: np.ndarray) -> np.ndarray:
        """How unlike every class each image is, float64 (n,); about 0 for a usual digit of its class.

        Parameters
        ----------
        images : ndarray of shape (n, 28, 28), uint8
            Light ink on 0, as `images.find_digits` gives them.
        """
        found, numbers = edges(images), euler_numbers(images)
        scores = np.full(len(images), np.inf)
        for mean, components, residual, euler in zip(self.means, self.components, self.residuals, self.euler):
            distance = (_log_residuals(found, mean, components) - residual[0]) / residual[1]
            topology = np.abs(numbers - euler[0]) / max(euler[1], EULER_SPREAD)
            scores = np.minimum(scores, distance + EULER_WEIGHT * topology)
        return scores

    def percentile(self, images: np.ndarray) -> np.ndarray:
        """The share of the reference digits with a lower score, 0–100, float64 (n,)."""
        return percentile(self.score(images), self.reference)

    def looks_like_digit(self, images: np.ndarray) -> np.ndarray:
        """Whether each image, seen by itself, looks like a digit, bool (n,)."""
        return np.asarray(self.percentile(images) <= POINT)


def percentile(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The share of a reference, ascending, that lies below each value, 0–100, float64."""
    return np.asarray(100 * np.searchsorted(reference, values) / len(reference))


def looks_like_digit_in_picture(
    percentiles: np.ndarray, boxes: Sequence[tuple[int, int, int, int]], shape: tuple[int, ...]
) -> np.ndarray:
    """Whether each of the images found in one picture looks like a digit, bool (n,).

    Noise and textures give many shapes, a few of which resemble a 1 or a 7, and stripes at the edge of a picture.
    What the edge cuts is taken for no digit; and where most of what was found is none, the rest must be ordinary.

    Parameters
    ----------
    percentiles : ndarray of shape (n,)
        As `Novelty.percentile` gives them.
    boxes : sequence of n tuples
        x, y, width and height of each in the picture.
    shape : tuple of int
        Rows and columns of the picture.
    """
    likely = (percentiles <= POINT) & ~is_cut(boxes, shape)
    if 2 * np.count_nonzero(likely) < len(likely):
        likely &= percentiles <= ORDINARY
    return likely


def edges(images: np.ndarray) -> np.ndarray:
    """Square roots of the shares of an image's edges by place and direction, float32 (n, 200).

    Parameters
    ----------
    images : ndarray of shape (n, 28, 28), uint8
    """
    if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        raise ValueError(
            f"images is {images.dtype} of shape {images.shape}; pass uint8 of shape (n, {IMAGE_SIDE}, {IMAGE_SIDE})"
        )
    from mnist_pipeline.kernels.novelty import edge_shares

    angles = 2 * np.pi * np.arange(DIRECTIONS // 2) / DIRECTIONS
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    smooth, difference, pooling = _matrices()
    pixels = read_only(images)
    shares = np.empty((len(images), DIRECTIONS * CELLS * CELLS), np.float32)
    in_blocks(
        lambda block: edge_shares(pixels[block], smooth, difference, pooling, axes, shares[block]),
        len(images),
        BLOCK_ROWS,
    )
    return shares


def euler_numbers(images: np.ndarray) -> np.ndarray:
    """Pieces less holes of each image's ink, float64 (n,); pixels that touch at a corner belong together.

    Parameters
    ----------
    images : ndarray of shape (n, rows, columns), uint8
    """
    from mnist_pipeline.kernels.novelty import quads

    pixels, counts = read_only(images), np.empty((len(images), 3), np.int64)
    in_blocks(lambda block: quads(pixels[block], np.uint8(INK), counts[block]), len(images), BLOCK_ROWS)
    # Gray: a quad with one pixel is an outer corner, with three an inner one, with two across a bridge.
    one, three, across = counts.T
    return np.asarray((one - three - 2 * across) / 4)


def is_cut(boxes: Sequence[tuple[int, int, int, int]], shape: tuple[int, ...]) -> np.ndarray:
    """Whether the edge of a picture cuts what is in each box, bool (n,); not where the picture is cut to the box."""
    x, y, width, height = np.array(boxes, np.intp).reshape(-1, 4).T
    near = np.array([x, y, shape[1] - x - width, shape[0] - y - height]) <= 1
    return np.asarray(near.any(axis=0) & ~near.all(axis=0))


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smoothing S and difference D, (28, 28), and sums over overlapping cells, (5, 28), each applied from the left."""
    places = np.arange(IMAGE_SIDE)
    smooth = np.exp(-0.5 * ((places - places[:, None]) / SMOOTHING) ** 2)
    smooth /= smooth.sum(axis=1).max()
    difference = (np.eye(IMAGE_SIDE, k=1) - np.eye(IMAGE_SIDE, k=-1)) @ smooth
    size = IMAGE_SIDE / CELLS
    centres = (np.arange(CELLS) + 0.5) * size - 0.5
    pooling = np.maximum(0, 1 - np.abs(places - centres[:, None]) / size)
    for matrix in (smooth, difference):
        matrix[np.abs(matrix) < NEGLIGIBLE] = 0
    return smooth.astype(np.float32), difference.astype(np.float32), pooling.astype(np.float32)


def _log_residuals(found: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """log ‖(I − V Vᵀ)(e − mean)‖² of edges e, float64 (n,)."""
    centered = found - mean
    captured = centered @ components
    left = np.square(centered, dtype=np.float64).sum(axis=1) - np.square(captured, dtype=np.float64).sum(axis=1)
    return np.log(np.maximum(left, 1e-6))


def _moments(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), max(float(values.std()), 1e-6)
