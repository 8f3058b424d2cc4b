"""Images of a page come back from their data URIs, and are found in an atlas by their index."""

import base64
import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_pipeline.data.records import DataSet
from mnist_pipeline.report import pictures


def _image(uri: str) -> Image.Image:
    content = base64.b64decode(uri.partition(";base64,")[2], validate=True)
    return Image.open(io.BytesIO(content))


def _levels(uri: str) -> np.ndarray:
    return np.asarray(_image(uri).convert("L"))


def test_levels_are_rounded_and_clipped_with_ink_drawn_black() -> None:
    image = np.array([[-40.0, -0.2, 0.4], [127.6, 254.7, 300.0]])
    assert _levels(pictures.picture(image)).tolist() == [[255, 255, 255], [127, 0, 0]]


def test_photos_are_drawn_in_their_grey_levels_or_colors() -> None:
    rows, columns = np.mgrid[:28, :28] * 9
    grey = rows.astype(np.uint8)
    shown = DataSet(handwritten=False).shown
    np.testing.assert_array_equal(_image(pictures.picture(shown(grey))), grey)
    colors = np.stack([rows, columns, 252 - rows], axis=2).astype(np.uint8)
    for uri in (pictures.picture(shown(colors)), pictures.strip(shown(colors)[np.newaxis])):
        assert np.abs(np.asarray(_image(uri), float) - colors).max() < 16  # a JPEG
    atlas = pictures.Atlas(shown(np.stack([255 - colors, colors])), [1])
    assert np.abs(np.asarray(_image(atlas.uri), float)[:28, :28] - colors).mean() < 4


def test_signed_values_are_red_above_zero_transparent_at_zero_and_blue_below() -> None:
    colors = np.asarray(_image(pictures.diverging(np.array([[-2, 0, 2]]))).convert("RGBA")).astype(
        int
    )
    negative, zero, positive = colors[0]
    assert (negative[3], zero[3], positive[3]) == (255, 0, 255)
    assert positive[0] > 2 * positive[2]
    assert negative[2] > 2 * negative[0]


def test_a_scale_that_is_larger_than_the_values_makes_their_colours_weaker() -> None:
    (pixel,) = np.asarray(_image(pictures.diverging(np.array([[1.0]]), 2.0)).convert("RGBA"))[0]
    assert 120 < pixel[3] < 135


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 499), max_size=60))
def test_every_image_of_an_atlas_is_at_its_position(indices: list[int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (500, 3, 3), dtype=np.uint8)
    atlas = pictures.Atlas(images, indices)
    levels = _levels(atlas.uri)
    assert min(atlas.rows, atlas.columns) >= 2  # else a position in percent is undefined
    for index in indices:
        x, y = (float(share.rstrip("%")) / 100 for share in atlas.position(index).split())
        row, column = round(y * (atlas.rows - 1)), round(x * (atlas.columns - 1))
        cell = levels[3 * row : 3 * (row + 1), 3 * column : 3 * (column + 1)]
        assert np.abs(cell - (255.0 - images[index])).max() <= 9  # of 16 grey levels
