"""Odd pictures and damaged files: each is read, or refused by the documented error."""

import warnings

import numpy as np
import pytest

from generators.odd_pictures import odd_file, odd_picture
from mnist_pipeline.recognition import pictures
from mnist_pipeline.recognition.pictures import Found, ImageError

pytestmark = pytest.mark.slow
BATCHES = 20  # so that a failure names a small range of seeds


@pytest.fixture
def seeds(request: pytest.FixtureRequest, batch: int) -> range:
    """The seeds of a batch: two pictures in all for every five cases of `--fuzz-cases`."""
    size = request.config.getoption("--fuzz-cases") * 2 // 5 // BATCHES
    return range(batch * size, (batch + 1) * size)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_digits_are_searched_in_any_picture(seeds: range) -> None:
    for seed in seeds:
        picture = odd_picture(np.random.default_rng(seed))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = pictures.find_digits(picture)
        assert all(_is_valid(digit, picture.shape) for digit in found), seed


@pytest.mark.parametrize("batch", range(BATCHES))
def test_any_bytes_are_a_picture_or_refused(seeds: range) -> None:
    num_read = 0
    for seed in seeds:
        try:
            picture = pictures.read(odd_file(np.random.default_rng(seed)))
        except ImageError:
            continue
        num_read += 1
        assert picture.ndim == 2, seed
        if picture.size <= 100_000:  # damage to a header can make a large picture, which takes long
            assert all(_is_valid(digit, picture.shape) for digit in pictures.find_digits(picture)), seed
    assert 0 < num_read < len(seeds)


def test_a_stroke_whose_pixels_hold_no_ink_is_no_error() -> None:
    picture = np.full((9, 40), 7, np.uint8)  # the blurred ink of these points is strongest between them
    picture[[2, 4, 5], [16, 16, 14]] = 214
    assert all(_is_valid(digit, picture.shape) for digit in pictures.find_digits(picture))


def test_paper_whose_levels_differ_by_rounding_only_is_no_error() -> None:
    picture = np.float32(255) * (1 - np.random.default_rng(0).integers(0, 3, (100, 80)) * np.float32(6e-8))
    picture[20:80, 38:44] = 0
    (digit,) = pictures.find_digits(picture.astype(np.float32))
    assert _is_valid(digit, picture.shape)


def _is_valid(digit: Found, shape: tuple[int, ...]) -> bool:
    x, y, width, height = digit.box
    is_inside = 0 <= x < x + width <= shape[1] and 0 <= y < y + height <= shape[0]
    return is_inside and digit.image.shape == (28, 28) and digit.image.any()
