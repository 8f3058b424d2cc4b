"""Mean and covariance of any number of images, from exact integer sums that add up over shards.

A floating-point sum depends on the order of its terms, and so on how the work is divided. Sums of bytes and of products
of bytes are integers: the sums of the shards add up to the sums of the whole set, in any order, on any number of
workers. Only the final division into mean and covariance rounds, so both are the same to the bit for every division
into shards.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np

from mnist_pipeline.pca import flatten, sum_of_bytes
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.stored_types import stored_type

MIDDLE = 128  # subtracted from each pixel, so that products are as small as they can be
BLOCK_ROWS = (1 << 24) // MIDDLE**2  # 1,024 images: float32 represents all integers up to 2²⁴


@stored_type
class Moments(NamedTuple):
    """Sums over a set of images, from which its mean and covariance follow. int64 is enough for 10¹⁴ images."""

    num_images: np.ndarray  # N, of shape ()
    sums: np.ndarray  # s = Σ x, exact; int64 (n_features,)
    products: np.ndarray  # S = Σ x xᵀ, exact; int64 (n_features, n_features)


def moments(images: np.ndarray) -> Moments:
    """Compute the number, the sums and the sums of products of images (n_samples, …), uint8.

    The products are formed by float32 matrix multiplication, and yet they are exact. With d = x − 128, each product
    of two pixels is at most 128² = 2¹⁴ in size, so a sum over 1,024 images is at most 2²⁴. All partial sums are
    integers that float32 represents, so no addition rounds, whatever the order, with or without fused multiply-add.
    Blocks are added in float64, which is exact below 2⁵³ (more than 10¹¹ images). Then, with s = Σ x,

        Σ x xᵀ = Σ d dᵀ + 128 (s 1ᵀ + 1 sᵀ) − N 128² 1 1ᵀ.
    """
    pixels = flatten(images)
    if pixels.dtype != np.uint8:
        raise ValueError(f"images has type {pixels.dtype}; exact sums need uint8")
    num_images, num_features = pixels.shape
    sums = sum_of_bytes(pixels)
    shifted = np.empty((min(BLOCK_ROWS, num_images), num_features), np.float32)
    block_products = np.empty((num_features, num_features), np.float32)
    products = np.zeros((num_features, num_features))
    for rows in slices(num_images, BLOCK_ROWS):
        block = np.subtract(pixels[rows], np.float32(MIDDLE), out=shifted[: len(pixels[rows])])
        products += np.matmul(block.T, block, out=block_products)
    shift = MIDDLE * (sums[:, np.newaxis] + sums) - num_images * MIDDLE**2
    return Moments(np.array(num_images), sums, products.astype(np.int64) + shift)


def add(first: Moments, second: Moments) -> Moments:
    """Add the moments of two sets of images of one size."""
    return Moments(*(np.asarray(a + b) for a, b in zip(first, second, strict=True)))


def total(parts: Iterable[Moments]) -> Moments:
    """Add the moments of all parts; only one part is in memory at a time."""
    return reduce(add, parts)


def mean(moments: Moments) -> np.ndarray:
    """Mean of each pixel, s / N, float64 (n_features,), correctly rounded."""
    count = int(moments.num_images)
    return np.array([pixel_sum / count for pixel_sum in moments.sums.tolist()])


def covariance(moments: Moments) -> np.ndarray:
    """Sample covariance, (N S − s sᵀ) / (N (N − 1)), correctly rounded and so exactly symmetric.

    Numerator and denominator are Python integers, which have no bound: an int64 numerator would overflow from
    12 million images on. Each entry is rounded once, by the division. A single image has no covariance: that is a
    ValueError.
    """
    count = int(moments.num_images)
    if count < 2:
        raise ValueError(f"moments has num_images = {count}; a sample covariance needs at least 2")
    sums, products = moments.sums.astype(object), moments.products.astype(object)
    return np.asarray((count * products - np.outer(sums, sums)) / (count * (count - 1)), np.float64)
