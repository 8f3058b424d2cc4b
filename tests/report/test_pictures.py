"""Images of a page come back from their data URIs, and are found in an atlas by their index."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.report import pictures


def _image(uri: str) -> Image.Image:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    return Image.open(io.BytesIO(content))


def _levels(uri: str) -> np.ndarray:
    return np.asarray(_image(uri).convert("L"))


def test_every_grey_level_is_kept_with_ink_drawn_black() -> None:
    image = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(_levels(pictures.grey(image)), 255 - image)


def test_levels_between_and_beyond_bytes_are_rounded_and_clipped() -> None:
    image = np.array([[-40.0, -0.2, 0.4], [127.6, 254.7, 300.0]])
    assert _levels(pictures.grey(image)).tolist() == [[255, 255, 255], [127, 0, 0]]


@pytest.mark.parametrize("count", [1, 4])
def test_a_strip_has_its_images_in_their_order_with_paper_between_them(count: int, small_train: DigitSet) -> None:
    levels = _levels(pictures.strip(small_train.images[:count]))
    step = 28 + pictures.GAP
    assert levels.shape == (28, count * step - pictures.GAP)
    for place, image in enumerate(small_train.images[:count]):
        np.testing.assert_array_equal(levels[:, place * step : place * step + 28], 255 - image)
        assert (levels[:, place * step + 28 : (place + 1) * step] == 255).all()


def test_signed_values_are_red_above_zero_transparent_at_zero_and_blue_below() -> None:
    def colors(*values: float) -> np.ndarray:
        return np.asarray(_image(pictures.diverging(np.array([values]))).convert("RGBA")).astype(int)[0]

    negative, zero, positive = colors(-2, 0, 2)
    assert (negative[3], zero[3], positive[3]) == (255, 0, 255)
    assert positive[0] > 2 * positive[2]
    assert negative[2] > 2 * negative[0]
    assert colors(0, 1, 5)[0][3] == 0  # also if all have one sign
    assert not colors(0, 0, 0)[:, 3].any()


def test_opposite_values_lie_equally_far_from_the_middle_of_the_colours() -> None:
    indices = np.asarray(_image(pictures.diverging(np.linspace(-1, 1, 41)[None])))[0].astype(int)
    middle = (pictures.LEVELS - 1) // 2
    np.testing.assert_array_equal(indices - middle, -(indices[::-1] - middle))
    assert (np.diff(indices) > 0).all()
    assert (indices[0], indices[-1]) == (0, pictures.LEVELS - 1)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 499), max_size=60))
def test_every_image_of_an_atlas_is_at_its_position(indices: list[int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (500, 3, 3), dtype=np.uint8)
    atlas = pictures.Atlas(images, indices)
    levels = _levels(atlas.uri)
    assert levels.shape == (3 * atlas.rows, 3 * atlas.columns)
    assert min(atlas.rows, atlas.columns) >= 2  # else a position in percent is undefined
    for index in indices:
        x, y = (float(share.rstrip("%")) / 100 for share in atlas.position(index).split())
        row, column = round(y * (atlas.rows - 1)), round(x * (atlas.columns - 1))
        cell = levels[3 * row : 3 * (row + 1), 3 * column : 3 * (column + 1)]
        np.testing.assert_array_equal(cell, 255 - images[index])


def test_a_large_atlas_has_sixteen_grey_levels_from_paper_to_ink() -> None:
    images = np.random.default_rng(0).integers(0, 256, (pictures.NUM_FINE + 1, 3, 3), dtype=np.uint8)
    levels = _levels(pictures.Atlas(images, range(len(images))).uri)
    assert len(np.unique(levels)) == 16
    assert (levels.min(), levels.max()) == (0, 255)
    assert abs(levels[:3, :3].astype(int) - (255 - images[0].astype(int))).max() <= 9
