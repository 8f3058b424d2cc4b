"""Second stage: how much ink each pixel has, whatever the light on the paper."""

from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from mnist_pipeline.data.decoding import Grey
from mnist_pipeline.handwriting.finder.measures import (
    DARKEST_PAPER,
    closing,
    missing_light,
    noise_of,
    otsu_threshold,
    reduced,
    resized,
    roundness,
    stroke_width,
)
from mnist_pipeline.handwriting.finder.scan import Mask, Scan
from mnist_pipeline.handwriting.finder.shadow import is_shaded, paper_in_shadow, width_of_strokes

FAINTEST_INK = 0.1  # the faintest stroke absorbs this share of the paper's light
# Share of the variance that two levels explain, in a picture of ink and paper only.
TWO_LEVELS = 0.8
EDGE_WIDTH = 0.04  # width of a picture's edge, as a share of its smaller side; a frame is thinner
ONE_LEVEL = 0.95  # share of the edge with the same level, at least
RECTANGULAR = 0.04  # how far the `roundness` of a rectangle in a photo may differ from 1
STEP = 0.2  # least change of the light at the edge of a shadow, within two coarse pixels
STEP_WIDTH = 4  # coarse pixels on both sides of such an edge
COARSE_LIGHT_SIDE = 256  # the paper is estimated on a picture of at most this many pixels per side


def find_ink(scan: Scan) -> Scan:
    """Estimate the light of the paper by a grey closing, and divide it out."""
    grey = scan.grey
    light = grey / 255
    coarse = reduced(light, max(1, round(max(grey.shape) / COARSE_LIGHT_SIDE)))
    is_dark = _ink_is_dark(coarse)
    if not is_dark:
        light, coarse = 1 - light, 1 - coarse
    # The window must be wider than the widest stroke, and no wider than necessary, so that it
    # follows shadows.
    window = max(3, round(0.3 * min(coarse.shape)))
    first = missing_light(closing(coarse, window), coarse)
    strokes = first > otsu_threshold(first[first > 0.05], (0, 1))
    if strokes.any():
        depths = scipy.ndimage.distance_transform_edt(np.pad(strokes, 1))
        window = min(window, max(5, round(4 * stroke_width(depths[depths > 0])) + 3))
    closed = closing(coarse, window)
    width = width_of_strokes(strokes)
    if is_dark and width is not None and is_shaded(coarse, closed, width):
        paper = paper_in_shadow(light, -(-max(grey.shape) // max(coarse.shape)) * width)
    else:
        paper = _paper_by_closing(light, coarse, closed, window)
    ink = missing_light(paper, light)
    return replace(scan, ink=ink - np.median(ink[::4, ::4]), light=paper)


def _paper_by_closing(light: Grey, coarse: Grey, coarse_closed: Grey, window: int) -> Grey:
    """Light of the paper from the closing of a coarse picture, and of fine pixels at the sharp
    edges of shadows.
    """
    paper = resized(_paper(coarse, coarse_closed), light.shape)
    step = _steps(coarse_closed)
    if step.any():
        factor = -(-max(light.shape) // max(coarse.shape))
        near = resized(step.astype(np.float32), light.shape) > 0
        closed = closing(light, factor * window | 1)  # an even window would shift the edge
        closed *= 1 - np.median(missing_light(closed, light)[near])
        paper = np.where(near, closed, paper)
    return paper


def _paper(grey: Grey, closed: Grey) -> Grey:
    """Light of the paper: the local mean of the pixels that a grey closing classifies as blank.

    The closing itself is too light where there is noise.
    """
    contrast = missing_light(closed, grey)
    middle = np.median(contrast)
    blank = contrast <= middle + 0.02 + 3 * np.median(np.abs(contrast - middle))
    share = scipy.ndimage.gaussian_filter(blank.astype(np.float32), 1.5)
    light = scipy.ndimage.gaussian_filter(np.where(blank, grey, 0), 1.5)
    return np.where(share > 0.05, light / np.maximum(share, 0.05), closed * (1 - middle))


def _steps(light: Grey) -> Mask:
    """The surroundings of the sharp edges of shadows.

    There the mean over coarse pixels would be too light on one side and too dark on the other. The
    closing of fine pixels keeps an edge where it is.
    """
    lightest = scipy.ndimage.maximum_filter(light, 3)
    darkest = scipy.ndimage.minimum_filter(light, 3)
    is_step = lightest - darkest > STEP * np.maximum(lightest, DARKEST_PAPER)
    return np.asarray(scipy.ndimage.binary_dilation(is_step, np.ones((3, 3), bool), STEP_WIDTH))


def _ink_is_dark(grey: Grey) -> bool:
    """Whether ink is darker than paper.

    If the picture has two levels and its edge has one of them, that level is the paper, unless the
    other one is a rectangle, which may be a plate or a sheet. Otherwise, ink covers less than half
    of its surroundings, so the deviations from the local mean are skewed towards the ink. Of
    several window sizes, the one with the largest skew decides: small windows for thin strokes,
    large windows for a digit that fills the picture.
    """
    is_light = two_levels(grey)
    if is_light is not None:
        edge = is_light[at_edge(grey.shape, round(EDGE_WIDTH * min(grey.shape)))]
        paper_is_light = edge.mean() > 0.5
        has_one_level = (edge == paper_is_light).mean() >= ONE_LEVEL
        if has_one_level and abs(roundness(is_light != paper_is_light) - 1) > RECTANGULAR:
            return bool(paper_is_light)
    skews = []
    for share in (24, 12, 6, 3):
        window = 1 + 2 * (max(grey.shape) // (2 * share))
        deviation = grey - scipy.ndimage.uniform_filter(grey, window, mode="nearest")
        square = deviation * deviation
        variance = max(float(square.mean()), 1e-12)
        skews.append(float((square * deviation).mean() / variance**1.5))
    return max(skews, key=abs) <= 0


def two_levels(grey: Grey) -> Mask | None:
    """Which pixels have the lighter of two levels; None if a picture has one, or more than two."""
    is_light = grey > otsu_threshold(grey)
    share = is_light.mean()
    if not 0 < share < 1:
        return None
    step = grey[is_light].mean() - grey[~is_light].mean()
    has_two_levels = share * (1 - share) * step**2 > TWO_LEVELS * grey.var()
    return is_light if has_two_levels else None


def at_edge(shape: tuple[int, ...], width: int) -> Mask:
    """Which pixels lie at the edge of a picture, at least one pixel wide."""
    width = max(1, width)
    mask = np.ones(shape, bool)
    mask[width:-width, width:-width] = False
    return mask


def smoothed(scan: Scan) -> tuple[Grey, Grey]:
    """Blurred ink, and the ink that noise could be at each pixel."""
    light = np.maximum(scan.light, DARKEST_PAPER)
    for blur in (0.7, 1.5):  # as little blur as the noise allows
        smooth = scipy.ndimage.gaussian_filter(scan.ink, blur)
        # The camera's noise is equally strong in shadow and in light.
        noise = 6 * noise_of(smooth * light) / light
        if noise.max() < 1.5 * FAINTEST_INK:
            break
    return smooth, noise


def connected(smooth: Grey, noise: Grey, weak: float) -> NDArray[np.int32]:
    """Number connected ink, 0 elsewhere; weak ink counts where it is connected to strong ink.

    `weak` is the least ink that counts there, as a share of the least ink of a stroke.
    """
    floor = np.maximum(FAINTEST_INK, noise)
    high = np.maximum(floor, 0.8 * otsu_threshold(smooth[smooth > floor], (0, 1)))
    labels, count = scipy.ndimage.label(
        smooth > np.maximum(weak * high, 0.5 * floor), np.ones((3, 3))
    )
    strong = np.bincount(labels[smooth > high], minlength=count + 1) >= 2
    return numbered(labels, strong)


def numbered(labels: NDArray[np.integer], kept: Mask) -> NDArray[np.int32]:
    """Number the kept labels from 1; label 0 and the others become 0."""
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels]
