"""The networks as models of the table `mnist_pipeline.models`: functions from images to labels."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mnist_pipeline.inference.networks import TEMPERATURE
from mnist_pipeline.networks import CNN, MLP, SIDE, of_weights
from mnist_pipeline.records import Answer, Network
from mnist_pipeline.training.loop import build, train
from mnist_pipeline.training.prediction import load_weights, predict_probabilities
from mnist_pipeline.training.recipes import RECIPES


def reader(network: Network, predictions: object) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """A function from many images to labels, by a stored network."""
    model = load_weights(of_weights(network.weights), network.weights)
    return lambda images: predict_probabilities(model, images).argmax(axis=1)


def answer(state: Mapping[str, NDArray[Any]], images: NDArray[Any]) -> Answer:
    """The answer of a network to many images, from what `inference.state` returns."""
    parameters = {name: array for name, array in state.items() if name != TEMPERATURE}
    model = load_weights(of_weights(parameters), parameters)
    probabilities = predict_probabilities(model, images, float(state[TEMPERATURE]))
    return Answer(probabilities.argmax(axis=1), probabilities)


def fit_reader(
    images: NDArray[Any],
    labels: NDArray[Any],
    *,
    recipe: str,
    learning_rate: float | None = None,
    hidden_size: int | None = None,
    seed: int = 0,
    repeats: float = 1,
) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """A function from images to labels, by a network trained on these images.

    The network is a perceptron with `hidden_size` hidden units, or without that number the convolutional network. It
    makes as many updates as the recipe makes with `repeats` times as many images.
    """
    named = RECIPES["mlp" if hidden_size else "cnn"][recipe]
    updates = named.epochs * math.ceil(len(images) * repeats / named.batch_size)
    epochs = round(updates / math.ceil(len(images) / named.batch_size))
    chosen = replace(named, epochs=epochs, learning_rate=learning_rate or named.learning_rate)
    num_classes = int(labels.max()) + 1
    kind, *sizes = (MLP, SIDE * SIDE, hidden_size) if hidden_size else (CNN,)
    model: nn.Module = build(kind, *sizes, num_classes, seed=seed)
    train(model, images, labels, chosen, seed=seed)
    return lambda queries: predict_probabilities(model, queries).argmax(axis=1)


def held_out_labels(
    network: Network, predictions: object, images: NDArray[Any], held_out: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """The labels of the images held out of training, None if none were."""
    if np.isnan(network.validation_accuracy).all():
        return None
    return reader(network, predictions)(images[held_out])
