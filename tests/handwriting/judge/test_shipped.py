"""The judge that comes with the project does what its evaluation says."""

import numpy as np
import pytest

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge.candidates import join, on_page
from mnist_pipeline.handwriting.judge.classes import OTHER
from mnist_pipeline.handwriting.judge.network import shipped
from mnist_pipeline.handwriting.reading import DIGIT


@pytest.mark.full
def test_digits_of_new_pages_are_accepted_and_other_ink_is_refused(test):
    digits = DigitSet(test.images[:2_000], test.labels[:2_000])
    found = join([on_page(digits, [99, page]) for page in range(150)])
    is_digit = found.labels < OTHER
    is_accepted = shipped().digit_probabilities(found.surroundings) >= DIGIT
    assert is_digit.sum() > 200
    assert np.mean(is_accepted[is_digit]) > 0.96
    assert np.mean(is_accepted[~is_digit]) < 0.2
