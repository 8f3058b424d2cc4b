"""Whether an image looks like a digit: properties of the score."""

import numpy as np
import pytest
from scipy import ndimage

from mnist_pipeline.data.values import ImageKind
from mnist_pipeline.handwriting import novelty as novelty_module
from mnist_pipeline.handwriting import outliers
from mnist_pipeline.handwriting.novelty import (
    POINT,
    Novelty,
    edges,
    fit_held_out,
    looks_like_digit,
)


@pytest.fixture(scope="module")
def novelty(train, test) -> Novelty:
    return Novelty.fit(train.images, train.labels, test.images[::2])


def test_the_held_out_images_are_the_reference_and_no_others(small_train, monkeypatch):
    monkeypatch.setattr(Novelty, "fit", lambda *arrays: arrays)
    members, labels, reference = fit_held_out(small_train, ImageKind(is_mnist=False))
    kept, held_out = small_train.divided()
    np.testing.assert_array_equal(members, small_train.images[kept])
    np.testing.assert_array_equal(labels, small_train.labels[kept])
    np.testing.assert_array_equal(reference, small_train.images[held_out])


def test_other_digits_look_like_digits(novelty, test):
    assert (novelty.percentile(test.images[1::2]) > POINT).mean() < 0.02
    assert novelty.percentile(np.zeros((1, 28, 28), np.uint8)) > POINT


def test_the_network_raises_doubts_and_removes_none(novelty, test):
    zero, one = np.zeros_like(novelty.hidden_weight), np.ones_like(novelty.hidden_bias)
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    for says_outlier in (True, False):
        weights = (1e3 if says_outlier else -1e3) * one
        fooled = novelty._replace(hidden_weight=zero, hidden_bias=one, output_weight=weights)
        assert (fooled.percentile(noise) > POINT).all()
        doubted = fooled.percentile(test.images[:100]) > POINT
        assert doubted.all() == says_outlier


def test_shapes_of_the_kinds_that_it_has_learned_are_doubted(novelty, test):
    rng = np.random.default_rng(1)
    halves = outliers.halves(test.images[:1_000], test.labels[:1_000], 200, rng)
    assert (novelty.percentile(outliers.symbols(20, rng)) > POINT).mean() > 0.9
    assert (novelty.percentile(halves) > POINT).mean() > 0.5


def test_turned_images_that_show_the_same_again_are_not_learned_as_outliers(small_train):
    images, labels = small_train.images[:400], small_train.labels[:400] // 5
    turns = [np.rot90(images, turn, (1, 2)) for turn in range(4)]
    stars = np.max([*turns, *(image[:, ::-1] for image in turns)], axis=0)  # look the same turned
    subspaces = novelty_module._fit_subspaces(stars, labels)
    distances = novelty_module._distances(edges(stars), *subspaces)
    rng = np.random.default_rng(0)
    _, strangers = novelty_module._examples(stars, labels, distances, subspaces, rng)
    assert not set(map(bytes, strangers)) & set(map(bytes, stars))


def test_an_improbable_answer_needs_a_more_usual_image():
    cases = ((97, 0.95), (99, 0.95), (94, 0.5), (97, 0.5))
    assert [looks_like_digit(*case) for case in cases] == [True, False, True, False]


def test_edges_are_shares_of_the_rising_slopes_by_direction_and_cell(small_test):
    images = small_test.images[:8]
    reach = np.exp(-0.5 * (np.arange(-13, 14) / 0.7) ** 2)
    reach /= reach.sum()
    centres = (np.arange(5) + 0.5) * 5.6 - 0.5
    cells = np.maximum(0, 1 - np.abs(np.arange(28) - centres[:, None]) / 5.6)
    angles = 2 * np.pi * np.arange(8) / 8
    for image, found in zip(images, edges(images), strict=True):
        smooth = image.astype(np.float64)
        for axis in (0, 1):
            smooth = ndimage.correlate1d(smooth, reach, axis, mode="constant")
        slopes = [ndimage.correlate1d(smooth, [-1, 0, 1], axis, mode="constant") for axis in (1, 0)]
        rising = [
            np.maximum(0, np.cos(angle) * slopes[0] + np.sin(angle) * slopes[1]) for angle in angles
        ]
        sums = np.array([cells @ slope @ cells.T for slope in rising]).ravel()
        np.testing.assert_allclose(found**2, sums / sums.sum(), atol=1e-5)


def test_a_blank_image_has_no_edges():
    assert not edges(np.zeros((1, 28, 28), np.uint8)).any()


@pytest.mark.parametrize("per_class", [1, 5])
def test_a_few_images_of_each_class_and_a_single_image_of_one_suffice(
    per_class, small_train, small_test
):
    images, labels = small_train
    counts = [1, *[per_class] * 9]
    rows = np.concatenate([np.flatnonzero(labels == c)[: counts[c]] for c in range(10)])
    few = Novelty.fit(images[rows], labels[rows], images[-40:])
    own = [edges(images[rows][labels[rows] == label]).mean(axis=0) for label in range(10)]
    distances = np.linalg.norm(np.array(own)[:, np.newaxis] - few.means, axis=2)
    np.testing.assert_array_equal(distances.argmin(axis=1), range(10))
    deviations = few.residuals[:, 1]
    assert deviations.min() > 0.1 * deviations.max()
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    assert np.median(few.percentile(noise)) > np.median(few.percentile(small_test.images)) + 20
