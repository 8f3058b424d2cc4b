"""Whether an image looks like a digit: properties of the score, and how many pictures without a digit it detects."""

from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from support.handwriting import LETTERS, digit_picture, letter_picture
from support.nondigits import nondigit_pictures

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.handwriting.novelty import POINT, Novelty, edges, is_cut, looks_like_digit_in_picture
from mnist_pipeline.handwriting.pictures import find_digits


@pytest.fixture(scope="module")
def novelty(train: DigitSet, test: DigitSet) -> Novelty:
    return Novelty.fit(train.images, train.labels, test.images[::2])


def _found(picture: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int, int]], tuple[int, ...]]:
    """Images and boxes of the digits of a picture, and its shape."""
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    digits = find_digits(grey)
    return np.array([d.image for d in digits], np.uint8).reshape(-1, 28, 28), [d.box for d in digits], grey.shape


def test_other_digits_look_like_digits(novelty: Novelty, test: DigitSet) -> None:
    assert (novelty.percentile(test.images[1::2]) > POINT).mean() < 0.025
    assert novelty.percentile(np.zeros((1, 28, 28), np.uint8)) > POINT


@pytest.mark.parametrize("count", [8, 40])  # in NumPy, and compiled
def test_edges_are_shares_of_the_rising_slopes_by_direction_and_cell(small_test: DigitSet, count: int) -> None:
    images = small_test.images[:count]
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
        rising = [np.maximum(0, np.cos(angle) * slopes[0] + np.sin(angle) * slopes[1]) for angle in angles]
        sums = np.array([cells @ slope @ cells.T for slope in rising]).ravel()
        np.testing.assert_allclose(found**2, sums / sums.sum(), atol=1e-5)


def test_a_digit_at_one_edge_of_the_picture_is_cut_and_one_that_fills_it_is_not() -> None:
    boxes = [(0, 10, 20, 30), (10, 10, 20, 30), (60, 65, 40, 35), (0, 0, 100, 100)]
    assert is_cut(boxes, (100, 100)).tolist() == [True, False, True, False]
    assert is_cut([], (100, 100)).tolist() == []
    assert not is_cut([(6, 7, 16, 20)], (28, 28)).any(), "digits of MNIST touch the edge"


def test_only_ordinary_digits_count_if_most_images_of_a_picture_are_no_digits(
    novelty: Novelty, small_test: DigitSet
) -> None:
    percentiles = novelty.percentile(small_test.images)
    ordinary, unusual = np.argmin(percentiles), np.argmin(np.abs(percentiles - 90))
    noise = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    images = np.concatenate([small_test.images[[ordinary, unusual]], noise])
    boxes = [(30 * i + 5, 5, 20, 20) for i in range(5)]
    assert looks_like_digit_in_picture(novelty.percentile(images), boxes, (30, 160)).tolist() == [True] + 4 * [False]
    assert looks_like_digit_in_picture(novelty.percentile(images[:2]), boxes[:2], (30, 160)).all()


def test_too_few_images_are_refused(small_train: DigitSet) -> None:
    with pytest.raises(ValueError, match="train_labels"):
        Novelty.fit(small_train.images[:20], small_train.labels[:20], small_train.images[:20])


def test_most_pairs_of_digits_that_touch_look_like_no_digit(novelty: Novelty, test: DigitSet) -> None:
    flagged = []
    for left, right in test.images[:80].reshape(40, 2, 28, 28):
        left, right = left[:, left.any(axis=0)], right[:, right.any(axis=0)]
        pair = np.pad(left, ((0, 0), (0, right.shape[1] - 4)))
        pair[:, left.shape[1] - 4 :] |= right
        images, _, _ = _found(255 - np.kron(np.pad(pair, 20), np.ones((4, 4), np.uint8)))
        flagged += [bool(novelty.percentile(images)[0] > POINT)] * (len(images) == 1)
    assert len(flagged) >= 15
    assert np.mean(flagged) > 0.6


@pytest.mark.slow
def test_pictures_without_a_digit_are_flagged(novelty: Novelty) -> None:
    flagged = defaultdict(list)
    for kind, picture in nondigit_pictures(12, seed=2):
        images, boxes, shape = _found(picture)
        flagged[kind].append(not looks_like_digit_in_picture(novelty.percentile(images), boxes, shape).any())
    shares = {kind: np.mean(values) for kind, values in flagged.items()}
    assert np.mean(list(shares.values())) >= 0.92
    assert min(shares.values()) >= 0.6, shares


@pytest.mark.slow
def test_letters_are_flagged_and_handwritten_digits_are_not(novelty: Novelty) -> None:
    rng = np.random.default_rng(3)
    letters = np.concatenate([_found(letter_picture(letter, rng))[0] for letter in LETTERS for _ in range(12)])
    digits = np.concatenate([_found(digit_picture(digit, rng))[0] for digit in range(10) for _ in range(8)])
    assert (novelty.percentile(letters) > POINT).mean() > 0.85
    assert (novelty.percentile(digits) > POINT).mean() < 0.1
