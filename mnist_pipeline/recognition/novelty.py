"""Novelty detection: whether an image looks like any digit, independently of what the models read."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_pipeline import pca
from mnist_pipeline.data.datasets import IMAGE_SIDE
from mnist_pipeline.utils.blocks import in_blocks, read_only

POINT = 98.0  # above this percentile of the reference digits, an image does not look like a digit
ORDINARY = 50.0  # the stricter percentile for images in a picture where most findings are not digits

DIRECTIONS = 8
CELLS = 5  # per side
SMOOTHING = 0.7  # standard deviation in pixels, before differences are taken
NUM_COMPONENTS = 25  # of the subspace of a class
IMAGES_PER_COMPONENT = 4  # the minimum, in the smallest class
INK = 96  # from this grey level on, a pixel counts as ink for pieces and holes
EULER_WEIGHT = 0.1
EULER_SPREAD = 0.4  # the minimum, because nearly all digits of some classes have the same Euler number
NEGLIGIBLE = 1e-7  # smaller entries of the smoothing matrix, whose rows sum to 1, become 0
BLOCK_ROWS = 1_024  # images per block of a thread
EULER_ROWS = 128  # the same for Euler numbers, whose intermediate arrays then fit the cache


class Novelty(NamedTuple):
    """Distance of images from the training digits of the nearest class, ranked among reference digits.

    Notes
    -----
    The PCA reconstruction error of an image measures how much ink lies where digits rarely have ink. Letters and
    scribbles have their ink in the same places as digits; they differ in the direction of their strokes. Therefore the
    score compares edges instead of pixels: histograms of gradients [1]_ in eight directions and 5×5 overlapping cells,
    normalised by all edges of the image. The square roots of these shares turn Euclidean distances into Hellinger
    distances [2]_, which depend little on the pen and the contrast. The digits of a class lie near a subspace of 25
    dimensions [3]_. The score of an image for a class has two terms. The first is the logarithm of the squared distance
    from the subspace, in standard deviations from the mean over the class's own digits. The second is a tenth of the
    deviation of the Euler number (pieces minus holes, counted on 2×2 pixels [4]_): tangles have many holes, specks
    many pieces. The score of an image is its lowest score over the classes.

    The method is fitted without any example of a non-digit. The threshold is a percentile of reference digits, so the
    share of digits above it is known.

    References
    ----------
    .. [1] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    .. [2] R. Arandjelović, A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
    .. [3] S. Watanabe, N. Pakvasa, "Subspace method in pattern recognition", Proceedings of the 1st International
       Joint Conference on Pattern Recognition, 1973.
    .. [4] S. B. Gray, "Local properties of binary images in two dimensions", IEEE Transactions on Computers
       C-20(5), 1971.
    """

    means: np.ndarray  # of the edge histograms of each class; float32 (n_classes, 200)
    components: np.ndarray  # their leading principal components, as columns; float32 (n_classes, 200, n_components)
    residuals: np.ndarray  # mean and standard deviation of log squared residuals by class; float64 (n_classes, 2)
    euler: np.ndarray  # mean and standard deviation of Euler numbers by class; float64 (n_classes, 2)
    reference: np.ndarray  # scores of the reference digits, ascending; float64 (n_reference,)

    @classmethod
    def fit(cls, train_images: np.ndarray, train_labels: np.ndarray, reference_images: np.ndarray) -> "Novelty":
        """Fit the classes on training digits, uint8 (n, 28, 28), and the usual scores on digits outside that set.

        Raises a ValueError if a class has fewer than eight training images.
        """
        classes, counts = np.unique(train_labels, return_counts=True)
        if counts.min() < 2 * IMAGES_PER_COMPONENT:
            raise ValueError(
                f"train_labels has {counts.min()} images of a class; a subspace needs at least "
                f"{2 * IMAGES_PER_COMPONENT}"
            )
        num_components = min(NUM_COMPONENTS, int(counts.min()) // IMAGES_PER_COMPONENT)
        means, components, residuals, euler = [], [], [], []
        for label in classes:
            images = train_images[train_labels == label]
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
        """Distance of each image from its nearest class, float64 (n,); about 0 for a typical digit of the class.

        Images are uint8 (n, 28, 28), with light ink on 0, as `pictures.find_digits` returns them.
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


def percentile(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The percentage of an ascending reference below each value, 0–100, float64."""
    return np.asarray(100 * np.searchsorted(reference, values) / len(reference))


def looks_like_digit_in_picture(
    percentiles: np.ndarray, boxes: Sequence[tuple[int, int, int, int]], shape: tuple[int, ...]
) -> np.ndarray:
    """Whether each of the images found in one picture looks like a digit, bool (n,), by its percentile and its box.

    Noise and textures produce many shapes, and a few of them resemble a 1 or a 7; they also produce stripes at the
    edge of a picture. Therefore shapes that the edge cuts do not count as digits. If most shapes of a picture are not
    digits, the others must reach the stricter percentile.
    """
    likely = (percentiles <= POINT) & ~is_cut(boxes, shape)
    if 2 * np.count_nonzero(likely) < len(likely):
        likely &= percentiles <= ORDINARY
    return likely


def edges(images: np.ndarray) -> np.ndarray:
    """Square roots of the shares of an image's edges by cell and direction, float32 (n, 200)."""
    from mnist_pipeline.kernels.novelty import edge_shares

    angles = 2 * np.pi * np.arange(DIRECTIONS // 2) / DIRECTIONS
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    smooth, difference, pooling = _matrices()
    pixels = read_only(images)
    shares = np.empty((len(images), DIRECTIONS * CELLS * CELLS), np.float32)

    def compute(block: slice) -> None:
        edge_shares(pixels[block], smooth, difference, pooling, axes, shares[block])

    in_blocks(compute, len(images), BLOCK_ROWS)
    return shares


def euler_numbers(images: np.ndarray) -> np.ndarray:
    """Euler number, pieces minus holes, of the ink of uint8 images, float64 (n,), with 8-connected pixels."""
    numbers = np.empty(len(images))

    def count(block: slice) -> None:
        ink = np.pad(images[block] >= INK, ((0, 0), (1, 1), (1, 1))).view(np.int8)
        a, b, c, d = ink[:, :-1, :-1], ink[:, :-1, 1:], ink[:, 1:, :-1], ink[:, 1:, 1:]
        # E = vertices − edges + faces of the inked squares. Each vertex lies between four pixels a, b, c, d; its row
        # and column belong to the edges c | d and b | d, and to the face d.
        vertices, vertical, horizontal = a | b | c | d, c | d, b | d
        numbers[block] = (vertices - vertical - horizontal + d).sum(axis=(1, 2), dtype=np.int16)

    in_blocks(count, len(images), EULER_ROWS)
    return numbers


def is_cut(boxes: Sequence[tuple[int, int, int, int]], shape: tuple[int, ...]) -> np.ndarray:
    """Whether the edge of the picture cuts each box, bool (n,); False if the box fills the whole picture."""
    x, y, width, height = np.array(boxes, np.intp).reshape(-1, 4).T
    near = np.array([x, y, shape[1] - x - width, shape[0] - y - height]) <= 1
    return np.asarray(near.any(axis=0) & ~near.all(axis=0))


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smoothing S (28, 28), difference D (28, 28) and pooling into overlapping cells (5, 28), applied from the left."""
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
