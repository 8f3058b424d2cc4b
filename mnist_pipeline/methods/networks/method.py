"""The two networks as models of the table: NumPy computes a few answers, and torch many.

For a few images, NumPy takes less time than importing torch. The architectures are those of
`modules`, the arithmetic is float32.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist_pipeline.data.values import Answer, DigitSet, ImageKind
from mnist_pipeline.methods import gradients, ridge_regression
from mnist_pipeline.methods.networks.fitted import FittedNetwork, Weights
from mnist_pipeline.methods.softmax.method import softmax

FEW = 100  # images for which NumPy takes less time than importing torch


@dataclass(frozen=True)
class NetworkMethod:
    """A network as a model of the table."""

    name: str  # "mlp" or "cnn"
    logits: Callable[[Weights, np.ndarray], np.ndarray]  # of a few images, in NumPy

    def fit(
        self,
        digits: DigitSet,
        settings: Mapping[str, Any],
        *,
        seed: int,
        kind: ImageKind,
        repeats: float = 1.0,
        on_epoch: Callable[..., object] | None = None,
    ) -> FittedNetwork:
        """The network as `training.fit` trains it."""
        from mnist_pipeline.methods.networks import training

        return training.fit(
            self.name, digits, settings, seed=seed, kind=kind, repeats=repeats, on_epoch=on_epoch
        )

    def answer(self, fitted: FittedNetwork, images: np.ndarray) -> Answer:
        """The most probable class of each image, and the calibrated class probabilities.

        The probabilities of many images are float32, as torch computes them.
        """
        return self._answer(fitted.weights, fitted.temperature, images)

    def held_out_answer(
        self, fitted: FittedNetwork, images: np.ndarray, held_out: np.ndarray
    ) -> Answer:
        """The answer of the network that has not seen the held-out images; its temperature is
        fitted on them.
        """
        weights = fitted.weights if fitted.held_out_weights is None else fitted.held_out_weights
        return self._answer(weights, fitted.temperature, images)

    def _answer(self, weights: Weights, temperature: float, images: np.ndarray) -> Answer:
        if len(images) <= FEW:
            logits = self.logits(weights, images).astype(np.float64)
            probabilities = softmax(logits / temperature)
        else:
            from mnist_pipeline.methods.networks import modules, prediction

            network = modules.of_weights(self.name, weights)
            probabilities = prediction.predict_probabilities(network, images, temperature)
        return Answer(probabilities.argmax(axis=1), probabilities)


def mlp_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `modules.MLP`, float32 (n, n_classes), from its weights by name and images, uint8
    (n, 28, 28) or (n, 28, 28, 3).
    """
    x = _pixels(images).reshape(len(images), -1)  # (n, 784)
    x = np.maximum(x @ weights["hidden.weight"].T + weights["hidden.bias"], 0)  # (n, 1024)
    return x @ weights["output.weight"].T + weights["output.bias"]  # (n, 10)


def cnn_logits(weights: Weights, images: np.ndarray) -> np.ndarray:
    """Logits of `modules.CNN`, float32 (n, n_classes), from its weights by name and images, uint8
    (n, 28, 28) or (n, 28, 28, 3).
    """
    features = cnn_features(weights, images)  # (n, 1024)
    logits = features @ weights["linear.weight"].T + weights["linear.bias"]  # (n, 10)
    if "kernel.points" in weights:
        parts = ridge_regression.KernelRegression._fields
        fitted = ridge_regression.KernelRegression(*(weights[f"kernel.{part}"] for part in parts))
        logits += ridge_regression.scores(fitted, gradients.histograms_of(images))
    return logits


def cnn_features(weights: Weights, images: np.ndarray) -> np.ndarray:
    """The features behind the second pooling, float32 (n, 1024)."""
    x = _pooled(cnn_maps(weights, images))  # (n, 32, 12, 12)
    x = _pooled(_convolved(x, weights["conv2.weight"], weights["conv2.bias"]))  # (n, 64, 4, 4)
    return x.reshape(len(x), -1)


def cnn_maps(weights: Weights, images: np.ndarray) -> np.ndarray:
    """The maps of the first convolution before ReLU, float32 (n, 32, 24, 24)."""
    channels, sees_gradients = gradients.of_inputs(weights["conv1.weight"].shape[1])
    x = _pixels(images).reshape(*images.shape[:3], channels)
    if sees_gradients:
        x = np.concatenate([x, gradients.oriented(x)], axis=3)
    x = x.transpose(0, 3, 1, 2)  # (n, inputs, 28, 28)
    return _convolved(x, weights["conv1.weight"], weights["conv1.bias"])


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
    return result.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2)


def _pooled(x: np.ndarray) -> np.ndarray:
    """ReLU of the maximum over blocks of 2×2."""
    n, channels, rows, columns = x.shape
    return np.maximum(x.reshape(n, channels, rows // 2, 2, columns // 2, 2).max(axis=(3, 5)), 0)


MLP = NetworkMethod("mlp", mlp_logits)
CNN = NetworkMethod("cnn", cnn_logits)
