"""Images that show nearly the same, such as photos of one object that were taken in a row."""

import numpy as np
from scipy.ndimage import gaussian_filter

NUM_COMPARED = 500  # images of a test set, so that large sets take little time
BLUR = 1.0  # standard deviation in pixels; hides the noise of a camera and of JPEG
# Share of an image's variance that a near-duplicate does not explain. With this limit, 1 of MNIST's
# 10,000 test images has a near-duplicate, a straight 1, and 37 of Fashion-MNIST's.
LARGEST_RESIDUAL = 0.003
LARGEST_SHIFT = 1.0  # pixels


def nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The index of the nearest other image, by Euclidean distance, for each image; intp (n,)."""
    a, b = (levels.reshape(len(levels), -1).astype(np.float32) for levels in (images, others))
    # |a − b|² = |a|² − 2 a·b + |b|², and |a|² does not change the order
    return np.argmin((b**2).sum(axis=1) - 2 * a @ b.T, axis=1)


def is_near(image: np.ndarray, other: np.ndarray) -> bool:
    """Whether an image equals another image of its size, up to light and a small shift.

    With the image b and the other image a, both blurred, the least squares of
    b ≈ α a + β + u ∂g/∂x + v ∂g/∂y, with g = (a + b) / 2, have a small residual, any contrast α > 0
    and brightness β, and a short (u, v), the shift. Colours share these numbers.
    """
    a, b = (
        gaussian_filter(levels.astype(float), BLUR, mode="nearest", axes=(0, 1))
        for levels in (other, image)
    )
    dy, dx = np.gradient((a + b) / 2, axis=(0, 1))
    terms = np.stack([a, dx, dy, np.ones_like(a)]).reshape(4, -1)
    weights = np.linalg.lstsq(terms.T, b.ravel(), rcond=None)[0]
    contrast, u, v, _ = weights
    residual = np.var(b.ravel() - weights @ terms)
    is_aligned = contrast > 0 and np.hypot(u, v) <= LARGEST_SHIFT
    return bool(is_aligned and residual < LARGEST_RESIDUAL * b.var())
