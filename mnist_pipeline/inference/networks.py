"""The logits of the two networks in NumPy: for a few images, this takes less time than importing torch.

The architectures are those of `mnist_pipeline.networks`, the arithmetic is float32.
"""

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist_pipeline.inference.onnx import Graph
from mnist_pipeline.records import Network
from mnist_pipeline.softmax import softmax

Weights = Mapping[str, np.ndarray]
TEMPERATURE = "temperature"


def state(network: Network, predictions: object, seed: int) -> dict[str, np.ndarray]:
    """The weights of a network and the temperature of its probabilities."""
    return {**network.weights, TEMPERATURE: network.temperature}


def predict_probabilities(state: Weights, images: np.ndarray) -> np.ndarray:
    """Calibrated class probabilities, float64 (n, n_classes), from what `state` returns and images (n, 28, 28), uint8.

    The network is convolutional if it has a convolution's weights.
    """
    is_convolutional = any(array.ndim == 4 for array in state.values())
    logits = (cnn_logits if is_convolutional else mlp_logits)(state, images)
    return np.asarray(softmax(logits.astype(np.float64) / float(state[TEMPERATURE])))


def to_onnx(graph: Graph, state: Weights) -> tuple[str, str]:
    """The logits and the calibrated probabilities of a network as nodes of an ONNX graph."""
    if any(array.ndim == 4 for array in state.values()):
        x = graph.pixels(np.float32, (1, 28, 28))
        for layer in ("conv1", "conv2"):
            x = graph.add("Conv", x, state[f"{layer}.weight"], state[f"{layer}.bias"])
            x = graph.add("MaxPool", graph.add("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
        x, last = graph.add("Flatten", x), "linear"
    else:
        x = graph.pixels(np.float32, (state["hidden.weight"].shape[1],))
        x = graph.add("Relu", graph.add("Gemm", x, state["hidden.weight"], state["hidden.bias"], transB=1))
        last = "output"
    logits = graph.add("Gemm", x, state[f"{last}.weight"], state[f"{last}.bias"], transB=1)
    return logits, graph.softmax(logits, float(state[TEMPERATURE]))


def mlp_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `networks.MLP`, float32 (n, n_classes), from its weights by name and images (n, 28, 28), uint8."""
    x = _pixels(images).reshape(len(images), -1)  # (n, 784)
    x = np.maximum(x @ weights["hidden.weight"].T + weights["hidden.bias"], 0)  # (n, 1024)
    return np.asarray(x @ weights["output.weight"].T + weights["output.bias"])  # (n, 10)


def cnn_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `networks.CNN`, float32 (n, n_classes), from its weights by name and images (n, 28, 28), uint8."""
    x = _pixels(images)[:, np.newaxis]  # (n, 1, 28, 28)
    x = _pooled(_convolved(x, weights["conv1.weight"], weights["conv1.bias"]))  # (n, 32, 12, 12)
    x = _pooled(_convolved(x, weights["conv2.weight"], weights["conv2.bias"]))  # (n, 64, 4, 4)
    return np.asarray(x.reshape(len(x), -1) @ weights["linear.weight"].T + weights["linear.bias"])  # (n, 10)


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255


def _convolved(x: np.ndarray, kernels: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve (n, channels, rows, columns) with (n_kernels, channels, side, side), without padding."""
    windows = sliding_window_view(x, kernels.shape[2:], axis=(2, 3))  # (n, channels, rows', columns', side, side)
    n, _, rows, columns = windows.shape[:4]
    flat = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
    result = flat @ kernels.reshape(len(kernels), -1).T + bias
    return np.asarray(result.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2))


def _pooled(x: np.ndarray) -> np.ndarray:
    """ReLU of the maximum over blocks of 2×2."""
    n, channels, rows, columns = x.shape
    return np.maximum(x.reshape(n, channels, rows // 2, 2, columns // 2, 2).max(axis=(3, 5)), 0)
