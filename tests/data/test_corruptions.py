"""Each of eight corruptions of MNIST-C does to an image what its name says."""

import numpy as np
import pytest

from mnist_pipeline.data.corruptions import corrupt


@pytest.fixture(scope="module")
def bars() -> np.ndarray:
    """Twenty images of an upright bar."""
    images = np.zeros((20, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 255
    return images


def test_translated_images_move_three_pixels_along_both_axes(bars):
    for image in corrupt(bars, "translate"):
        rows, columns = np.nonzero(image)
        assert {abs(int(rows.min()) - 6), abs(int(columns.min()) - 12)} == {3}
        assert image.sum() == bars[0].sum()


def test_bars_lean_shrink_and_brighten_as_much_as_in_the_published_set(bars):
    for name in ("rotate", "shear"):
        tops = corrupt(bars, name)[:, 7]
        leaning = (tops @ np.arange(28) / tops.sum(axis=1) - 13.5) / 6.5
        assert np.abs(leaning) == pytest.approx(np.full(len(bars), 0.4), abs=0.04)
    heights = corrupt(bars, "scale")[:, :, 13].sum(axis=1, dtype=float) / 255
    assert heights == pytest.approx(np.full(len(bars), 0.7 * 16), abs=0.1)
    assert (corrupt(np.zeros_like(bars), "brightness") == 128).all()


def test_impulse_noise_replaces_17_percent_of_the_pixels_by_paper_or_ink():
    noisy = corrupt(np.full((50, 28, 28), 100, np.uint8), "impulse_noise")
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 100, 255]
    np.testing.assert_allclose(counts / noisy.size, [0.085, 0.83, 0.085], atol=0.01)
