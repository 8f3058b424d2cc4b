"""Images that show no member of a data set."""

import numpy as np
import pytest

from mnist_pipeline.handwriting import outliers


@pytest.mark.parametrize("draw", [outliers.strokes, outliers.symbols])
def test_strokes_fill_the_square_of_the_digits_and_are_centred(draw):
    made = draw(200, np.random.default_rng(0))
    ink = made / 255
    columns = (ink.sum(axis=1) * np.arange(28)).sum(axis=1) / ink.sum(axis=(1, 2))
    assert made.dtype == np.uint8
    assert np.abs(columns - 13.5).mean() < 1.5
    assert ((made > 96).any(axis=2).sum(axis=1) <= outliers.INK_SIDE + 1).all()


def test_halves_consist_of_two_images_of_different_classes():
    labels = np.repeat([3, 7], 20)
    images = np.broadcast_to(labels[:, None, None].astype(np.uint8), (40, 28, 28))
    made = outliers.halves(images, labels, 100, np.random.default_rng(0))
    assert 20 < len(made) < 80
    assert all(set(np.unique(image)) == {3, 7} for image in made)


def test_each_turn_of_each_of_many_classes_has_a_number_of_its_own():
    labels = np.arange(100, dtype=np.uint8)
    images = np.broadcast_to(labels[:, None, None], (100, 28, 28)).copy()
    images[:, 0, 1] = 255  # where no other turn has it
    turned, groups = outliers.turned(images, labels, 1_000, np.random.default_rng(0))
    shown = [image.tobytes() for image in turned]
    assert len(set(shown)) == len(set(groups)) == len(set(zip(shown, groups)))
