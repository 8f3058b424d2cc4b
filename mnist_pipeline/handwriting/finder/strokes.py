"""Fourth stage: connected strokes."""

from dataclasses import replace

import scipy

from mnist_pipeline.handwriting.finder.ink import strokes_and_faint_ink
from mnist_pipeline.handwriting.finder.scan import Owner, Scan


def find_strokes(scan: Scan) -> Scan:
    """Number the connected strokes of digits, 0 elsewhere, and note the ink too pale for them."""
    strokes, faint = strokes_and_faint_ink(scan)
    frames = scan.owners == Owner.FRAME
    boxes = [
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        for rows, columns in scipy.ndimage.find_objects(faint)
        if not frames[rows, columns].any()
    ]
    return replace(scan, strokes=strokes, faint=boxes)
