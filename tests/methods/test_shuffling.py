"""Shuffled pixels: which models notice nothing, and the network that is trained on them."""

import math

import numpy as np
from support.networks import fitted_network

from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods import shuffling
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.table import MODELS


def test_two_images_take_no_more_updates_than_a_batch_of_images():
    few = DigitSet(np.zeros((2, 28, 28), np.uint8), np.array([0, 1], np.uint8))
    trained = shuffling.fit(few, few.images, seed=0)
    batches = shuffling.NUM_VIEWS_NORMALIZED / shuffling.PICTURES.batch_size
    assert len(trained.loss) <= math.ceil(batches)


def test_only_some_of_many_images_are_trained_on(monkeypatch):
    monkeypatch.setattr(shuffling, "MAX_IMAGES", 12)
    monkeypatch.setattr(shuffling, "NUM_VIEWS_NORMALIZED", 24)
    images = DigitSet(np.zeros((60, 28, 28), np.uint8), np.arange(60, dtype=np.uint8) % 2)
    assert shuffling.fit(images, images.images, seed=0).trained_on < 12


def test_the_network_learns_from_shuffled_colours_which_stay_together(monkeypatch):
    monkeypatch.setattr(training, "distort", None)  # it would move shuffled pixels together
    pixels = np.random.default_rng(0).integers(0, 50, (60, 28, 28, 3), np.uint8)
    labels = np.arange(60, dtype=np.uint8) % 2
    pixels[labels == 1, :, 3] = (255, 0, 0)
    images = DigitSet(pixels, labels)
    trained = shuffling.fit(images, pixels, seed=1)
    shuffled = shuffling.shuffle(pixels, trained.permutation)
    np.testing.assert_array_equal(
        shuffled.reshape(60, 784, 3), pixels.reshape(60, 784, 3)[:, trained.permutation]
    )
    assert (trained.answers == labels).all()
    assert trained.trained_on == len(split(labels)[0])
    answer = MODELS["cnn"].method().answer(fitted_network(trained.weights), shuffled)
    np.testing.assert_array_equal(answer.labels, labels)
