"""Whether an image looks like a digit: properties of the score."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.finder.search import find_digits
from mnist_pipeline.handwriting.novelty import POINT, Novelty, edges


@pytest.fixture(scope="module")
def novelty(train: DigitSet, test: DigitSet) -> Novelty:
    return Novelty.fit(train.images, train.labels, test.images[::2])


def test_other_digits_look_like_digits(novelty: Novelty, test: DigitSet) -> None:
    assert (novelty.percentile(test.images[1::2]) > POINT).mean() < 0.02
    assert novelty.percentile(np.zeros((1, 28, 28), np.uint8)) > POINT


def test_a_face_or_a_heart_does_not_look_like_a_zero(novelty: Novelty, test: DigitSet) -> None:
    zeros = test.images[test.labels == 0]
    is_wide = (zeros.max(axis=1) > 0).sum(axis=1) > 16
    faces = zeros[is_wide & ~zeros[:, 10:19, 10:19].any(axis=(1, 2))]
    eyes = np.s_[10:13, 10:12], np.s_[10:13, 17:19]
    mouth = np.s_[16:18, 11:13], np.s_[17:19, 12:17], np.s_[16:18, 16:18]
    for rows, columns in (*eyes, *mouth):
        faces[:, rows, columns] = 255
    angles = np.linspace(0, 2 * np.pi, 60)
    x = 16 * np.sin(angles) ** 3
    y = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    hearts = []
    for width in np.linspace(0.5, 0.65, 10):
        image = Image.new("L", (112, 112))
        points = np.column_stack([56 + 4 * width * x, 56 - 4 * 0.65 * y])
        ImageDraw.Draw(image).line(list(map(tuple, points)), fill=255, width=11, joint="curve")
        hearts.append(np.asarray(image.reduce(4)))
    assert len(faces) > 10
    assert (novelty.percentile(faces) > POINT).mean() > 0.5
    assert (novelty.percentile(np.array(hearts)) > POINT).mean() > 0.8


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
