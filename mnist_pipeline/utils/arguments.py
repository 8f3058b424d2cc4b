"""Checks of arguments: the error names the argument, its value, and the allowed values."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked(
    name: str,
    values: ArrayLike,
    low: float = -math.inf,
    high: float = math.inf,
    shape: tuple[int, ...] | None = None,
    kinds: str = "biuf",
) -> NDArray[Any]:
    """An argument as an array of finite numbers from `low` to `high`; a ValueError for others.

    `kinds` are the allowed values of `numpy.dtype.kind`: "iu" are the integers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in kinds or shape not in (None, array.shape):
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; expected "
            f"{'integers' if kinds == 'iu' else 'numbers'} of shape "
            f"{'any' if shape is None else shape}"
        )
    # A NaN is both the minimum and the maximum.
    for extreme in (array.min().item(), array.max().item()) if array.size else ():
        if not (math.isfinite(extreme) and low <= extreme <= high):
            limits = "" if math.isinf(low) and math.isinf(high) else f" from {low} to {high}"
            raise ValueError(f"{name} has the value {extreme}; expected finite numbers{limits}")
    return array


def checked_labels(
    name: str, labels: ArrayLike, num_samples: int, num_classes: float = math.inf
) -> NDArray[Any]:
    """Labels of at least one sample, integers (num_samples,) in [0, num_classes)."""
    return checked(name, labels, 0, num_classes - 1, (max(1, num_samples),), "iu")


def checked_pixels(name: str, images: ArrayLike, dtype: type) -> NDArray[Any]:
    """Images or rows, at least one: bytes, or finite floating values, which become `dtype`; a
    ValueError for others.
    """
    array = np.asarray(images)
    is_bytes = array.dtype == np.uint8
    if array.ndim < 2 or array.size == 0 or not (is_bytes or array.dtype.kind == "f"):
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; expected uint8 or floating, "
            "(n, features) or (n, rows, columns), n at least 1"
        )
    return array if is_bytes else checked(name, array).astype(dtype, copy=False)
