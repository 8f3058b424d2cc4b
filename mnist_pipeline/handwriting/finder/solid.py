"""Light digits within a solid dark shape, as on buttons, map pins and numbered balls: for the
stages before, such a shape is one stroke with holes, which looks like a 0.
"""

import numpy as np
import scipy
from scipy.spatial import ConvexHull, QhullError

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.measures import lean_and_slimness
from mnist_pipeline.handwriting.finder.scan import Glyph, Mask, Scan

SMALLEST_SHAPE = 16  # pixels, the height of a shape that may hold a digit
SOLID = 0.6  # least share of ink in the shape
FULL = 0.85  # least share of its convex hull that the shape fills
SLIMMEST = 1.4  # of an upright shape; many a thick 0 is slimmer
LOWEST_SHARE = 0.3  # least height of a digit, as a share of the height of the shape
CONVEX = 0.72  # the hole of a thick 0 fills a larger share of its convex hull, and so does a 1
SLIM_ONE, BROAD_SHAPE = 3.5, 1.2  # slimness of a 1, and of the shape that holds it
SHAPE_EDGE = 2  # pixels


def inside(glyph: Glyph, scan: Scan) -> Grey | None:
    """The grey levels within the box of a solid shape that holds a light digit, on its own ground;
    None for any other glyph.
    """
    x, y, width, height = glyph.box
    if height < SMALLEST_SHAPE:
        return None
    box = slice(y, y + height), slice(x, x + width)
    own = np.isin(scan.strokes[box], glyph.labels)
    shape = scipy.ndimage.binary_fill_holes(own)
    if not (_is_solid(own, shape) and _holds_digit(own, shape)):
        return None
    ground = np.median(scan.grey[box][own])
    core = scipy.ndimage.binary_erosion(shape, np.ones((3, 3)), SHAPE_EDGE)
    return np.where(core, scan.grey[box], ground).astype(np.float32)


def _is_solid(own: Mask, shape: Mask) -> bool:
    """Whether ink fills a shape without bays, apart from holes."""
    rows, columns = shape.shape
    is_filled = SOLID * shape.sum() <= own.sum() < shape.sum()
    is_upright = rows > columns
    return (
        bool(is_filled)
        and _share_of_hull(shape) >= FULL
        and not (is_upright and lean_and_slimness(shape)[1] > SLIMMEST)
    )


def _holds_digit(own: Mask, shape: Mask) -> bool:
    """Whether the largest hole of a shape may be a digit, and is not that of a thick 0."""
    labels, _ = scipy.ndimage.label(shape & ~own, np.ones((3, 3)))
    hole = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    if np.ptp(np.flatnonzero(hole.any(axis=1))) + 1 < LOWEST_SHARE * len(shape):
        return False
    (_, of_hole), (_, of_shape) = lean_and_slimness(hole), lean_and_slimness(shape)
    return _share_of_hull(hole) <= CONVEX or (of_hole >= SLIM_ONE and of_shape <= BROAD_SHAPE)


def _share_of_hull(shape: Mask) -> float:
    """The share of its convex hull that a shape fills, by the corners of its pixels."""
    rows, columns = np.nonzero(shape ^ scipy.ndimage.binary_erosion(shape))
    corners = [(rows + down, columns + right) for down in (0, 1) for right in (0, 1)]
    try:
        hull = ConvexHull(np.concatenate([np.stack(corner, 1) for corner in corners]))
    except QhullError:
        return 1.0
    return float(np.count_nonzero(shape) / hull.volume)
