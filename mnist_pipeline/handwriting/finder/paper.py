"""First stage: paper that fills a part of a dark picture."""

import numpy as np
import scipy

from mnist_pipeline.data.conversion import extent
from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.measures import (
    closing,
    otsu_threshold,
    reduced,
    resized,
    roundness,
)
from mnist_pipeline.handwriting.finder.scan import Mask, Scan

COARSE_PAPER_SIDE = 192  # the paper is searched on a picture of at most this many pixels per side
LEAST_PAPER_SIDE = 24  # a coarse picture with a smaller side has too few pixels for a search
# Width of strokes, which are removed before the paper is searched, as a share of the larger side.
WIDEST_STROKE = 0.08
# Side of the largest square on the paper, as a share of the smaller side; light digits have less.
SMALLEST_SQUARE = 0.46
# Between the logarithms of the light of paper and table; most shadows have less.
LEAST_STEP = np.log(1.7)
# How far `roundness` of paper wholly inside the picture may differ from 1. Photographed paper
# differs by 0.005 at most, thick light digits usually by 0.05 or more.
LEAST_RECTANGULAR = 0.03
DARKEST = 0.02  # light that is added before logarithms, because a dark table is noisy
PAPER_EDGE = 2  # coarse pixels at the edge of the paper that are neither paper nor table


def find_paper(scan: Scan) -> Scan | None:
    """The part of a picture that shows paper on a darker table; None for other pictures.

    Around the paper, its light continues.

    The table must show on at least one side of the paper. The light of paper and table is the
    picture without dark strokes, by a grey closing. Otsu's threshold separates the two, on a
    logarithmic scale, because light is multiplicative.
    """
    grey = scan.grey
    factor = -(-max(grey.shape) // COARSE_PAPER_SIDE)
    coarse = reduced(grey, factor) / 255
    if min(coarse.shape) < LEAST_PAPER_SIDE:
        return None
    light = closing(coarse, round(WIDEST_STROKE * max(coarse.shape)) | 1)
    scale = np.log(light + DARKEST)
    if np.ptp(scale) < LEAST_STEP:
        return None
    threshold = otsu_threshold(scale)
    labels, _ = scipy.ndimage.label(scale > threshold)
    largest = 1 + np.argmax(np.bincount(labels[labels > 0])[1:])
    paper = scipy.ndimage.binary_fill_holes(labels == largest)
    square = round(SMALLEST_SQUARE * min(paper.shape))
    if not scipy.ndimage.minimum_filter(paper, square, mode="constant").any():
        return None
    if _step_at_edge(scale, paper) < LEAST_STEP:
        return None
    is_light = np.log(coarse + DARKEST) > threshold
    is_inside = not (paper[[0, -1]].any() or paper[:, [0, -1]].any())
    outline = scipy.ndimage.binary_propagation(paper & is_light, mask=is_light)
    if is_inside and abs(roundness(outline) - 1) > LEAST_RECTANGULAR:
        return None  # a thick light digit
    inner = scipy.ndimage.binary_erosion(paper, iterations=PAPER_EDGE, border_value=1)
    nearest = scipy.ndimage.distance_transform_edt(
        ~inner, return_distances=False, return_indices=True
    )
    return _cut_out(grey, inner, 255 * light[tuple(nearest)], factor)


def _step_at_edge(scale: Grey, paper: Mask) -> float:
    """Median step in the logarithm of the light from table to paper; 0 for a soft shadow."""
    inside = scipy.ndimage.binary_erosion(paper, iterations=1 + PAPER_EDGE, border_value=1)
    outside = ~scipy.ndimage.binary_dilation(paper, iterations=1 + PAPER_EDGE)
    lightest = scipy.ndimage.maximum_filter(np.where(inside, scale, -np.inf), 2 * PAPER_EDGE + 5)
    darkest = scipy.ndimage.minimum_filter(np.where(outside, scale, np.inf), 2 * PAPER_EDGE + 5)
    steps = (lightest - darkest)[np.isfinite(lightest) & np.isfinite(darkest)]
    return float(np.median(steps)) if steps.size else 0.0


def _cut_out(grey: Grey, inner: Mask, light: Grey, factor: int) -> Scan:
    shape = tuple(factor * length for length in inner.shape)
    rows, columns = grey.shape
    is_paper = resized(inner.astype(np.float32), shape)[:rows, :columns] > 0.5
    picture = np.where(is_paper, grey, resized(light, shape)[:rows, :columns])
    left, top, width, height = (factor * length for length in extent(inner))
    part = slice(top, top + height), slice(left, left + width)
    return Scan(picture[part], left, top)
