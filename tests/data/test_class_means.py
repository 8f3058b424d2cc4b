"""The mean image of each class, and the mean and deviation of all pixels."""

from __future__ import annotations

import numpy as np

from mnist_pipeline.data.datasets import DigitSet, class_means, mean_and_deviation


def test_each_mean_is_that_of_the_images_of_its_class(small_train: DigitSet) -> None:
    means = class_means(small_train)
    assert (means.shape, means.dtype) == ((10, 28, 28), np.float64)
    for k, mean in enumerate(means):
        np.testing.assert_allclose(mean, small_train.images[small_train.labels == k].astype(float).mean(axis=0))


def test_the_means_weighted_by_their_classes_give_the_mean_of_all(small_train: DigitSet) -> None:
    counts = np.bincount(small_train.labels, minlength=10)
    weighted = np.tensordot(counts, class_means(small_train), axes=1) / counts.sum()
    np.testing.assert_allclose(weighted, small_train.images.mean(axis=0))


def test_a_class_without_images_has_a_mean_of_zero(small_train: DigitSet) -> None:
    kept = small_train.labels != 7
    means = class_means(DigitSet(small_train.images[kept], small_train.labels[kept]))
    assert not means[7].any()
    np.testing.assert_array_equal(np.delete(means, 7, axis=0), np.delete(class_means(small_train), 7, axis=0))


def test_mean_and_deviation_are_those_of_all_pixels(small_train: DigitSet) -> None:
    mean, deviation = mean_and_deviation(small_train.images)
    np.testing.assert_allclose((mean, deviation), (small_train.images.mean(), small_train.images.std()), rtol=1e-12)
