"""Ink is what is darker than its paper, whatever the light."""

import numpy as np
import pytest

from mnist_pipeline.handwriting.finder.ink import FAINTEST_INK, at_edge, find_ink
from mnist_pipeline.handwriting.finder.scan import Scan


@pytest.mark.parametrize("edge", [150, 151, 152, 153])
def test_a_step_of_the_light_is_no_ink(edge):
    grey = np.full((400, 600), 220, np.float32)
    grey[100:200, 300:312] = grey[250:262, 400:500] = 30
    grey[:, :edge] *= 0.4
    ink = find_ink(Scan(grey)).ink
    assert ink[100:200, 300:312].min() > 0.5
    assert np.abs(ink[:, edge - 20 : edge + 20]).max() < FAINTEST_INK


def test_ink_is_dark_beside_a_shadow_on_most_of_the_edge():
    y, x = np.mgrid[:160, :240]
    grey = np.where(y / 160 + (240 - x) / 240 > 0.9, 60, 220).astype(np.float32)
    for top in (20, 35, 50):
        grey[top : top + 4, 180:230] = 60
    assert find_ink(Scan(grey)).ink[51:53, 190:220].min() > 0.5


@pytest.mark.parametrize(("width", "least"), [(0, 1), (1, 1), (2, 2)])
def test_an_edge_is_at_least_one_pixel_wide(width, least):
    inside = ~at_edge((6, 9), width)
    assert inside.sum() == (6 - 2 * least) * (9 - 2 * least)
    assert inside[least:-least, least:-least].all()
