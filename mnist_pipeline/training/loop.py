"""The training loop: Adam on the cross-entropy, over a set in memory or over shards of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mnist_pipeline.data.deformations import vary
from mnist_pipeline.training.adam import Adam
from mnist_pipeline.training.calibration import fit_temperature
from mnist_pipeline.training.hardware import autocast, choose_precision, default_device, placed, seeded
from mnist_pipeline.training.prediction import checked_images, logits, pixel_tensor, scaled
from mnist_pipeline.training.recipes import Recipe, learning_rate_at, require

Model = TypeVar("Model", bound=nn.Module)


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN."""


@dataclass(frozen=True)
class EpochRecord:
    """The measurements of one epoch.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    loss : float
        Mean cross-entropy over the training images, without label smoothing. Each image is scored just before its
        batch's update.
    accuracy : float
        Share of the training images classified correctly, scored at the same time.
    validation_accuracy : float or None
        Share of the held-out images classified correctly after the epoch; None if none are held out.
    seconds : float
        Wall time of the epoch and its validation.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class History:
    """The record of a training run.

    Attributes
    ----------
    epochs : tuple of EpochRecord
        One record per epoch.
    precision : str
        Arithmetic that was used, "float32" or "bfloat16".
    device : str
        Where the network was trained, such as "cpu" or "cuda".
    num_training, num_validation : int
        Images trained on, and images held out.
    temperature : float
        Divisor of the logits that calibrates the probabilities, fitted on the held-out images; 1 without them. See
        `fit_temperature`.
    """

    epochs: tuple[EpochRecord, ...]
    precision: str
    device: str
    num_training: int
    num_validation: int
    temperature: float


OnEpoch = Callable[[EpochRecord], None]
Batches = tuple[Tensor, Tensor]  # all images and labels of a set or a shard


def build(construct: Callable[..., Model], *arguments: Any, seed: int = 0) -> Model:
    """Construct a network whose initial weights depend only on the seed.

    Parameters
    ----------
    construct : callable
        Class or function that returns the network.
    *arguments
        Arguments of `construct`.
    seed : int, default=0
        Seed of the initial weights. torch's global generator is restored.

    Returns
    -------
    Module

    Examples
    --------
    >>> from mnist_pipeline.networks import CNN
    >>> model = build(CNN, 10, seed=7)
    """
    with seeded(seed, torch.device("cpu")):
        return construct(*arguments)


def split(num_samples: int, validation_size: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide sample indices into training and validation.

    Parameters
    ----------
    num_samples : int
    validation_size : int
        Number of samples to hold out: the last of a seeded permutation.
    seed : int, default=0
        Seed of the permutation.

    Returns
    -------
    training, validation : ndarray of int64
        The indices, both in increasing order.
    """
    is_possible = 0 <= validation_size < num_samples
    require(is_possible, "validation_size", validation_size, f"at least 0 and fewer than {num_samples} samples")
    permutation = np.random.default_rng(seed).permutation(num_samples)
    boundary = num_samples - validation_size
    return np.sort(permutation[:boundary]), np.sort(permutation[boundary:])


def train(
    model: nn.Module,
    images: NDArray[Any],
    labels: NDArray[Any],
    recipe: Recipe,
    *,
    seed: int = 0,
    validation_size: int = 0,
    device: str | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a network in place with Adam on the cross-entropy.

    Parameters
    ----------
    model : Module
        From pixels in [0, 1], shape (N, 28, 28), to logits (N, num_classes). It stays on its device, and is in
        evaluation mode afterwards.
    images : ndarray of shape (num_samples, rows, columns) or (num_samples, num_features)
        Images, uint8 or floating in [0, 1].
    labels : ndarray of shape (num_samples,)
        Integer labels.
    recipe : Recipe
        Every setting of the run.
    seed : int, default=0
        Seed of the order of the images, and of the held-out split. The same seed on the same machine with the same
        number of threads gives the same weights to the byte.
    validation_size : int, default=0
        Number of images to hold out. They are scored after each epoch, and the temperature is fitted on them.
    device : str, optional
        Where to train. By default the GPU if there is one.
    on_epoch : callable, optional
        Called with an `EpochRecord` after each epoch.

    Returns
    -------
    History
    """
    images, labels = checked_images(images), _checked_labels(labels, len(images))
    kept, held_out = split(len(images), validation_size, seed)
    # Without a split there is nothing to select, and bytes in a mapped file are not copied twice.
    shard = _tensors(images[kept], labels[kept]) if validation_size else _tensors(images, labels)
    validation = _tensors(images[held_out], labels[held_out]) if validation_size else None
    run = _Run(model, recipe, seed, device, num_shards=1)
    history = run.train(lambda _: shard, validation, on_epoch)
    if not validation_size:
        return history
    temperature = fit_temperature(run.validation_logits.cpu().numpy(), labels[held_out])
    return replace(history, temperature=temperature)


def train_on_shards(
    model: nn.Module,
    shards: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a network in place as `train` does, on a set in shards, with one shard in memory at a time.

    In each epoch the shards are visited in a random order, and so are the images of a shard. No batch crosses the
    border of two shards. With a single shard the result is that of `train`, to the byte.

    Parameters
    ----------
    model : Module
        As in `train`.
    shards : sequence of (images, labels)
        As in `train`, all of one size. A shard is read by its index when it is needed, and released afterwards.
    recipe : Recipe
        Every setting of the run; an epoch is a pass over all shards.
    seed : int, default=0
        Seed of both orders.
    device, on_epoch
        As in `train`.

    Returns
    -------
    History
        No image is held out.
    """
    if not len(shards):
        raise ValueError("shards is empty; pass at least one shard of images and labels")
    run = _Run(model, recipe, seed, device, num_shards=len(shards))
    return run.train(lambda number: _tensors(*shards[number]), None, on_epoch)


class _Run:
    """One training run."""

    def __init__(self, model: nn.Module, recipe: Recipe, seed: int, device: str | None, num_shards: int) -> None:
        self.model, self.recipe, self.seed, self.num_shards = model, recipe, seed, num_shards
        self.device = torch.device(device) if device else default_device()
        self.precision = choose_precision(model, self.device, recipe.precision)
        self.generator = torch.Generator().manual_seed(seed)
        self.first_layer = _first_layer(model)
        self.shard_size = 0
        self.step = 0

    def train(self, load: Callable[[int], Batches], validation: Batches | None, on_epoch: OnEpoch | None) -> History:
        """Train for all epochs of the recipe; `load` returns a shard by its number."""
        records: list[EpochRecord] = []
        place = placed(self.model, self.device, self.precision, self.recipe.channels_last)
        with place as network, seeded(self.seed, self.device):
            self.network, self.optimizer = network, Adam(self.model.parameters(), self.recipe.betas)
            for epoch in range(1, self.recipe.epochs + 1):
                start = time.perf_counter()
                order = np.random.default_rng((self.seed, epoch)).permutation(self.num_shards)
                measured = [self.train_on_shard(*load(int(number))) for number in order]
                loss, accuracy = (sum(values) / len(values) for values in zip(*measured, strict=True))
                validation_accuracy = None
                if validation is not None:
                    pixels, targets = (tensor.to(self.device) for tensor in validation)
                    self.validation_logits = logits(network, pixels, self.precision)
                    validation_accuracy = int((self.validation_logits.argmax(dim=1) == targets).sum()) / len(targets)
                records.append(EpochRecord(epoch, loss, accuracy, validation_accuracy, time.perf_counter() - start))
                if on_epoch is not None:
                    on_epoch(records[-1])
            self.first_layer.requires_grad_(True)
        num_validation = 0 if validation is None else len(validation[1])
        num_training = self.num_shards * self.shard_size
        return History(tuple(records), self.precision, self.device.type, num_training, num_validation, 1.0)

    def train_on_shard(self, pixels: Tensor, targets: Tensor) -> tuple[float, float]:
        """Pass once over the images in a random order; return their mean loss and accuracy, scored on the way."""
        num_samples = len(pixels)
        self._check(pixels, targets)
        if self.recipe.variation:
            pixels = torch.from_numpy(vary(pixels.numpy(), self.recipe.variation, (self.seed, self.step)))
        pixels, targets = pixels.to(self.device), targets.to(self.device)
        order = torch.randperm(num_samples, generator=self.generator).to(self.device)
        self.network.train()
        batches = [
            self.update(pixels.index_select(0, batch), targets[batch])
            for batch in torch.split(order, self.recipe.batch_size)
        ]
        scores, targets = torch.cat(batches).double(), targets[order]
        loss = float(F.cross_entropy(scores, targets))
        if not math.isfinite(loss):
            raise DivergenceError(
                f"the loss is {loss} after {self.step} updates: training diverged. "
                f"Lower the recipe's learning_rate, which is {self.recipe.learning_rate}."
            )
        return loss, int((scores.argmax(dim=1) == targets).sum()) / num_samples

    def update(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Make one step of Adam on a batch; return the logits before the step."""
        num_steps = self.recipe.epochs * self.num_shards * math.ceil(self.shard_size / self.recipe.batch_size)
        self.first_layer.requires_grad_(self.step < self.recipe.freeze * num_steps)
        with autocast(self.device, self.precision):
            scores: Tensor = self.network(scaled(pixels)).float()
        if self.highest_label >= scores.shape[1]:
            raise ValueError(
                f"labels holds {self.highest_label}; the model has {scores.shape[1]} outputs. "
                "Build it with more classes, or correct the labels."
            )
        objective = F.cross_entropy(scores, targets, label_smoothing=self.recipe.label_smoothing)
        torch.autograd.backward(objective)
        self.optimizer.step(learning_rate_at(self.step, num_steps, self.recipe))
        self.step += 1
        return scores.detach()

    def _check(self, pixels: Tensor, targets: Tensor) -> None:
        """Raise a ValueError if the images do not suit the recipe, or if shards differ in size."""
        self.shard_size = self.shard_size or len(pixels)
        self.highest_label = int(targets.max())
        if len(pixels) != self.shard_size:
            raise ValueError(
                f"a shard holds {len(pixels)} images, another {self.shard_size}; all shards must be of one size."
            )
        if self.recipe.variation and (pixels.ndim != 3 or pixels.dtype != torch.uint8):
            raise ValueError(
                f"images has shape {tuple(pixels.shape)} and type {str(pixels.dtype).removeprefix('torch.')}; "
                "a recipe with variation needs (N, rows, columns), uint8."
            )


def _first_layer(model: nn.Module) -> nn.Module:
    """The first layer with parameters, or an empty module if no other layer follows it."""
    layers = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return layers[0] if len(layers) > 1 else nn.Module()


def _tensors(images: NDArray[Any], labels: NDArray[Any]) -> Batches:
    """Images and labels as tensors, checked."""
    pixels = pixel_tensor(images)
    return pixels, torch.from_numpy(_checked_labels(labels, len(pixels)).astype(np.int64))


def _checked_labels(labels: NDArray[Any], count: int) -> NDArray[Any]:
    """Labels as an array of non-negative integers; raise a ValueError unless there is one per image."""
    array = np.asarray(labels)
    if array.shape != (count,):
        raise ValueError(f"labels has shape {array.shape}; expected ({count},), one for each image.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"labels has type {array.dtype}; expected integers.")
    if array.min() < 0:
        raise ValueError(f"labels holds {array.min()}; expected classes from 0.")
    return array
