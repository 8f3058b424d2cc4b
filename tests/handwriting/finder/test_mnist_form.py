"""A digit gets the form of MNIST's images."""

import numpy as np
from scipy.ndimage import gaussian_filter

from mnist_pipeline.handwriting.finder.mnist_form import image_of
from mnist_pipeline.handwriting.finder.scan import Glyph, Scan


def test_the_hole_of_a_blurred_zero_stays_open():
    y, x = np.mgrid[-12:13, -10:11]
    radii = np.hypot(x / 6, y / 8)
    ink = gaussian_filter(np.float32((radii > 0.3) & (radii < 1)), 1.3)
    glyph = Glyph(np.array([1]), 3, 3, 15, 19)
    image = image_of(glyph, Scan(ink, ink=ink, strokes=np.int32(ink > 0.25)))
    assert image[14, 14] < 128 < image[14, 9]
