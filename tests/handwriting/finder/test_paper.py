"""Paper on a dark table is found, and nothing else is taken for one."""

import numpy as np
from PIL import Image, ImageDraw
from support.drawing import handwritten

from mnist_pipeline.handwriting.finder.paper import find_paper
from mnist_pipeline.handwriting.finder.scan import Scan


def test_paper_or_a_blackboard_that_fills_the_picture_is_no_paper_on_a_table():
    for kind in ("single", "pasted", "line", "page"):
        for text, picture in handwritten(kind):
            assert find_paper(Scan(picture.astype(np.float32))) is None, text


def test_paper_is_cut_out_of_the_table():
    sheet = np.full((100, 120), 220, np.float32)
    sheet[20:80, 50:56] = 30
    paper = find_paper(Scan(np.pad(sheet, 30, constant_values=30)))
    np.testing.assert_allclose((paper.left, paper.top), 30, atol=4)
    np.testing.assert_allclose(paper.grey.shape, (100, 120), atol=6)


def test_a_turned_sheet_that_the_edges_of_the_picture_cut_is_paper():
    picture = Image.new("L", (240, 200), 30)
    ImageDraw.Draw(picture).polygon([(-40, 100), (100, -40), (220, 80), (80, 220)], fill=220)
    paper = find_paper(Scan(np.asarray(picture, np.float32)))
    assert paper is not None
    np.testing.assert_allclose((paper.left, paper.top), 0, atol=4)
    np.testing.assert_allclose(paper.grey.shape, (200, 220), atol=6)


def test_a_turned_sheet_that_one_side_of_the_picture_cuts_is_paper():
    picture = Image.new("L", (240, 200), 30)
    ImageDraw.Draw(picture).polygon([(40, 20), (190, 100), (40, 180), (-110, 100)], fill=220)
    for turn in range(4):
        assert find_paper(Scan(np.rot90(np.asarray(picture, np.float32), turn))) is not None
