"""Images of a page come back from their data URIs, and are found in an atlas by their index."""

import base64
import io

import numpy as np
from PIL import Image

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.report import pictures


def _image(uri: str) -> Image.Image:
    content = base64.b64decode(uri.partition(";base64,")[2], validate=True)
    return Image.open(io.BytesIO(content))


def test_photos_are_drawn_in_their_grey_levels_or_colors():
    rows, columns = np.mgrid[:28, :28] * 9
    grey = rows.astype(np.uint8)
    shown = DataSet(handwritten=False).shown
    np.testing.assert_array_equal(_image(pictures.picture(shown(grey))), grey)
    colors = np.stack([rows, columns, 252 - rows], axis=2).astype(np.uint8)
    for uri in (pictures.picture(shown(colors)), pictures.strip(shown(colors)[np.newaxis])):
        assert np.abs(np.asarray(_image(uri), float) - colors).max() < 16  # a JPEG
    atlas = pictures.Atlas(shown(np.stack([255 - colors, colors])), [1])
    assert np.abs(np.asarray(_image(atlas.uri), float)[:28, :28] - colors).mean() < 4


def test_between_the_images_of_a_strip_is_white():
    black = np.zeros((2, 28, 28, 3), np.uint8)
    for drawn in (pictures.strip(black), pictures.strip(np.full((2, 28, 28), 255))):
        between = np.asarray(_image(drawn).convert("L"))[:, 28 : 28 + pictures.GAP]
        assert (between > 200).all()  # in colour it is a JPEG


def test_an_atlas_of_one_image_has_a_position_for_it():
    atlas = pictures.Atlas(np.zeros((3, 28, 28)), [2])
    assert _image(atlas.uri).size == (56, 56)
    assert atlas.position(2) == "0.0000% 0.0000%"


def test_signed_values_are_red_above_zero_transparent_at_zero_and_blue_below():
    colors = np.asarray(_image(pictures.diverging(np.array([[-2, 0, 2]]))).convert("RGBA")).astype(
        int
    )
    negative, zero, positive = colors[0]
    assert (negative[3], zero[3], positive[3]) == (255, 0, 255)
    assert positive[0] > 2 * positive[2]
    assert negative[2] > 2 * negative[0]


def test_noise_in_colors_is_drawn():
    # As a JPEG, it has more bytes than pixels.
    noise = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 3), np.uint8)
    assert np.std(_image(pictures.Atlas(noise, range(300)).uri)) > 50
