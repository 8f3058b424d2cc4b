"""The judge's network in NumPy, with the weights that come with the project."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mnist_pipeline.handwriting.finder.surroundings import LEVELS, OWN
from mnist_pipeline.handwriting.judge.classes import OTHER
from mnist_pipeline.utils.stored_types import stored_type

Floats = NDArray[np.float32]

FILE = Path(__file__).with_name("weights.npz")
LAYERS = "conv1", "conv2", "conv3", "hidden", "output"
LARGEST = 127  # of a weight in eight bits
BATCH = 64  # candidates at a time, whose values fit the cache


@stored_type
class Judge(NamedTuple):
    """The weights of the judge in eight bits: each output of a layer has a scale of its own."""

    weights: Mapping[str, np.ndarray]  # int8, by layer: (outputs, inputs, …)
    scales: Mapping[str, np.ndarray]  # float32 (outputs,)
    biases: Mapping[str, np.ndarray]  # float32 (outputs,)

    @classmethod
    def of(cls, weights: Mapping[str, Floats]) -> "Judge":
        """The judge with these weights of a network by name, rounded to eight bits."""
        levels, scales = {}, {}
        for layer in LAYERS:
            weight = weights[f"{layer}.weight"]
            rows = weight.reshape(len(weight), -1)
            scale = np.maximum(np.abs(rows).max(axis=1), 1e-12) / LARGEST
            rounded = np.rint(rows / scale[:, np.newaxis])
            levels[layer] = rounded.astype(np.int8).reshape(weight.shape)
            scales[layer] = scale.astype(np.float32)
        return cls(levels, scales, {layer: weights[f"{layer}.bias"] for layer in LAYERS})

    def save(self, path: Path = FILE) -> None:
        """Write the judge to a file; by default, it becomes the judge of the project."""
        arrays = {
            f"{field}.{layer}": array
            for field, by_layer in self._asdict().items()
            for layer, array in by_layer.items()
        }
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def load(cls, path: Path = FILE) -> "Judge":
        """Read a judge from a file."""
        with np.load(path) as stored:
            fields = (
                {layer: stored[f"{field}.{layer}"] for layer in LAYERS} for field in cls._fields
            )
            return cls(*fields)

    def probabilities(self, surroundings: NDArray[np.uint8]) -> Floats:
        """Probabilities of `classes.CLASSES`, float32 (n, 12).

        `surroundings` are uint8 (n, 48, 48), see `finder.surroundings`.
        """
        weights = {
            layer: levels * self.scales[layer].reshape(-1, *[1] * (levels.ndim - 1))
            for layer, levels in self.weights.items()
        }
        starts = range(0, len(surroundings), BATCH)
        parts = [
            _logits(weights, self.biases, surroundings[start : start + BATCH]) for start in starts
        ]
        logits = np.concatenate([np.empty((0, len(self.biases["output"])), np.float32), *parts])
        shares = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def digit_probabilities(self, surroundings: NDArray[np.uint8]) -> Floats:
        """The probability that each candidate is a digit, float32 (n,)."""
        return digit_probabilities(self.probabilities(surroundings))


def digit_probabilities(shares: Floats) -> Floats:
    """The probabilities of a digit, (...), from those of `classes.CLASSES`, (..., 12)."""
    return np.asarray(shares[..., :OTHER].sum(axis=-1))


@cache
def shipped() -> Judge:
    """The judge that comes with the project."""
    return Judge.load()


def _logits(
    weights: Mapping[str, Floats], biases: Mapping[str, Floats], surroundings: NDArray[np.uint8]
) -> Floats:
    own = surroundings >= OWN
    ink = (surroundings - OWN * own) / np.float32(LEVELS)
    x = np.stack([ink, own], axis=3).astype(np.float32)  # (n, 48, 48, 2)
    x = _convolved(x, weights["conv1"], biases["conv1"], stride=2)  # (n, 24, 24, 16)
    x = _pooled(_convolved(x, weights["conv2"], biases["conv2"]))  # (n, 12, 12, 32)
    x = _pooled(_convolved(x, weights["conv3"], biases["conv3"]))  # (n, 6, 6, 48)
    x = x.transpose(0, 3, 1, 2).reshape(len(x), -1)  # (n, 1728)
    x = np.maximum(x @ weights["hidden"].T + biases["hidden"], 0)  # (n, 64)
    return np.asarray(x @ weights["output"].T + biases["output"])


def _convolved(x: Floats, weight: Floats, bias: Floats, stride: int = 1) -> Floats:
    """The positive part of a convolution, which the paper around does not make smaller."""
    side = weight.shape[2]
    margin = side // 2
    padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    windows = sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]
    rows = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
    matrix = weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))
    return np.maximum(rows @ matrix + bias, 0)


def _pooled(x: Floats) -> Floats:
    """The largest of 2×2 pixels."""
    count, rows, columns, channels = x.shape
    return np.asarray(x.reshape(count, rows // 2, 2, columns // 2, 2, channels).max(axis=(2, 4)))
