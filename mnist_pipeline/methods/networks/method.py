"""The two networks as models of the table: NumPy computes a few answers, and torch many.

For a few images, NumPy takes less time than importing torch. The architectures are those of
`modules`, the arithmetic is float32.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnist_pipeline.data.values import Answer, Fitted
from mnist_pipeline.methods.networks.recipes import HELD_OUT
from mnist_pipeline.methods.softmax.method import softmax

TEMPERATURE = "temperature"  # the name of the temperature among the arrays of a fitted network
FEW = 100  # images for which NumPy takes less time than importing torch


def weights_of(fitted: Fitted) -> dict[str, np.ndarray]:
    """The weights of a stored network; only their names have a dot."""
    return {
        name: array
        for name, array in fitted.items()
        if "." in name and not name.startswith(HELD_OUT)
    }


@dataclass(frozen=True)
class NetworkMethod:
    """A network as a model of the table."""

    kind: str  # "mlp" or "cnn"
    logits: Callable[[Fitted, np.ndarray], np.ndarray]  # of a few images, in NumPy

    def fit(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        settings: Mapping[str, Any],
        *,
        seed: int,
        repeats: float = 1.0,
        handwritten: bool | None = None,
    ) -> dict[str, np.ndarray]:
        """A network trained on these images, without a temperature.

        It makes as many updates as the recipe makes with `repeats` times as many images.
        `handwritten` adapts the default recipe, see `training.from_settings`.
        """
        from mnist_pipeline.methods.networks import training

        num_classes = int(labels.max()) + 1
        network, recipe = training.from_settings(
            self.kind,
            settings,
            num_classes=num_classes,
            seed=seed,
            num_images=round(len(images) * repeats),
            shape=images.shape[1:],
            handwritten=handwritten,
        )
        updates = recipe.whole_passes * math.ceil(len(images) * repeats / recipe.batch_size)
        epochs = math.ceil(updates / math.ceil(len(images) / recipe.batch_size))
        recipe = replace(recipe, later=1.0, epochs=epochs)
        history = training.train(network, images, labels, recipe, seed=seed)
        return training.stored(network, history)

    def answer(self, fitted: Fitted, images: np.ndarray) -> Answer:
        """The most probable class of each image, and the calibrated class probabilities.

        The probabilities of many images are float32, as torch computes them.
        """
        temperature = float(fitted[TEMPERATURE])
        if len(images) <= FEW:
            logits = self.logits(fitted, images).astype(np.float64)
            probabilities = softmax(logits / temperature)
        else:
            from mnist_pipeline.methods.networks import modules, prediction

            network = modules.of_weights(self.kind, weights_of(fitted))
            probabilities = prediction.predict_probabilities(network, images, temperature)
        return Answer(probabilities.argmax(axis=1), probabilities)

    def held_out_answer(self, fitted: Fitted, images: np.ndarray, held_out: np.ndarray) -> Answer:
        """The answer of the network that has not seen the held-out images; its temperature is
        fitted on them.
        """
        held_out_weights = {
            name.removeprefix(HELD_OUT): array
            for name, array in fitted.items()
            if name.startswith(HELD_OUT)
        }
        return self.answer({**fitted, **held_out_weights}, images)


def mlp_logits(weights: Fitted, images: np.ndarray) -> np.ndarray:
    """Logits of `modules.MLP`, float32 (n, n_classes), from its weights by name and images, uint8
    (n, 28, 28) or (n, 28, 28, 3).
    """
    x = _pixels(images).reshape(len(images), -1)  # (n, 784)
    x = np.maximum(x @ weights["hidden.weight"].T + weights["hidden.bias"], 0)  # (n, 1024)
    return x @ weights["output.weight"].T + weights["output.bias"]  # (n, 10)


def cnn_logits(weights: Fitted, images: np.ndarray) -> np.ndarray:
    """Logits of `modules.CNN`, float32 (n, n_classes), from its weights by name and images, uint8
    (n, 28, 28) or (n, 28, 28, 3).
    """
    x = _pooled(cnn_maps(weights, images))  # (n, 32, 12, 12)
    x = _pooled(_convolved(x, weights["conv2.weight"], weights["conv2.bias"]))  # (n, 64, 4, 4)
    return x.reshape(len(x), -1) @ weights["linear.weight"].T + weights["linear.bias"]  # (n, 10)


def cnn_maps(weights: Fitted, images: np.ndarray) -> np.ndarray:
    """The maps of the first convolution before ReLU, float32 (n, 32, 24, 24)."""
    num_channels = weights["conv1.weight"].shape[1]
    x = _pixels(images).reshape(*images.shape[:3], num_channels)
    x = x.transpose(0, 3, 1, 2)  # (n, channels, 28, 28)
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
