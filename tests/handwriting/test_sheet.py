"""A sheet on a dark table is found, and nothing else is taken for one."""

import numpy as np
from support import other_hands
from support.handwriting import evaluation_set

from mnist_pipeline.handwriting.pictures import find_digits
from mnist_pipeline.handwriting.sheet import find_sheet


def test_the_digits_of_a_page_on_a_table_are_found_and_nothing_else() -> None:
    outcomes = []
    for example in other_hands.pages_on_a_table(8, 5, ()):
        found = find_digits(example.picture)
        outcomes.append(len(found) == len(example.digits))
        if outcomes[-1]:
            middles = [np.add(box[:2], np.divide(box[2:], 2)) for box in example.boxes]
            np.testing.assert_allclose(
                [np.add(d.box[:2], np.divide(d.box[2:], 2)) for d in found], middles, atol=8
            )
    assert sum(outcomes) >= 7


def test_paper_or_a_blackboard_that_fills_the_picture_is_no_sheet_on_a_table() -> None:
    for example in evaluation_set(1, 9):
        picture = example.picture if example.picture.ndim == 2 else example.picture.mean(axis=2)
        assert find_sheet(picture.astype(np.float32)) is None
