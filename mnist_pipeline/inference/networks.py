"""The two networks as models of the table: their logits in NumPy for a few images, and torch for
many.

For a few images, NumPy takes less time than importing torch. The architectures are those of
`mnist_pipeline.networks`, the arithmetic is float32.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist_pipeline.data.records import Answer, Network
from mnist_pipeline.softmax import softmax

if TYPE_CHECKING:
    from mnist_pipeline.inference.onnx import Graph

Weights = Mapping[str, np.ndarray]
TEMPERATURE = "temperature"


def state(network: Network, predictions: object, seed: int) -> dict[str, np.ndarray]:
    """The weights of a network and the temperature of its probabilities."""
    return {**network.weights, TEMPERATURE: network.temperature}


def answer(state: Weights, images: np.ndarray) -> Answer:
    """The most probable class of each image, and the calibrated class probabilities, float64 (n,
    n_classes).

    The network is convolutional if it has a convolution's weights.
    """
    is_convolutional = any(array.ndim == 4 for array in state.values())
    logits = (cnn_logits if is_convolutional else mlp_logits)(state, images)
    probabilities = softmax(logits.astype(np.float64) / float(state[TEMPERATURE]))
    return Answer(probabilities.argmax(axis=1), probabilities)


def answer_many(state: Weights, images: np.ndarray) -> Answer:
    """The same answer by torch, whose probabilities are float32."""
    from mnist_pipeline import networks, training

    parameters = {name: array for name, array in state.items() if name != TEMPERATURE}
    model = training.load_weights(networks.of_weights(parameters), parameters)
    probabilities = training.predict_probabilities(model, images, float(state[TEMPERATURE]))
    return Answer(probabilities.argmax(axis=1), probabilities)


def reader(network: Network, predictions: object) -> Callable[[np.ndarray], np.ndarray]:
    """A function from many images to labels, by a stored network."""
    return lambda images: answer_many(state(network, predictions, 0), images).labels


def held_out_answer(state: Weights, images: np.ndarray, held_out: np.ndarray) -> Answer:
    """The same answer, but for the temperature: it is fitted on the held-out images themselves."""
    return answer_many(state, images)


def fit_reader(
    images: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], seed: int, repeats: float
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from images to labels, by a network trained on these images.

    The network is a perceptron if the settings have a `hidden_size`, otherwise the convolutional
    network. It makes as many updates as the recipe makes with `repeats` times as many images.
    """
    from mnist_pipeline import networks, training

    hidden_size = settings.get("hidden_size")
    kind, size = ("mlp", {"hidden_size": hidden_size}) if hidden_size else ("cnn", {})
    recipe = training.named_recipe(
        kind, settings["recipe"], learning_rate=settings["learning_rate"]
    )
    updates = recipe.whole_passes * math.ceil(len(images) * repeats / recipe.batch_size)
    recipe = replace(
        recipe, later=1.0, epochs=math.ceil(updates / math.ceil(len(images) / recipe.batch_size))
    )
    model = training.build(
        networks.KINDS[kind], **size, num_classes=int(labels.max()) + 1, seed=seed
    )
    training.train(model, images, labels, recipe, seed=seed)
    return lambda queries: training.predict_probabilities(model, queries).argmax(axis=1)


def to_onnx(graph: "Graph", state: Weights) -> tuple[str, str]:
    """The logits and the calibrated probabilities of a network as nodes of an ONNX graph."""
    if any(array.ndim == 4 for array in state.values()):
        x = graph.pixels(np.float32, (1, 28, 28))
        for layer in ("conv1", "conv2"):
            x = graph.add("Conv", x, state[f"{layer}.weight"], state[f"{layer}.bias"])
            x = graph.add("MaxPool", graph.add("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
        x, last = graph.add("Flatten", x), "linear"
    else:
        x = graph.pixels(np.float32, (state["hidden.weight"].shape[1],))
        x = graph.add(
            "Relu", graph.add("Gemm", x, state["hidden.weight"], state["hidden.bias"], transB=1)
        )
        last = "output"
    logits = graph.add("Gemm", x, state[f"{last}.weight"], state[f"{last}.bias"], transB=1)
    return logits, graph.softmax(logits, float(state[TEMPERATURE]))


def mlp_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `networks.MLP`, float32 (n, n_classes), from its weights by name and images (n, 28,
    28), uint8.
    """
    x = _pixels(images).reshape(len(images), -1)  # (n, 784)
    x = np.maximum(x @ weights["hidden.weight"].T + weights["hidden.bias"], 0)  # (n, 1024)
    return np.asarray(x @ weights["output.weight"].T + weights["output.bias"])  # (n, 10)


def cnn_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `networks.CNN`, float32 (n, n_classes), from its weights by name and images (n, 28,
    28), uint8.
    """
    x = _pixels(images)[:, np.newaxis]  # (n, 1, 28, 28)
    x = _pooled(_convolved(x, weights["conv1.weight"], weights["conv1.bias"]))  # (n, 32, 12, 12)
    x = _pooled(_convolved(x, weights["conv2.weight"], weights["conv2.bias"]))  # (n, 64, 4, 4)
    return np.asarray(
        x.reshape(len(x), -1) @ weights["linear.weight"].T + weights["linear.bias"]
    )  # (n, 10)


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255


def _convolved(x: np.ndarray, kernels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve (n, channels, rows, columns) with (n_kernels, channels, side, side), without
    padding.
    """
    windows = sliding_window_view(
        x, kernels.shape[2:], axis=(2, 3)
    )  # (n, channels, rows', columns', side, side)
    n, _, rows, columns = windows.shape[:4]
    flat = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
    result = flat @ kernels.reshape(len(kernels), -1).T + bias
    return np.asarray(result.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2))


def _pooled(x: np.ndarray) -> np.ndarray:
    """ReLU of the maximum over blocks of 2×2."""
    n, channels, rows, columns = x.shape
    return np.maximum(x.reshape(n, channels, rows // 2, 2, columns // 2, 2).max(axis=(3, 5)), 0)
