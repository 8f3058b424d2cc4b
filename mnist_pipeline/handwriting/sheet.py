"""A sheet of paper that fills a part of a dark picture."""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.conversion import extent
from mnist_pipeline.data.decoding import Grey

Mask = NDArray[np.bool_]

COARSE_SIDE = 192  # the sheet is searched on a picture of at most this many pixels per side
WIDEST_STROKE = (
    0.08  # as a share of the larger side; strokes on a sheet are removed before it is searched
)
WIDEST_LIGHT = (
    0.22  # of a light stroke on a sheet or a table, as a share of the picture's smaller side
)
# side of the largest square on a sheet, as a share of the smaller side; light digits have less
SMALLEST = 0.46
LEAST_CONTRAST = np.log(
    1.7
)  # between the light of the sheet and of the table; most shadows have less
LARGEST_SHARE = 0.96  # of the picture
MOST_INK = (
    0.3  # share of the sheet that is as dark as the table; more among light strokes on a blackboard
)
DARKEST = 0.02  # light that is added before logarithms, because a dark table is noisy
NUM_BINS = 128  # of the histogram whose classes are separated
EDGE = 2  # coarse pixels at the edge of the sheet that are neither sheet nor table


class Sheet(NamedTuple):
    """A sheet of paper: its part of the picture, where everything else has the sheet's own
    light.
    """

    picture: Grey
    left: int
    top: int


def find_sheet(grey: Grey) -> Sheet | None:
    """Find a sheet of paper on a darker table, which shows on at least one side of it; None if
    there is none.

    The light of sheet and table is the picture without dark and light strokes, by a grey closing
    and opening. Otsu's threshold separates the two, on a logarithmic scale, because light is
    multiplicative.
    """
    factor = -(-max(grey.shape) // COARSE_SIDE)
    coarse = (
        np.asarray(Image.fromarray(np.ascontiguousarray(grey)).reduce(factor), np.float32) / 255
    )
    if min(coarse.shape) < 24:
        return None
    light = _without_strokes(coarse)
    scale = np.log(light + DARKEST)
    if np.ptp(scale) < LEAST_CONTRAST:
        return None
    thresholds, between = separation(scale)
    threshold = float(thresholds[between.argmax()])
    labels, count = scipy.ndimage.label(scale > threshold)
    if not count:
        return None
    sheet = scipy.ndimage.binary_fill_holes(
        labels == 1 + np.argmax(np.bincount(labels[labels > 0])[1:])
    )
    square = round(SMALLEST * min(sheet.shape))
    if (
        not scipy.ndimage.minimum_filter(sheet, square, mode="constant").any()
        or sheet.mean() > LARGEST_SHARE
    ):
        return None
    if _contrast_at_edge(scale, sheet) < LEAST_CONTRAST:
        return None
    if (np.log(coarse[sheet] + DARKEST) <= threshold).mean() > MOST_INK:
        return None
    inner = scipy.ndimage.binary_erosion(sheet, iterations=EDGE, border_value=1)
    nearest = scipy.ndimage.distance_transform_edt(
        ~inner, return_distances=False, return_indices=True
    )
    return _cut_out(grey, inner, 255 * light[tuple(nearest)], factor)


def _without_strokes(light: Grey) -> Grey:
    closing = max(3, round(WIDEST_STROKE * max(light.shape)))
    opening = max(3, round(WIDEST_LIGHT * min(light.shape)))
    margin = closing + opening
    extended = np.pad(light, margin, mode="edge")
    closed = scipy.ndimage.grey_closing(extended, (closing, closing))
    return np.asarray(
        scipy.ndimage.grey_opening(closed, (opening, opening))[margin:-margin, margin:-margin]
    )


def _contrast_at_edge(scale: Grey, sheet: Mask) -> float:
    """Median step in the logarithm of the light from the table to the sheet; a soft shadow has
    none.
    """
    inside = scipy.ndimage.binary_erosion(sheet, iterations=1 + EDGE, border_value=1)
    outside = ~scipy.ndimage.binary_dilation(sheet, iterations=1 + EDGE)
    lightest = scipy.ndimage.maximum_filter(np.where(inside, scale, -np.inf), 2 * EDGE + 5)
    darkest = scipy.ndimage.minimum_filter(np.where(outside, scale, np.inf), 2 * EDGE + 5)
    steps = (lightest - darkest)[np.isfinite(lightest) & np.isfinite(darkest)]
    return float(np.median(steps)) if steps.size else 0.0


def _cut_out(grey: Grey, inner: Mask, paper: Grey, factor: int) -> Sheet:
    left, top, width, height = (factor * length for length in extent(inner))
    rows, columns = (
        slice(top, min(top + height, len(grey))),
        slice(left, min(left + width, grey.shape[1])),
    )
    size = (factor * inner.shape[1], factor * inner.shape[0])
    share = np.asarray(
        Image.fromarray(inner.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    )[rows, columns]
    around = np.asarray(
        Image.fromarray(paper.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    )[rows, columns]
    return Sheet(np.where(share > 0.5, grey[rows, columns], around).astype(np.float32), left, top)


def separation(
    values: Grey, limits: tuple[float, float] | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Thresholds between the limits, by default those of the values, and the separation by each of
    them [1]_.

    The separation is the variance between the means of the classes below and above the threshold,
    up to a factor.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 1979.
    """
    counts, edges = np.histogram(values, NUM_BINS, limits)
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * centres)
    between = (total[-1] * below - total * below[-1]) ** 2 / np.maximum(below * above, 1)
    return edges[1:], between
