"""What the finder proposes on generated pages, and what it is in truth."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from mnist_pipeline.data.values import CLASS_NAMES, DigitSet
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.finder.cuts import cuts_of
from mnist_pipeline.handwriting.finder.surroundings import SIDE
from mnist_pipeline.handwriting.judge.classes import OTHER, PART
from mnist_pipeline.handwriting.judge.pages import KIND_NAMES, draw_page
from mnist_pipeline.handwriting.judge.sheet import Digit
from mnist_pipeline.utils.stored_types import stored_type

SAME = 0.6  # least common area of a digit and what was found, as a share of the area of both
TOUCHED = 0.25  # least share of a digit's box in what was found, which is then a part, or several
MARGIN = 0.06  # around boxes, as a share of the larger side: a 1 is thin
SAME_SIDE = 0.75  # the same of a digit and one side of a cut
MOST_PER_PAGE = 12  # so that pages with much print or many bars are not most of the examples
MOST_SIDES = 12  # of cuts, per page
CUT = 0.2  # the share of shapes that are cut without need: other ink, and single digits
PAGES_PER_BLOCK = 50
Box = Sequence[float]  # x, y, width, height


@stored_type
class Candidates(NamedTuple):
    """What the finder proposed on pages."""

    surroundings: np.ndarray  # uint8 (n, 48, 48), see `finder.surroundings`
    labels: np.ndarray  # uint8 (n,): an index of `classes.CLASSES`
    kinds: np.ndarray  # uint8 (n,): of the page, an index of `pages.KINDS`


def on_pages(
    digits: DigitSet, num_pages: int, seed: int, on_block: Callable[[int], object] = int
) -> Candidates:
    """Draw pages in several processes, and search them. `on_block` gets the number of pages that
    are done.

    The same seed gives the same pages. Raises a ValueError if the classes are not the ten digits.
    """
    if not np.array_equal(np.unique(digits.labels), np.arange(len(CLASS_NAMES))):
        raise ValueError("the judge learns from the ten digits, and these labels are others")
    starts = range(0, num_pages, PAGES_PER_BLOCK)
    blocks = [range(first, min(first + PAGES_PER_BLOCK, num_pages)) for first in starts]
    found = []
    workers = min(len(blocks), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (digits,)) as pool:
        for block, candidates in zip(blocks, pool.map(partial(_on_block, seed), blocks)):
            found.append(candidates)
            on_block(block.stop)
    return join(found)


_digits: list[DigitSet] = []  # of a worker


def _prepare(digits: DigitSet) -> None:
    threadpool_limits(1)
    _digits[:] = [digits]


def _on_block(seed: int, pages: range) -> Candidates:
    return join([on_page(_digits[0], [seed, page]) for page in pages])


def join(found: Sequence[Candidates]) -> Candidates:
    """The candidates of several pages."""
    return Candidates(*map(np.concatenate, zip(*found)))


def on_page(digits: DigitSet, seed: Sequence[int]) -> Candidates:
    """What the finder proposes on the page with a seed, at most `MOST_PER_PAGE`, and at most
    `MOST_SIDES` sides of cuts through them, as `touching` tries them.
    """
    picture, truth, kind = draw_page(digits, seed)
    random = np.random.default_rng(seed)
    found = [own for own in search.page_of(picture).digits if own.surroundings is not None]
    found = _some(found, MOST_PER_PAGE, random)
    seen = [(own.surroundings, label_of(own.box, truth)) for own in found]
    sides = [
        (side.surroundings, side_label(side.box, truth))
        for own, (_, label) in zip(found, seen)
        if label == PART or random.random() < CUT
        for cut in cuts_of(own)
        for side in cut
    ]
    seen += _some(sides, MOST_SIDES, random)
    return Candidates(
        np.array([surroundings for surroundings, _ in seen], np.uint8).reshape(-1, SIDE, SIDE),
        np.array([label for _, label in seen], np.uint8),
        np.full(len(seen), KIND_NAMES.index(kind), np.uint8),
    )


def _some(items: list[Any], most: int, random: np.random.Generator) -> list[Any]:
    """At most so many items, at random."""
    if len(items) <= most:
        return items
    return [items[index] for index in random.permutation(len(items))[:most]]


def label_of(box: Box, truth: Sequence[Digit]) -> int:
    """What a box holds: a digit, the ink of something else, or a part of a digit or several."""
    box = _wider(box)
    touched = []
    for digit in truth:
        other = _wider(digit.box)
        common = _common(box, other)
        if common > TOUCHED * _area(other):
            is_same = common >= SAME * (_area(box) + _area(other) - common)
            touched.append(digit.label if is_same else PART)
    return OTHER if not touched else touched[0] if len(touched) == 1 else PART


def side_label(box: Box, truth: Sequence[Digit]) -> int:
    """What the box of one side of a cut holds. It is a digit also if it reaches into the box of
    another digit, as slanted digits do.
    """
    own = _wider(box)
    for digit in truth:
        other = _wider(digit.box)
        common = _common(own, other)
        if common >= SAME_SIDE * (_area(own) + _area(other) - common):
            return digit.label
    return OTHER if label_of(box, truth) == OTHER else PART


def _wider(box: Box) -> Box:
    x, y, width, height = box
    margin = MARGIN * max(width, height)
    return x - margin, y - margin, width + 2 * margin, height + 2 * margin


def _area(box: Box) -> float:
    return box[2] * box[3]


def _common(first: Box, second: Box) -> float:
    """The common area of two boxes."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)
