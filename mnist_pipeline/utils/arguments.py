"""Checks of arguments: the error names the argument, its value, and the allowed values."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

KINDS = {"biuf": "numbers", "iu": "integers", "b": "booleans"}
Shape = tuple[int | None, ...]  # None is any size of at least 1, and −1 any size


def numbers(
    name: str, values: ArrayLike, shape: Shape | None = None, kinds: str = "biuf"
) -> NDArray[Any]:
    """An argument as an array of some kinds and of a shape; its numbers may be infinite or NaN.

    `kinds` are the allowed values of `numpy.dtype.kind`: "iu" are the integers. Raises a TypeError
    for what is no array, and a ValueError for an array of another kind or shape.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise ValueError(f"{name} is no array: its rows have different lengths") from None
    expected = KINDS.get(kinds, "numbers")
    if shape is not None:
        expected += f" of shape {_format(shape)}"
    if array.dtype.kind == "O":
        raise TypeError(
            f"{name} has the type {type(values).__name__}, no array of numbers; expected {expected}"
        )
    if array.dtype.kind not in kinds or not _fits(array.shape, shape):
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; expected {expected}"
        )
    return array


def checked(
    name: str,
    values: ArrayLike,
    low: float = -math.inf,
    high: float = math.inf,
    shape: Shape | None = None,
    kinds: str = "biuf",
) -> NDArray[Any]:
    """An argument as an array of finite numbers from `low` to `high`.

    Raises a ValueError for other numbers, and the errors of `numbers`.
    """
    array = numbers(name, values, shape, kinds)
    is_limited = low > -math.inf or high < math.inf
    if array.size == 0 or not (is_limited or array.dtype.kind == "f"):
        return array
    # A NaN is both the minimum and the maximum.
    for extreme in (array.min().item(), array.max().item()):
        if not (math.isfinite(extreme) and low <= extreme <= high):
            raise ValueError(
                f"{name} has the value {extreme}; expected finite numbers{_limits(low, high)}"
            )
    return array


def checked_number(
    name: str,
    value: ArrayLike,
    low: float = -math.inf,
    high: float = math.inf,
    kinds: str = "biuf",
) -> Any:
    """An argument as one finite number of Python, from `low` to `high`; the errors of `checked`."""
    number = checked(name, value, low, high, (), kinds)
    return float(number) if number.dtype.kind == "f" else number.item()


def checked_labels(
    name: str, labels: ArrayLike, num_samples: int, num_classes: float = math.inf
) -> NDArray[Any]:
    """Labels of at least one sample, integers (num_samples,) in [0, num_classes)."""
    return checked(name, labels, 0, num_classes - 1, (max(1, num_samples),), "iu")


def checked_pixels(name: str, images: ArrayLike, dtype: type) -> NDArray[Any]:
    """Images or rows, at least one: bytes, or finite floating values, which become `dtype`; a
    ValueError for others.
    """
    array = numbers(name, images)
    is_bytes = array.dtype == np.uint8
    if array.ndim < 2 or array.size == 0 or not (is_bytes or array.dtype.kind == "f"):
        raise ValueError(
            f"{name} has shape {array.shape} and type {array.dtype}; expected uint8 or floating, "
            "(n, features) or (n, rows, columns), n at least 1"
        )
    if is_bytes:
        return array
    largest = float(np.finfo(dtype).max)
    return checked(name, array, -largest, largest).astype(dtype, copy=False)


def random_generator(
    name: str, seed: int | np.random.Generator | np.random.SeedSequence
) -> np.random.Generator:
    """NumPy's generator of random numbers from a seed, or the generator itself; a ValueError or a
    TypeError for what is no seed.
    """
    try:
        return np.random.default_rng(seed)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name} is {seed!r}; expected an integer of at least 0") from None


def _fits(shape: tuple[int, ...], expected: Shape | None) -> bool:
    if expected is None:
        return True
    return len(shape) == len(expected) and all(
        size >= 1 if allowed is None else allowed in (-1, size)
        for size, allowed in zip(shape, expected)
    )


def _format(shape: Shape) -> str:
    """As Python prints a tuple, with "any" for a size that is free."""
    sizes = ["any" if size in (None, -1) else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def _limits(low: float, high: float) -> str:
    if low == -math.inf and high == math.inf:
        return ""
    return f" of at least {low}" if high == math.inf else f" from {low} to {high}"
