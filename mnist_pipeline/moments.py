"""Mean and covariance of any number of images from exact integers that add up, shard by shard.

Floating-point sums depend on their order, and so on who computed what. Sums of bytes and of their products are
integers: those of shards add up to those of the whole, in any order, on any number of workers. Rounding happens once,
where mean and covariance are divided out, so both are the same to the bit however the images were shared out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

import numpy as np

from mnist_pipeline.pca import flatten
from mnist_pipeline.utils.blocks import in_blocks, read_only
from mnist_pipeline.utils.machine import num_cores
from mnist_pipeline.utils.stored_types import stored_type

MAX_BYTE = 255
EXACT_BITS = 24  # integers up to 2²⁴ are float32 numbers
FLOAT64_BITS = 53  # and up to 2⁵³ float64 numbers
BLOCK_ROWS = (1 << EXACT_BITS) // MAX_BYTE**2  # 258: the most rows whose sums of products stay exact
MAX_COUNT = np.iinfo(np.int64).max // MAX_BYTE**2  # 1.4·10¹⁴ images: beyond it, sums of products leave int64


@stored_type
class Moments(NamedTuple):
    """Sums over a set of images, from which its mean and covariance follow.

    Attributes
    ----------
    num_images : ndarray of shape (), int64
        N.
    sums : ndarray of shape (n_features,), int64
        s = Σ x, exact.
    products : ndarray of shape (n_features, n_features), int64
        S = Σ x xᵀ, exact.
    """

    num_images: np.ndarray
    sums: np.ndarray
    products: np.ndarray


def moments(images: np.ndarray, num_threads: int | None = None) -> Moments:
    """Number, sums and sums of products of images.

    Parameters
    ----------
    images : ndarray of shape (n_samples, n_features) or (n_samples, 28, 28), uint8
    num_threads : int, optional
        As many as there are cores by default. The result is the same.

    Returns
    -------
    Moments

    Notes
    -----
    Where the processor multiplies bytes, and the pixels fill its registers, they are multiplied as bytes; see
    `mnist_pipeline.moments_kernels`. Elsewhere the products are formed by float32 matrix multiplication, and yet exact:
    a product of two bytes is at most 255², so a sum over 258 rows is at most 258 · 255² = 16,776,450 < 2²⁴, and so is
    each part of it. All of them are integers that float32 holds, so no addition rounds, in whatever order and with or
    without fused multiply-add. Blocks are added up in float64, exact below 2⁵³, that is for more than 10¹¹ images.
    """
    pixels = flatten(images)
    if pixels.dtype != np.uint8:
        raise ValueError(f"images has type {pixels.dtype}; exact sums need uint8")
    if _multiplies_bytes(pixels.shape[1]):
        return _of_bytes(pixels, num_threads or num_cores())
    return Moments(np.array(len(pixels)), pixels.sum(axis=0, dtype=np.int64), _products_in_float32(pixels))


def _multiplies_bytes(num_features: int) -> bool:
    """Whether the processor has an instruction for products of bytes, whose registers so many pixels fill."""
    from mnist_pipeline.kernels import moments as moments_kernels

    return moments_kernels.IS_AVAILABLE and num_features % moments_kernels.WIDTH == 0


def _of_bytes(pixels: np.ndarray, num_threads: int) -> Moments:
    """The moments by integer products of bytes; threads share the images."""
    from mnist_pipeline.kernels import moments as moments_kernels

    num_features = pixels.shape[1]
    sums, products = np.zeros(num_features, np.int64), np.zeros((num_features, num_features), np.int64)
    lock = threading.Lock()

    def add_up(rows: slice) -> None:
        found = moments_kernels.add_up(read_only(pixels[rows]))
        with lock:
            np.add(sums, found[0], out=sums)
            np.add(products, found[1], out=products)

    in_blocks(add_up, len(pixels), min(-(-len(pixels) // num_threads), moments_kernels.MAX_ROWS), num_threads)
    return Moments(np.array(len(pixels)), sums, products + np.triu(products, 1).T)


def _products_in_float32(pixels: np.ndarray) -> np.ndarray:
    """Sums of products by matrix multiplication, in blocks that float32 sums exactly, int64."""
    num_features = pixels.shape[1]
    products = np.zeros((num_features, num_features))
    block = np.empty((BLOCK_ROWS, num_features), np.float32)
    added = np.empty((num_features, num_features), np.float32)
    for start in range(0, len(pixels), BLOCK_ROWS):
        rows = block[: len(pixels) - start]
        rows[:] = pixels[start : start + BLOCK_ROWS]
        products += np.matmul(rows.T, rows, out=added)
    return products.astype(np.int64)


def add(first: Moments, second: Moments) -> Moments:
    """The moments of two sets of images together.

    Raises
    ------
    ValueError
        If their images differ in size, or are more than int64 can hold the sums of.
    """
    if first.sums.shape != second.sums.shape:
        raise ValueError(f"images of {len(first.sums)} and of {len(second.sums)} pixels have no common moments")
    count = int(first.num_images) + int(second.num_images)
    if count > MAX_COUNT:
        raise ValueError(f"{count} images; sums of products leave int64 beyond {MAX_COUNT}")
    return Moments(np.array(count), first.sums + second.sums, first.products + second.products)


def total(parts: Iterable[Moments]) -> Moments:
    """The moments of all parts together; one part is in memory at a time."""
    return reduce(add, parts)


def mean(moments: Moments) -> np.ndarray:
    """Mean of each pixel, s / N, float64 (n_features,), each correctly rounded."""
    count = int(moments.num_images)
    return np.array([each / count for each in moments.sums.tolist()])


def covariance(moments: Moments) -> np.ndarray:
    """Sample covariance, (N S − s sᵀ) / (N (N − 1)), each entry correctly rounded.

    Numerator and denominator are integers, divided with a single rounding: as float64 where that holds them, up to
    372,000 images, and in Python's integers, which have no bound, beyond (an int64 numerator would overflow from 12
    million images on).

    Parameters
    ----------
    moments : Moments

    Returns
    -------
    ndarray of shape (n_features, n_features), float64
        Symmetric to the bit.

    Raises
    ------
    ValueError
        With fewer than two images, of which there is no sample covariance.
    """
    count = int(moments.num_images)
    if count < 2:
        raise ValueError(f"moments are those of {count} image; a sample covariance needs at least 2")
    denominator = count * (count - 1)
    if (count * MAX_BYTE) ** 2 <= 1 << FLOAT64_BITS:
        return (count * moments.products - np.outer(moments.sums, moments.sums)) / denominator
    sums = moments.sums.tolist()
    matrix = np.empty(moments.products.shape)
    for i, products in enumerate(moments.products.tolist()):
        row = [(count * products[j] - sums[i] * sums[j]) / denominator for j in range(i + 1)]
        matrix[i, : i + 1] = matrix[: i + 1, i] = row
    return matrix
