"""Small images of a page: they come out of their data URIs as they went in, and are found again in an atlas."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.report import pictures

PREFIX = "data:image/png;base64,"


def _opened(uri: str) -> Image.Image:
    assert uri.startswith(PREFIX)
    image = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix(PREFIX), validate=True)))
    assert image.format == "PNG"
    return image


def _levels(uri: str) -> np.ndarray:
    return np.asarray(_opened(uri))


def test_a_digit_comes_back_to_the_last_grey_level_with_ink_drawn_black(small_train: DigitSet) -> None:
    for image in small_train.images[:5]:
        levels = _levels(pictures.grey(image))
        assert levels.shape == image.shape
        np.testing.assert_array_equal(levels, 255 - image)


def test_every_grey_level_is_kept() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(_levels(pictures.grey(image)), 255 - image)


def test_levels_between_and_beyond_bytes_are_rounded_and_clipped() -> None:
    image = np.array([[-40.0, -0.2, 0.4], [127.6, 254.7, 300.0]])
    assert _levels(pictures.grey(image)).tolist() == [[255, 255, 255], [127, 0, 0]]


def test_a_strip_has_its_images_in_their_order_with_paper_between_them(small_train: DigitSet) -> None:
    images = small_train.images[:4]
    levels = _levels(pictures.strip(images))
    step = 28 + pictures.GAP
    assert levels.shape == (28, 4 * step - pictures.GAP)
    for place, image in enumerate(images):
        np.testing.assert_array_equal(levels[:, place * step : place * step + 28], 255 - image)
    for place in range(1, 4):
        assert (levels[:, place * step - pictures.GAP : place * step] == 255).all()


def test_a_strip_of_one_image_is_the_image(small_train: DigitSet) -> None:
    assert pictures.strip(small_train.images[:1]) == pictures.grey(small_train.images[0])


def test_the_same_image_gives_the_same_bytes(small_train: DigitSet) -> None:
    assert pictures.grey(small_train.images[3]) == pictures.grey(small_train.images[3].copy())


# Signed values


def _colors(values: np.ndarray) -> np.ndarray:
    return np.asarray(_opened(pictures.diverging(values)).convert("RGB")).astype(int)


def test_zero_is_nearly_white_the_largest_is_red_and_the_smallest_blue() -> None:
    (negative, zero, positive) = _colors(np.array([[-2.0, 0.0, 2.0]]))[0]
    assert zero.min() >= 245
    assert positive[0] > 2 * positive[2]
    assert negative[2] > 2 * negative[0]


def test_opposite_values_lie_equally_far_from_the_middle_of_the_colours() -> None:
    values = np.linspace(-1, 1, 41)[None]
    indices = np.asarray(_opened(pictures.diverging(values)))[0].astype(int)
    middle = (pictures.LEVELS - 1) // 2
    assert indices[20] == middle
    np.testing.assert_array_equal(indices - middle, -(indices[::-1] - middle))
    assert (np.diff(indices) > 0).all()
    assert (indices[0], indices[-1]) == (0, pictures.LEVELS - 1)


def test_values_of_one_sign_keep_zero_in_the_middle() -> None:
    colors = _colors(np.array([[0.0, 1.0, 5.0]]))[0]
    assert colors[0].min() >= 245
    assert np.argsort(colors[:, 1]).tolist() == [2, 1, 0]


def test_signed_values_are_scaled_by_their_largest_magnitude() -> None:
    values = np.random.default_rng(0).normal(size=(5, 5))
    assert pictures.diverging(values) == pictures.diverging(2**20 * values) != pictures.diverging(-values)


def test_nothing_but_zeros_is_nearly_white_throughout() -> None:
    assert _colors(np.zeros((3, 3))).min() >= 245


# Atlases


def _cell(atlas: pictures.Atlas, index: int, side: int = 28) -> np.ndarray:
    """What the atlas shows where it says that an image is."""
    row, column = divmod(atlas.indices.index(index), atlas.columns)
    return _levels(atlas.uri)[side * row : side * (row + 1), side * column : side * (column + 1)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 499), max_size=60))
def test_every_image_of_an_atlas_is_found_again_by_its_index(indices: list[int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (500, 3, 3), dtype=np.uint8)
    atlas = pictures.Atlas(images, indices)
    assert atlas.indices == sorted(set(indices))
    assert _levels(atlas.uri).shape == (3 * atlas.rows, 3 * atlas.columns)
    assert atlas.columns * (atlas.rows - 1) < max(len(atlas.indices), 3)
    for index in indices:
        np.testing.assert_array_equal(_cell(atlas, index, 3), 255 - images[index])


@pytest.mark.parametrize("indices", [[], [7], [7, 7, 7]], ids=["none", "one", "one repeated"])
def test_an_atlas_of_none_or_one_has_two_rows_and_columns_so_that_places_in_percent_exist(
    indices: list[int], small_train: DigitSet
) -> None:
    atlas = pictures.Atlas(small_train.images, indices)
    assert (atlas.rows, atlas.columns) == (2, 2)
    assert atlas.indices == sorted(set(indices))
    levels = _levels(atlas.uri)
    assert levels.shape == (56, 56)
    if indices:
        np.testing.assert_array_equal(_cell(atlas, 7), 255 - small_train.images[7])
    assert (levels[28:] == 255).all()


def test_an_index_beyond_the_images_is_refused(small_train: DigitSet) -> None:
    with pytest.raises(IndexError):
        pictures.Atlas(small_train.images, [len(small_train.images)])
