"""Fourth stage: connected strokes, divided by the cells of a form."""

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.ink import numbered, strokes_and_faint_ink
from mnist_pipeline.handwriting.finder.scan import Mask, Owner, Scan

OWN_CELL = 0.7  # least share of a digit's ink that lies in one cell of a form


def find_strokes(scan: Scan) -> Scan:
    """Number the connected strokes of digits, 0 elsewhere, and name the cell of each.

    A region in three corners of the picture is the table around the paper.
    """
    labels, faint = strokes_and_faint_ink(scan)
    corners = np.bincount(labels[[0, 0, -1, -1], [0, -1, 0, -1]], minlength=labels.max() + 1)
    strokes = numbered(labels, corners < 3)
    scan = scan.claimed(((labels > 0) & (strokes == 0)) * Owner.TABLE)
    cells = np.zeros(strokes.max())
    frames = scan.owners == Owner.FRAME
    if frames.any():
        strokes, cells = _in_cells(strokes, frames)
    boxes = [
        (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        for rows, columns in scipy.ndimage.find_objects(faint)
        if not frames[rows, columns].any()
    ]
    return replace(scan, strokes=strokes, cells=cells, faint=boxes)


def _in_cells(
    strokes: NDArray[np.int32], frames: Mask
) -> tuple[NDArray[np.int32], NDArray[np.floating]]:
    """Divide strokes that lie in several cells between frames, and return the cell of each.

    A digit that crosses its frame a little is not divided. Squared paper is one cell.
    """
    cells, num_cells = scipy.ndimage.label(~frames)
    num_strokes, base = int(strokes.max()), num_cells + 1
    places = strokes * base + cells
    sizes = np.bincount(places.ravel(), minlength=(num_strokes + 1) * base).reshape(-1, base)[:, 1:]
    is_divided = sizes.max(axis=1) < OWN_CELL * sizes.sum(axis=1)
    is_divided[0] = False
    if 2 * is_divided.sum() > num_strokes:  # squared paper
        return strokes, np.zeros(num_strokes)
    parts = np.where(is_divided[strokes], places * (cells > 0), strokes * base)
    strokes = np.unique(parts, return_inverse=True)[1].reshape(strokes.shape).astype(np.int32)
    return strokes, scipy.ndimage.median(cells, strokes, np.arange(1, strokes.max() + 1))
