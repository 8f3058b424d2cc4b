"""Oriented gradients: their definition at one pixel, and what changes of an image do to them."""

import numpy as np
import pytest

from mnist_pipeline.methods import harris
from mnist_pipeline.methods.gradients import (
    DIRECTIONS,
    LEAST_ENERGY,
    cell_histograms_of,
    histograms_of,
    oriented,
)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Images in colour, with levels in [0, 1]; (4, 28, 28, 3)."""
    return np.random.default_rng(0).random((4, 28, 28, 3))


@pytest.mark.parametrize(("row", "column"), [(14, 9), (0, 0), (27, 13)])
def test_the_differences_of_harris_are_divided_by_the_energy_around(pixels, row, column):
    horizontal, vertical = harris.gradients(pixels[1].mean(axis=2))
    around = np.s_[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
    energy = (horizontal[around] ** 2 + vertical[around] ** 2).sum() / 25
    rises = np.array(DIRECTIONS) @ [horizontal[row, column], vertical[row, column]]
    expected = np.maximum(rises, 0) / np.sqrt(energy + LEAST_ENERGY)
    np.testing.assert_allclose(oriented(pixels)[1, row, column], expected, atol=1e-12)


def test_the_negative_and_the_turned_image_have_the_opposite_directions(pixels):
    opposite = np.roll(oriented(pixels), 3, axis=3)
    np.testing.assert_allclose(oriented(1 - pixels), opposite, atol=1e-12)
    turned = oriented(pixels[:, ::-1, ::-1])[:, ::-1, ::-1]
    np.testing.assert_allclose(turned, opposite, atol=1e-12)


def test_half_the_light_hardly_changes_an_edge_and_faint_noise_stays_small(pixels):
    edge = np.repeat([0.0, 1.0], 14)[None, None, :, None].repeat(28, axis=1)
    np.testing.assert_allclose(oriented(edge / 2), oriented(edge), rtol=0.2)
    assert oriented(pixels / 1_000).max() < 0.02


def test_histograms_of_small_cells_are_a_part_of_all_features():
    images = np.random.default_rng(0).integers(0, 256, (130, 28, 28, 3), np.uint8)
    rows = cell_histograms_of(images)
    np.testing.assert_allclose(rows, histograms_of(images)[:, 128:520], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    assert cell_histograms_of(np.zeros((1, 28, 28), np.uint8)).max() < 0.01
