"""The training loop: Adam on the cross-entropy, over a set in memory or over shards of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.adam import adam

from mnist_pipeline.data.deformations import vary
from mnist_pipeline.records import Network
from mnist_pipeline.training.calibration import fit_temperature
from mnist_pipeline.training.hardware import autocast, choose_precision, default_device, placed, seeded
from mnist_pipeline.training.prediction import checked_images, logits, pixel_tensor, scaled, weights
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
        From 1.
    loss, accuracy : float
        Mean cross-entropy, without label smoothing, and accuracy over the training images. Each image is scored just
        before its batch's update.
    validation_accuracy : float or None
        On the held-out images, after the epoch; None if none are held out.
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
    precision, device : str
        "float32" or "bfloat16", and "cpu" or "cuda".
    num_training, num_validation : int
        Images trained on, and images held out.
    temperature : float
        Divisor of the logits, see `fit_temperature`; 1 without held-out images.
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
    """Construct a network; its initial weights depend only on the seed. torch's global generator is restored.

    Examples
    --------
    >>> from mnist_pipeline.networks import CNN
    >>> model = build(CNN, 10, seed=7)
    """
    with seeded(seed, torch.device("cpu")):
        return construct(*arguments)


def split(num_samples: int, validation_size: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide sample indices into training and validation: two arrays of int64, each in increasing order.

    The last `validation_size` samples of a permutation with this seed are held out.
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
        Seed of the held-out split and of the order of the images. The same seed on the same machine with the same
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
    border of two shards. With a single shard the result is that of `train`, to the byte. No image is held out.

    Parameters
    ----------
    shards : sequence of (images, labels)
        All of one size. A shard is read by its index when it is needed, and released afterwards.
    model, recipe, seed, device, on_epoch
        As in `train`.
    """
    if not len(shards):
        raise ValueError("shards is empty; pass at least one shard of images and labels")
    run = _Run(model, recipe, seed, device, num_shards=len(shards))
    return run.train(lambda number: _tensors(*shards[number]), None, on_epoch)


def stored(model: nn.Module, history: History) -> Network:
    """A trained network as it is stored, with the measurements of each epoch."""
    epochs = history.epochs
    return Network(
        weights(model),
        np.array([record.loss for record in epochs]),
        np.array([record.accuracy for record in epochs]),
        np.array([record.validation_accuracy for record in epochs], np.float64),  # None becomes NaN
        np.array(history.temperature),
    )


class Adam:
    """Adam [1]_: the update of `torch.optim.Adam`, whose base class loads torch's compiler, which takes 0.75 s.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], betas: tuple[float, float]) -> None:
        self.betas = betas
        # Each parameter, the running means of its gradient and of the square, and its number of steps.
        self.state = [(p, torch.zeros_like(p), torch.zeros_like(p), p.new_zeros(())) for p in parameters]

    def step(self, learning_rate: float) -> None:
        """Update the parameters that have a gradient, and delete their gradients."""
        updated = [state for state in self.state if state[0].grad is not None]
        parameters, means, squares, steps = ([state[i] for state in updated] for i in range(4))
        gradients = [p.grad for p in parameters if p.grad is not None]
        with torch.no_grad():
            adam(
                parameters, gradients, means, squares, [], steps, fused=True, amsgrad=False, maximize=False,
                beta1=self.betas[0], beta2=self.betas[1], lr=learning_rate, weight_decay=0.0, eps=1e-8,
            )  # fmt: skip
        for parameter in parameters:
            parameter.grad = None


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
                f"labels contains {self.highest_label}; the model has {scores.shape[1]} outputs. "
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
                f"a shard contains {len(pixels)} images, another {self.shard_size}; all shards must be of one size."
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
        raise ValueError(f"labels contains {array.min()}; expected classes from 0.")
    return array
