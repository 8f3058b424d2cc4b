"""Digits that are drawn in shapes that MNIST lacks."""

import numpy as np
import pytest

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.data.datasets import class_means

NONE = np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)


def test_drawn_digits_have_mnists_form_and_every_class_and_a_seed_decides_them():
    images, digits = drawn_digits.add(*NONE, seed=0)
    ink = images / 255
    columns = (ink.sum(axis=1) * np.arange(28)).sum(axis=1) / ink.sum(axis=(1, 2))
    assert images.dtype == np.uint8
    assert np.array_equal(images, drawn_digits.add(*NONE, seed=0)[0])
    assert set(digits) == set(range(10))
    assert np.abs(columns - 13.5).max() < 2
    extents = np.array([(images > 96).any(axis=axis).sum(axis=1) for axis in (1, 2)])
    sides = extents.max(axis=0)
    assert 2 * drawn_digits.HALF_SIDE - 2 <= sides.min() <= sides.max()
    assert sides.max() <= 2 * drawn_digits.HALF_SIDE + 2
    assert (images.max(axis=(1, 2)) > 200).all()


def test_drawn_digits_resemble_the_digits_of_their_label_and_not_those_of_others(small_train):
    images, labels = drawn_digits.add(*NONE, seed=0)
    differences = images[::8, np.newaxis] - class_means(small_train)
    nearest = np.square(differences).sum(axis=(2, 3)).argmin(axis=1)
    # The shapes are unusual, so the nearest mean is often another digit's; a tenth is chance.
    assert np.mean(nearest == labels[::8]) > 0.4


def test_drawn_digits_follow_the_others_with_labels_of_the_same_type():
    images, labels = drawn_digits.add(np.full((3, 28, 28), 9, np.uint8), np.array([4, 4, 4]), 1)
    assert (images[:3] == 9).all()
    assert len(images) == len(labels) == 3 + drawn_digits.NUM_IMAGES
    assert labels.dtype == np.int64


@pytest.mark.parametrize(
    ("images", "labels", "seed", "named"),
    [
        (np.zeros((2, 28, 28)), [0, 1], 0, "images"),
        (np.zeros((2, 27, 28), np.uint8), [0, 1], 0, "images"),
        (np.zeros((2, 28, 28), np.uint8), [0], 0, "labels"),
        (np.zeros((2, 28, 28), np.uint8), [0.0, 1.0], 0, "labels"),
        (np.zeros((2, 28, 28), np.uint8), [0, 1], -1, "seed"),
    ],
)
def test_other_digits_are_refused(images, labels, seed, named):
    with pytest.raises(ValueError, match=named):
        drawn_digits.add(images, labels, seed)
