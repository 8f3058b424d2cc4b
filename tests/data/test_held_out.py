"""The images that are held out: the same for every model."""

import numpy as np
import pytest

from mnist_pipeline.data.held_out import held_out_size, split, stratified_order
from mnist_pipeline.data.values import DigitSet

LABELS = np.random.default_rng(0).integers(0, 10, 240)


def test_the_split_is_a_fixed_partition():
    kept, held_out = split(LABELS)
    assert sorted([*kept, *held_out]) == list(range(240))
    assert list(split(LABELS)[1]) == list(held_out)


def test_other_images_or_labels_keep_what_is_held_out():
    digits = DigitSet(np.zeros((3, 28, 28)), np.arange(3), np.array([1]))
    assert digits._replace(labels=np.arange(3)).held_out == [1]


def test_every_prefix_of_the_order_has_each_class_in_proportion(train):
    order = stratified_order(train.labels, 0)
    assert np.array_equal(np.sort(order), np.arange(len(train.labels)))
    share = np.bincount(train.labels) / len(train.labels)
    for size in (10, 100, 1_234, 30_000):
        assert (
            np.abs(np.bincount(train.labels[order[:size]], minlength=10) - size * share).max() <= 1
        )
    assert not np.array_equal(order, stratified_order(train.labels, 1))


@pytest.mark.parametrize(
    ("counts", "least"),
    [([24, 24, 24], 4), ([6, 6, 6], 1), ([2, 2], 1), ([1_000, 5], 1), ([500, 3, 2], 1)],
)
def test_each_class_of_a_small_set_is_held_out_and_trained_on(counts, least):
    labels = np.repeat(np.arange(len(counts)), counts)
    kept, held_out = split(labels)
    assert np.bincount(labels[held_out], minlength=len(counts)).min() >= least
    assert np.bincount(labels[kept], minlength=len(counts)).min() >= 1


def test_a_single_image_of_a_class_is_trained_on():
    labels = np.array([0] * 20 + [1])
    assert 20 in split(labels)[0]
    assert held_out_size(np.array([0, 1])) == 1  # models can't be compared on fewer
