"""Fourth stage: connected strokes."""

from dataclasses import replace

import numpy as np
import scipy

from mnist_pipeline.handwriting.finder.ink import FAINTEST_INK, connected, smoothed
from mnist_pipeline.handwriting.finder.scan import Scan

WEAK = 0.5  # share of the least ink of a stroke that belongs to it where they are connected


def find_strokes(scan: Scan) -> Scan:
    """Number the connected strokes of digits, 0 elsewhere, and note the boxes of paler ink."""
    smooth, noise = smoothed(scan)
    pale, _ = scipy.ndimage.label(smooth > np.maximum(FAINTEST_INK / 2, noise), np.ones((3, 3)))
    boxes = [
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        for rows, columns in scipy.ndimage.find_objects(pale)
    ]
    return replace(scan, strokes=connected(smooth, noise, WEAK), pale=boxes)
