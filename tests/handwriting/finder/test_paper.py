"""Paper on a dark table is found, and nothing else is taken for one."""

import numpy as np
from PIL import Image
from support.drawing import handwritten, page_of

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.finder.paper import find_paper
from mnist_pipeline.handwriting.finder.scan import Scan
from mnist_pipeline.handwriting.finder.search import find_digits


def test_the_digits_of_a_turned_page_on_a_table_are_found_and_nothing_else(test: DigitSet) -> None:
    num_right = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        page, boxes = page_of(test.images[15 * seed : 15 * seed + 15], 5)
        (top, left), ends = rng.integers(20, 150, (2, 2))
        paper = np.pad(
            page.astype(np.float32), ((top, ends[0]), (left, ends[1])), constant_values=-1
        )
        photo = np.array(Image.fromarray(paper).rotate(rng.uniform(-2, 2), fillcolor=-1))
        table = rng.uniform(20, 70) + rng.normal(0, 4, photo.shape)
        light = np.linspace(1, rng.uniform(0.6, 1), photo.shape[1])
        photo = np.where(photo < 0, table, photo) * light
        found = [digit.box[:2] for digit in find_digits(photo.astype(np.uint8))]
        if len(found) == len(boxes):
            np.testing.assert_allclose(found, boxes[:, :2] + (left, top), atol=15)
            num_right += 1
    assert num_right >= 7


def test_paper_or_a_blackboard_that_fills_the_picture_is_no_paper_on_a_table() -> None:
    for kind in ("single", "pasted", "line", "page"):
        for text, picture in handwritten(kind):
            assert find_paper(Scan(picture.astype(np.float32))) is None, text
