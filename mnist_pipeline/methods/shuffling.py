"""What a convolutional network learns from images whose pixels are all shuffled in the same way."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.held_out import split, stratified_order
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.networks.recipes import FEW_IMAGES, ONE_PASS, PICTURES

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


def fit(train: DigitSet, test_images: NDArray[np.uint8], *, seed: int) -> dict[str, NDArray[Any]]:
    """Train the same small network on images as they are, and on shuffled images.

    Both trainings have the same images, initial weights and order, so that only the places of the
    pixels differ.

    Returns
    -------
    dict of ndarray
        - the network that was trained on shuffled images, as `training.stored` returns it;
        - `permutation` (784,) of the shuffle;
        - `trained_on` (), how many images each network learned from, without those held out;
        - `answers` (2, n_test), the answers to the test images: of the first network as they are,
          and of the second to shuffled images.
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
    return {
        **training.stored(network, history),
        "permutation": permutation,
        "trained_on": np.array(len(images) - len(held_out)),
        "answers": np.array(answers),
    }
