"""Random variation: as the limits say, each image in its own way, and the same for the same
seed.
"""

import numpy as np
import pytest

from mnist_pipeline.data import variation
from mnist_pipeline.data.variation import Variation, vary

HANDS = Variation(
    rotation=20, scale=0.2, shear=0.2, shift=2, stroke=0.8, noise=0.2, far=3, foreign=0.2
)


@pytest.fixture(scope="module")
def bars() -> np.ndarray:
    """Images of an upright bar."""
    bars = np.zeros((1_000, 28, 28), np.uint8)
    bars[:, 6:22, 12:16] = 255
    return bars


def test_a_seed_decides_how_each_image_varies(small_train, monkeypatch):
    images = small_train.images[:60]
    monkeypatch.setattr(variation, "IMAGES_PER_BLOCK", 7)  # in each block too
    varied = vary(images, HANDS, seed=3)
    np.testing.assert_array_equal(varied, vary(images, HANDS, seed=3))
    other = vary(images, HANDS, seed=4)
    assert all((a != b).any() for a, b in zip(varied, other))
    same = np.broadcast_to(images[0], images.shape)
    assert len({image.tobytes() for image in vary(same, HANDS)}) == len(images)


def test_one_image_in_five_gets_noise_up_to_the_limit():
    grey = np.full((2_000, 28, 28), 128, np.uint8)
    deviations = vary(grey, Variation(noise=0.2), seed=1).std(axis=(1, 2), dtype=float) / 255
    noisy = deviations[deviations > 0]
    assert len(noisy) / len(grey) == pytest.approx(0.2, abs=0.03)
    assert noisy.max() == pytest.approx(0.2, abs=0.02)
    assert noisy.mean() == pytest.approx(0.1, abs=0.01)


def test_one_image_in_five_moves_further_and_heights_vary_apart_from_widths():
    squares = np.zeros((2_000, 28, 28), np.uint8)
    squares[:, 9:19, 9:19] = 255
    is_moved = (vary(squares, Variation(far=5), seed=1) != squares).any(axis=(1, 2))
    assert is_moved.mean() == pytest.approx(0.2, abs=0.03)
    sized = vary(squares, Variation(scale=0.4), seed=1).any
    assert (sized(axis=2).sum(axis=1) != sized(axis=1).sum(axis=1)).mean() > 0.5


def test_each_foreign_change_occurs_as_often_as_asked(bars):
    changed = (vary(bars, Variation(foreign=0.2), seed=1) != bars).any(axis=(1, 2))
    assert changed.mean() == pytest.approx(1 - 0.8 ** len(variation.FOREIGN), abs=0.04)


def test_a_thin_pen_and_a_small_digit_have_less_ink(bars):
    generator = np.random.default_rng(0)
    for change in (variation._thin, variation._small):
        share = change(bars, generator).sum(axis=(1, 2), dtype=float) / bars[0].sum()
        assert 0.25 < share.min() < share.max() < 0.96


def test_an_outline_has_no_ink_where_the_stroke_was(bars):
    outlines = variation._outlined(bars, np.random.default_rng(0))
    assert not outlines[bars > 0].any()
    assert outlines[:, 6:22, [11, 16]].all()
