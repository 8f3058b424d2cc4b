"""Whether an image looks like a digit: properties of the score."""

import numpy as np
import pytest
from scipy import ndimage

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.handwriting.novelty import POINT, Novelty, edges
from mnist_pipeline.handwriting.pictures import find_digits


@pytest.fixture(scope="module")
def novelty(train: DigitSet, test: DigitSet) -> Novelty:
    return Novelty.fit(train.images, train.labels, test.images[::2])


def test_other_digits_look_like_digits(novelty: Novelty, test: DigitSet) -> None:
    assert (novelty.percentile(test.images[1::2]) > POINT).mean() < 0.015
    assert novelty.percentile(np.zeros((1, 28, 28), np.uint8)) > POINT


def test_edges_are_shares_of_the_rising_slopes_by_direction_and_cell(
    small_test: DigitSet,
) -> None:
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


@pytest.mark.parametrize("per_class", [1, 5])
def test_a_few_images_of_each_class_suffice(
    per_class: int, small_train: DigitSet, small_test: DigitSet
) -> None:
    images, labels = small_train
    rows = np.concatenate([np.flatnonzero(labels == label)[:per_class] for label in range(10)])
    few = Novelty.fit(images[rows], labels[rows], images[-40:])
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    assert np.median(few.percentile(noise)) > np.median(few.percentile(small_test.images)) + 20


def test_most_pairs_of_digits_that_touch_look_like_no_digit(
    novelty: Novelty, test: DigitSet
) -> None:
    flagged = []
    for left, right in test.images[:80].reshape(40, 2, 28, 28):
        left, right = left[:, left.any(axis=0)], right[:, right.any(axis=0)]
        pair = np.pad(left, ((0, 0), (0, right.shape[1] - 4)))
        pair[:, left.shape[1] - 4 :] |= right
        found = find_digits(255 - np.kron(np.pad(pair, 20), np.ones((4, 4), np.uint8)))
        images = np.array([digit.image for digit in found])
        flagged += [bool(novelty.percentile(images)[0] > POINT)] * (len(found) == 1)
    assert len(flagged) >= 15
    assert np.mean(flagged) > 0.6
