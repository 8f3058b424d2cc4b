"""A digit gets the form of MNIST's images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mnist_pipeline.data.conversion import DIGIT_SIDE, STROKE_WIDTHS
from mnist_pipeline.handwriting.finder.mnist_form import image_of
from mnist_pipeline.handwriting.finder.scan import Glyph, Scan
from mnist_pipeline.handwriting.finder.search import page_of


def test_the_hole_of_a_blurred_zero_stays_open():
    y, x = np.mgrid[-12:13, -10:11]
    radii = np.hypot(x / 6, y / 8)
    ink = gaussian_filter(np.float32((radii > 0.3) & (radii < 1)), 1.3)
    glyph = Glyph(np.array([1]), 3, 3, 15, 19)
    image = image_of(glyph, Scan(ink, ink=ink, strokes=np.int32(ink > 0.25)))
    assert image[14, 14] < 128 < image[14, 9]


@pytest.mark.parametrize(("pen", "darkness"), [(1, 255), (1, 150), (2, 255)])
def test_a_hairline_gets_the_width_of_the_thinnest_strokes_and_the_side_of_a_digit(pen, darkness):
    grey = np.full((120, 90), 255, np.uint8)
    grey[20:100, 40 : 40 + pen] -= np.uint8(darkness)
    (line,) = page_of(grey).digits
    widths = line.image[8:20].sum(axis=1) / 255
    np.testing.assert_allclose(widths, STROKE_WIDTHS[0], atol=0.4)
    length = line.image.max(axis=1).sum() / 255
    assert length == pytest.approx(DIGIT_SIDE, abs=0.4)
