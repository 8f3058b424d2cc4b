"""Odd pictures and damaged files: each is read, or refused by the documented error."""

import warnings

import numpy as np

from mnist_pipeline.recognition.pictures import Found, find_digits


def test_a_stroke_whose_pixels_hold_no_ink_is_no_error() -> None:
    picture = np.full((9, 40), 7, np.uint8)  # the blurred ink of these points is strongest between them
    picture[[2, 4, 5], [16, 16, 14]] = 214
    assert all(_is_valid(digit, picture.shape) for digit in find_digits(picture))


def test_paper_whose_levels_differ_by_rounding_only_is_no_error() -> None:
    picture = np.float32(255) * (1 - np.random.default_rng(0).integers(0, 3, (100, 80)) * np.float32(6e-8))
    picture[20:80, 38:44] = 0
    (digit,) = find_digits(picture.astype(np.float32))
    assert _is_valid(digit, picture.shape)


def test_dots_rectangles_and_noise_of_any_size_are_searched_without_a_warning() -> None:
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            shape = tuple(map(int, np.exp(rng.uniform(0, np.log(150), 2))))
            dots = np.where(rng.random(shape) < rng.choice([0.01, 0.05, 0.3]), *rng.integers(0, 256, 2))
            noise = np.clip(128 + rng.normal(0, rng.choice([0.4, 3, 30, 300]), shape), 0, 255)
            top, left = (int(rng.integers(side)) for side in shape)
            noise[top : top + int(rng.integers(1, 50)), left : left + int(rng.integers(1, 50))] = rng.integers(256)
            for picture in (dots.astype(np.uint8), noise.astype(np.float32)):
                assert all(_is_valid(digit, shape) for digit in find_digits(picture))


def _is_valid(digit: Found, shape: tuple[int, ...]) -> bool:
    x, y, width, height = digit.box
    is_inside = 0 <= x < x + width <= shape[1] and 0 <= y < y + height <= shape[0]
    return is_inside and digit.image.shape == (28, 28) and bool(digit.image.any())
