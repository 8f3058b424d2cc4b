"""The shadow of a finger is not ink, and a wide shape is not always a shadow."""

from unittest.mock import Mock

import numpy as np
import pytest
from scipy import ndimage

from mnist_pipeline.handwriting.finder.measures import closing
from mnist_pipeline.handwriting.finder.shadow import is_shaded, paper_in_shadow, width_of_strokes

LIGHT, INK, SHADOW = 0.9, 0.1, 0.4
FINGER = slice(30, 150), slice(100, 113)


@pytest.fixture
def page() -> np.ndarray:
    """Light paper with the shadow of a finger, beside which strokes stand."""
    grey = np.full((160, 224), LIGHT, np.float32)
    grey[FINGER] = SHADOW
    for left in (40, 70, 160, 190):
        grey[50:66, left : left + 2] = INK
    return grey


def shaded(grey: np.ndarray) -> bool:
    return is_shaded(grey, closing(grey, 41), 2)


def test_strokes_that_meet_a_paler_shape_are_in_its_shadow(page):
    page[90:92, 98:110] = INK * SHADOW / LIGHT
    assert shaded(page)


def test_a_shape_that_no_stroke_meets_is_left_alone(page):
    assert not shaded(page)


def test_a_shape_as_dark_as_the_strokes_is_a_thick_stroke(page):
    page[FINGER] = INK
    page[30:150, 100:107] = 0.3  # where the pen was dry
    page[90:92, 90:113] = INK
    assert not shaded(page)


def test_a_frame_around_a_shape_is_no_digit_in_its_shadow(page):
    page[25:155, 95:97] = page[25:155, 215:217] = INK
    page[25:27, 95:217] = page[153:155, 95:217] = INK
    page[30:150, 97:122] = SHADOW
    assert not shaded(page)


def test_the_width_of_strokes_is_that_of_most_shapes(page):
    assert width_of_strokes(page < 0.5) == pytest.approx(2, abs=0.5)
    assert width_of_strokes(page[:, 100:] < 0.5) == pytest.approx(2, abs=0.5)
    assert width_of_strokes(page[:, :70] < 0.5) is None


def test_specks_do_not_count_as_strokes(page):
    page[::8, ::8] = INK
    assert width_of_strokes(page[:, 20:99] < 0.5) is None
    page[2:4, 30:50] = page[10:12, 30:50] = page[18:20, 30:50] = INK
    assert width_of_strokes(page[:, 20:99] < 0.5) == pytest.approx(2, abs=0.5)


@pytest.mark.parametrize("width", [5, 50])
def test_paper_follows_a_shadow_wider_than_strokes(width):
    y, x = np.mgrid[:500, :800]
    light = np.where(np.hypot(x - 400, y - 250) < 3 * width, SHADOW, LIGHT).astype(np.float32)
    light[250 : 250 + width, 100:700] *= INK / LIGHT
    paper = paper_in_shadow(light, width)
    middle = 250 + width // 2
    assert paper[middle, 400] == pytest.approx(SHADOW, abs=0.02)
    assert paper[middle, 140] == pytest.approx(LIGHT, abs=0.02)
    assert paper[250 - 3 * width + width // 5, 400] < 0.6  # near its round edge


def test_paper_in_shadow_is_not_taken_for_lighter_than_it_is_where_there_is_noise():
    noise = np.random.default_rng(0).normal(0, 0.03, (200, 300))
    light = np.where(np.arange(300) < 100, SHADOW, LIGHT) + noise
    paper = paper_in_shadow(light.astype(np.float32), 6)
    assert paper[20:-20, 20:80].mean() == pytest.approx(SHADOW, abs=0.02)
    assert paper[20:-20, 120:280].mean() == pytest.approx(LIGHT, abs=0.02)


def test_wide_strokes_take_no_more_passes(monkeypatch):
    passes = Mock(side_effect=ndimage.maximum_filter)
    monkeypatch.setattr(ndimage, "maximum_filter", passes)
    assert np.isfinite(paper_in_shadow(np.full((300, 400), LIGHT, np.float32), 500)).all()
    assert passes.call_count < 12
