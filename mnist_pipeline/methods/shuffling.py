"""What a convolutional network learns from images whose pixels are all shuffled in the same way."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.held_out import split, stratified_order
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.networks.recipes import FEW_IMAGES, ONE_PASS, PICTURES
from mnist_pipeline.utils.stored_types import stored_type

NUM_PIXELS = IMAGE_SIDE**2
MAX_IMAGES = 3_300  # of a training, with those that are held out
# Images in all passes of a training, which takes a third of a second on two cores. The compiled
# network sees more of them in that time. Few images need batch normalization, which it does not
# have.
NUM_VIEWS, NUM_VIEWS_NORMALIZED = 6_600, 4_000
BATCH_SIZE = 64


def shuffle(images: NDArray[np.uint8], permutation: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Images (n, 28, 28) or (n, 28, 28, 3) whose pixel i is the former pixel `permutation[i]`.

    The colours of a pixel stay together.
    """
    pixels = images.reshape(len(images), NUM_PIXELS, -1)  # (n, 784, channels)
    return pixels[:, permutation].reshape(images.shape)


@stored_type
class ShuffledNetworks(NamedTuple):
    """Two small networks, of which the second was trained on shuffled images."""

    weights: dict[str, np.ndarray]  # of the second; float32, by name
    # Of the second, by epoch: its mean loss, and its accuracy on the held-out images; float64
    # (n_epochs,).
    loss: np.ndarray
    validation_accuracy: np.ndarray
    permutation: np.ndarray  # of the shuffle; int64 (784,)
    trained_on: int  # images that each network learned from, without those held out
    # The answers to the test images, of the first network as they are, and of the second to
    # shuffled images; uint8 (2, n_test).
    answers: np.ndarray


def fit(train: DigitSet, test_images: NDArray[np.uint8], *, seed: int) -> ShuffledNetworks:
    """Train the same small network on images as they are, and on shuffled images.

    Both trainings have the same images, initial weights and order, so that only the order of the
    pixels differs.
    """
    # Imported here, because torch is slow to import.
    from mnist_pipeline.methods.networks import modules, training

    chosen = stratified_order(train.labels, seed)[:MAX_IMAGES]
    images, labels = train.images[chosen], train.labels[chosen]
    _, held_out = split(labels)
    recipe, num_views = replace(ONE_PASS, batch_size=BATCH_SIZE), NUM_VIEWS
    if images.ndim == 4 or len(images) <= FEW_IMAGES:  # in colour, or few
        recipe, num_views = replace(PICTURES, distorted=False), NUM_VIEWS_NORMALIZED
    # A pass over less than a batch takes as long as one over a batch.
    recipe = replace(recipe, epochs=math.ceil(num_views / max(len(images), recipe.batch_size)))
    permutation = np.random.default_rng(seed).permutation(NUM_PIXELS)
    answers = []
    for order in (np.arange(NUM_PIXELS), permutation):
        network = training.build(
            modules.construct, "cnn", train.num_classes, images.shape[1:], seed=seed
        )
        history = training.train(
            network,
            shuffle(images, order),
            labels,
            recipe,
            seed=seed,
            held_out=held_out,
        )
        probabilities = training.predict_probabilities(network, shuffle(test_images, order))
        answers.append(probabilities.argmax(axis=1).astype(np.uint8))
    return ShuffledNetworks(
        weights=training.weights(network),
        loss=np.array([record.loss for record in history.epochs]),
        validation_accuracy=np.array([record.validation_accuracy for record in history.epochs]),
        permutation=permutation,
        trained_on=len(images) - len(held_out),
        answers=np.array(answers),
    )
