"""Ink that may be two digits is cut where it is thinnest, at any size and place."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_pipeline.handwriting.finder.cuts import cuts_of
from mnist_pipeline.handwriting.finder.scan import Glyph, Scan
from mnist_pipeline.handwriting.finder.search import Found, page_of

PAPER, INK = 230, 30
LEFT, RIGHT = (40, 30, 20, 50), (64, 30, 26, 50)  # x, y, width, height of two solid bars
IMAGE = np.zeros((28, 28), np.uint8)


def bridged(scale: float, slant: float = 0, offset: tuple[int, int] = (0, 0)) -> Found:
    """What is found on paper with two bars, and a thin bridge between them."""
    image = Image.new("L", tuple(round(scale * (length + 130)) for length in offset), PAPER)
    pencil = ImageDraw.Draw(image)
    for x, y, width, height in (LEFT, RIGHT, (58, 54, 8, 2)):
        corners = [(0, 0), (width, 0), (width, height), (0, height)]
        pencil.polygon(
            [
                (scale * (offset[0] + x + a + slant * (55 - y - b)), scale * (offset[1] + y + b))
                for a, b in corners
            ],
            INK,
        )
    (found,) = page_of(np.asarray(image)).digits
    return found


@pytest.mark.parametrize("slant", [0, 0.3])
@pytest.mark.parametrize("scale", [0.25, 1, 3])
def test_one_of_the_cuts_goes_through_the_thinnest_ink(scale, slant):
    found = bridged(scale, slant, offset=(50, 20))
    cuts = cuts_of(found)
    expected = np.array([LEFT, RIGHT], float)
    expected += [50 - abs(slant) * 25, 20, abs(slant) * 50, 0]
    tolerance = 4 * scale + 1.5  # of the bridge and the soft edge
    assert (
        min(np.abs(np.array([part.box for part in cut]) - scale * expected).max() for cut in cuts)
        <= tolerance
    )
    for left, right in cuts:
        assert left.box[0] < right.box[0]
        for x, y, width, height in (left.box, right.box):
            assert found.box[0] <= x < x + width <= found.box[0] + found.box[2] + 1
            assert found.box[1] <= y < y + height <= found.box[1] + found.box[3] + 1


def test_the_ink_of_a_part_fills_its_box_whatever_the_other_cuts():
    cuts = cuts_of(bridged(1))
    assert len(cuts) > 1
    for part in itertools.chain(*cuts):
        rows, columns = np.nonzero(np.isin(part.scan.strokes, part.glyph.labels))
        box = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
        assert box == part.glyph.box


def test_each_part_has_an_image_and_surroundings_of_its_own():
    cut = min(cuts_of(bridged(2)), key=lambda cut: abs(cut[0].box[2] - 2 * LEFT[2]))
    for part, (_, _, width, height) in zip(cut, (LEFT, RIGHT)):
        rows, columns = np.nonzero(part.image() > 127)
        shape = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert shape == pytest.approx((20, 20 * width / height), abs=2)
        assert ((part.surroundings >= 128).mean(axis=0) > 0.3).sum() == pytest.approx(
            22 * width / height, abs=2
        )
    left, right = (part.surroundings for part in cut)
    assert left[24, 30:].max() > 100 > left[24, :14].max()  # the other part is around it
    assert right[24, :18].max() > 100 > right[24, 34:].max()


def test_nothing_else_is_cut():
    narrow = Image.new("L", (100, 120), PAPER)
    ImageDraw.Draw(narrow).rectangle((40, 20, 60, 100), INK)
    (found,) = page_of(np.asarray(narrow)).digits
    assert cuts_of(found) == []
    assert cuts_of(Found((0, 0, 30, 30), IMAGE)) == []  # its ink is not known


def test_a_crumb_is_no_side_of_a_cut():
    strokes = np.zeros((20, 20), np.int32)
    strokes[8:12, 8:12] = 1
    levels = strokes.astype(np.float32)
    glyph = Glyph(np.array([1]), 8, 8, 4, 4)
    ink = glyph, Scan(levels, ink=levels, strokes=strokes)
    assert cuts_of(Found(glyph.box, IMAGE, ink=ink)) == []
