"""Connected ink becomes strokes, and the table around the paper does not."""

import numpy as np

from mnist_pipeline.handwriting.finder.scan import Owner, Scan
from mnist_pipeline.handwriting.finder.strokes import find_strokes


def test_ink_in_three_corners_is_the_table():
    ink = np.zeros((100, 120), np.float32)
    ink[40:70, 50:56] = 1
    ink[:8] = ink[:, :8] = 1
    scan = find_strokes(Scan(ink, ink=ink, light=np.ones_like(ink)))
    assert scan.owners[2, 2] == Owner.TABLE
    assert set(scan.strokes[ink > 0].tolist()) == {0, 1}
    assert scan.strokes[55, 52] == 1
