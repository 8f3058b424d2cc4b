"""Paper on a dark table is found, and nothing else is taken for one."""

import numpy as np
import pytest
from support.drawing import handwritten

from mnist_pipeline.handwriting.finder.paper import find_paper
from mnist_pipeline.handwriting.finder.scan import Scan


def test_paper_or_a_blackboard_that_fills_the_picture_is_no_paper_on_a_table():
    for kind in ("single", "pasted", "line", "page"):
        for text, picture in handwritten(kind):
            assert find_paper(Scan(picture.astype(np.float32))) is None, text


@pytest.mark.parametrize(("width", "is_paper"), [(2, True), (7, False)])
def test_paper_is_mostly_light(width, is_paper):
    board = np.full((100, 120), 220, np.float32)
    board.reshape(10, 10, 12, 10)[:, 1 : 1 + width, :, 1 : 1 + width] = 30
    on_table = np.pad(board, 30, constant_values=30)
    paper = find_paper(Scan(on_table))
    assert (paper is not None) == is_paper
    if paper:
        np.testing.assert_allclose((paper.left, paper.top), 30, atol=4)
        np.testing.assert_allclose(paper.grey.shape, (100, 120), atol=6)
