"""Ink is what is darker than its paper, whatever the light."""

import numpy as np
import pytest

from mnist_pipeline.handwriting.finder.ink import FAINTEST_INK, find_ink
from mnist_pipeline.handwriting.finder.scan import Scan


@pytest.mark.parametrize("edge", [150, 151, 152, 153])
def test_a_step_of_the_light_is_no_ink(edge):
    grey = np.full((400, 600), 220, np.float32)
    grey[100:200, 300:312] = grey[250:262, 400:500] = 30
    grey[:, :edge] *= 0.4
    ink = find_ink(Scan(grey)).ink
    assert ink[100:200, 300:312].min() > 0.5
    assert np.abs(ink[:, edge - 20 : edge + 20]).max() < FAINTEST_INK
