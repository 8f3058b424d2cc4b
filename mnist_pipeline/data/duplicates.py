"""Images that show nearly the same, such as photos of one object that were taken in a row."""

import numpy as np
import scipy

NUM_COMPARED = 500  # images of a test set, so that large sets take little time
BLUR = 1.0  # standard deviation in pixels; hides the noise of a camera and of JPEG
# Share of an image's variance that a near-duplicate does not explain. With this limit, 1 of MNIST's
# 10,000 test images has a near-duplicate, a straight 1, and 37 of Fashion-MNIST's.
LARGEST_RESIDUAL = 0.003
LARGEST_SHIFT = 1.0  # pixels
BLOCK = 100  # images whose correlations with all others are in memory


def nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The index of the other image with the highest correlation, for each image; intp (n,)."""
    candidates = _unit(others).T
    blocks = np.array_split(_unit(images), -(-len(images) // BLOCK))
    return np.concatenate([np.argmax(block @ candidates, axis=1) for block in blocks])


def are_nearly_equal(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each image equals the other image at its place, up to light and a small shift.

    With the image b and the other image a, both (28, 28) and blurred, the least squares of
    b ≈ α a + β + u ∂g/∂x + v ∂g/∂y, with g = (a + b) / 2, have a small residual, α between ⅔ and 1½
    for the contrast, any β for the brightness, and a short (u, v), the shift.
    """
    a, b = (
        scipy.ndimage.gaussian_filter(levels.astype(float), (0, BLUR, BLUR), mode="nearest")
        for levels in (others, images)
    )
    dy, dx = np.gradient((a + b) / 2, axis=(1, 2))
    terms = np.stack([a, dx, dy], axis=1).reshape(len(a), 3, -1)
    terms -= terms.mean(axis=2, keepdims=True)  # removes β
    target = b.reshape(len(b), -1, 1)
    target -= target.mean(axis=1, keepdims=True)
    products = terms @ target  # (n, 3, 1)
    inverses = np.linalg.pinv(terms @ terms.transpose(0, 2, 1), hermitian=True)
    weights = inverses @ products
    variance = (target**2).sum(axis=(1, 2))
    residual = variance - (weights * products).sum(axis=(1, 2))
    contrast, *shift = weights[..., 0].T
    return np.asarray(
        (residual < LARGEST_RESIDUAL * variance)
        & (contrast > 2 / 3)
        & (contrast < 3 / 2)
        & (np.hypot(*shift) <= LARGEST_SHIFT)
    )


def _unit(images: np.ndarray) -> np.ndarray:
    """Images as vectors of mean 0 and length 1, float32 (n, n_pixels)."""
    vectors = images.reshape(len(images), -1).astype(np.float32)
    vectors -= vectors.mean(axis=1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
