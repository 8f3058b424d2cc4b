"""Measures of ink and paper: the threshold between two levels."""

import numpy as np
import pytest

from mnist_pipeline.handwriting.finder.measures import NUM_BINS, otsu_threshold


@pytest.mark.parametrize("counts", [(2, 2), (1, 9), (9, 1)])
def test_the_threshold_between_two_levels_is_the_middle_of_their_gap(counts):
    values = np.repeat(np.float32([0, 10]), counts)
    assert otsu_threshold(values) == pytest.approx(5, abs=10 / NUM_BINS)
