"""Images that show no member of a data set."""

import numpy as np

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.recognition import outliers


def test_strokes_fill_the_square_of_the_digits_and_are_centred() -> None:
    made = outliers.strokes(200, np.random.default_rng(0))
    ink = made / 255
    columns = (ink.sum(axis=1) * np.arange(28)).sum(axis=1) / ink.sum(axis=(1, 2))
    assert made.dtype == np.uint8
    assert np.abs(columns - 13.5).mean() < 1.5
    assert ((made > 96).any(axis=2).sum(axis=1) <= outliers.INK_SIDE + 1).all()


def test_scribbles_have_more_ink_than_a_few_strokes() -> None:
    few, many = (
        outliers.strokes(100, np.random.default_rng(0), numbers).mean() for numbers in (outliers.FEW, outliers.MANY)
    )
    assert many > 1.5 * few


def test_halves_consist_of_two_images_of_different_classes() -> None:
    labels = np.repeat([3, 7], 20)
    images = np.broadcast_to(labels[:, None, None].astype(np.uint8), (40, 28, 28))
    made = outliers.halves(images, labels, 100, np.random.default_rng(0))
    assert 20 < len(made) < 80
    assert all(set(np.unique(image)) == {3, 7} for image in made)


def test_turned_images_have_the_same_pixels_in_other_places(small_train: DigitSet) -> None:
    made, groups = outliers.turned(*small_train, 60, np.random.default_rng(0))
    assert set(groups // outliers.NUM_TURNS) <= set(small_train.labels)
    sums = set(small_train.images.sum(axis=(1, 2)).tolist())
    assert set(made.sum(axis=(1, 2)).tolist()) <= sums
