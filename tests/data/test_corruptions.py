"""Each of eight corruptions of MNIST-C does to an image what its name says."""

import functools

import numpy as np
import pytest
from support.arguments import check_door

from mnist_pipeline.data.corruptions import CORRUPTIONS, LINE_REACH, corrupt


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
        assert {*np.sign(leaning)} == {-1, 1}
    heights = corrupt(bars, "scale")[:, :, 13].sum(axis=1, dtype=float) / 255
    assert heights == pytest.approx(np.full(len(bars), 0.7 * 16), abs=0.1)
    assert (corrupt(np.zeros_like(bars), "brightness") == 128).all()


def test_a_shear_lengthens_bars_as_in_the_published_set_and_keeps_their_width(bars):
    ink = corrupt(bars, "shear") / 255
    assert ink[:, 8:20].sum(axis=2) == pytest.approx(np.full((len(bars), 12), 4), abs=0.01)
    lengths = ink.sum(axis=(1, 2)) / 4
    assert lengths == pytest.approx(np.full(len(bars), 16 / np.cos(0.4)), abs=0.1)


def test_a_dotted_line_has_ink_in_two_of_four_columns_from_edge_to_edge(bars):
    for image in corrupt(np.zeros_like(bars), "dotted_line"):
        inked = np.flatnonzero(image.any(axis=0)).tolist()
        assert inked == [column for column in range(27) if column % 4 in (2, 3)]
        assert (image[:, inked] > 0).sum(axis=0).max() <= 2 * LINE_REACH + 1  # paper around it
        middles = [image[:, column].argmax() for column in inked]
        assert np.abs(np.diff(middles, 2)).max() <= 4  # along a straight line


def test_impulse_noise_replaces_17_percent_of_the_pixels_by_paper_or_ink():
    noisy = corrupt(np.full((50, 28, 28), 100, np.uint8), "impulse_noise")
    values, counts = np.unique(noisy, return_counts=True)
    assert values.tolist() == [0, 100, 255]
    np.testing.assert_allclose(counts / noisy.size, [0.085, 0.83, 0.085], atol=0.01)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_other_images_and_generators_are_refused(name, bars):
    for images in (bars / 255, bars[0], bars[:, 1:], bars[..., 1:], bars.astype(np.int64)):
        with pytest.raises(ValueError, match="images"):
            corrupt(images, name)
    with pytest.raises(TypeError, match="generator"):
        CORRUPTIONS[name](bars, 0)
    assert corrupt(bars[:0], name).shape == (0, 28, 28)


def test_any_images_are_corrupted_rightly_or_refused(other_process, bars):
    def plain(images):
        images = np.asarray(images)
        assert images.dtype == np.uint8
        assert images.shape[1:] == (28, 28)
        inverted = images.copy()
        inverted[:, :, :7] = 255 - images[:, :, :7]
        inverted[:, :, 21:] = 255 - images[:, :, 21:]
        return inverted

    stripe = functools.partial(corrupt, name="stripe")
    check_door(other_process, stripe, {"images": bars[:3]}, plain)


@pytest.mark.parametrize("name", ["fog", "", None, 7, ["stripe"]])
def test_an_unknown_corruption_is_refused(name, bars):
    with pytest.raises(ValueError, match="stripe"):
        corrupt(bars, name)
