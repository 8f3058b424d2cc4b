"""Fourth stage: connected strokes."""

from dataclasses import replace

import numpy as np
import scipy

from mnist_pipeline.handwriting.finder.ink import numbered, strokes_and_faint_ink
from mnist_pipeline.handwriting.finder.scan import Owner, Scan


def find_strokes(scan: Scan) -> Scan:
    """Number the connected strokes of digits, 0 elsewhere.

    A region in three corners of the picture is the table around the paper.
    """
    labels, faint = strokes_and_faint_ink(scan)
    corners = np.bincount(labels[[0, 0, -1, -1], [0, -1, 0, -1]], minlength=labels.max() + 1)
    strokes = numbered(labels, corners < 3)
    scan = scan.claimed(((labels > 0) & (strokes == 0)) * Owner.TABLE)
    frames = scan.owners == Owner.FRAME
    boxes = [
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        for rows, columns in scipy.ndimage.find_objects(faint)
        if not frames[rows, columns].any()
    ]
    return replace(scan, strokes=strokes, faint=boxes)
