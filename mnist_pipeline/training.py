"""Training a network on digits: recipes, the loop, prediction, and weights as arrays.

The loop knows nothing of the network: it takes any module from pixels in [0, 1] to logits. One that is faster in
float32 than in bfloat16, or whose layers bring their own threads, says so by `gains_from_bfloat16` and
`has_own_threads`, as `mnist_pipeline.networks.CNN` does.
The images are one uint8 tensor in memory, and a batch is an index into it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.adam import adam

from mnist_pipeline.data.deformations import Variation, vary
from mnist_pipeline.networks import of_weights
from mnist_pipeline.records import Network
from mnist_pipeline.utils.bisection import crossing

Model = TypeVar("Model", bound=nn.Module)

SCHEDULES = ("constant", "one-cycle")
BATCH = 250  # images that are scored at a time
TEMPERATURES = (0.05, 20.0)
EPSILON = 1e-8  # what Adam adds to the root of the mean square
PRECISIONS = ("auto", "float32", "bfloat16")


def _require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise ValueError(f"{name} is {value!r}; expected {expected}.")


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN."""


@dataclass(frozen=True)
class Recipe:
    """Every setting of a training run, each with its reason.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    batch_size : int
        Images an update.
    learning_rate : float
        Step of Adam; its peak where the schedule is "one-cycle".
    betas : tuple of float
        Decay of Adam's two running means. A short run wants short memories.
    schedule : {"constant", "one-cycle"}
        "one-cycle" rises linearly to the peak, so that Adam's means settle before the large steps,
        and falls linearly to zero, which averages out the noise of the last batches.
    warmup : float
        Share of the updates in which "one-cycle" rises.
    label_smoothing : float
        Share of each label spread evenly over all classes. A digit that is already right keeps a
        gradient, which a short run needs. Probabilities become less extreme.
    variation : Variation or None
        Deform each image anew for each pass, within these limits: as another hand would have written the
        same digit. A network that sees each image more than once learns that instead of the image.
    freeze : float
        Share of the updates after which the first layer stays as it is. It settles first, and without
        its gradients an update of the CNN takes two thirds of the time; 1 trains it to the end [1]_.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the products; the weights are float32 always. "auto" takes bfloat16 where
        the processor multiplies it natively and the network gains from it, and float32 elsewhere.
    channels_last : bool
        Lay images out with channels innermost, which the CPU's convolutions are written for.

    References
    ----------
    .. [1] A. Brock, T. Lim, J. M. Ritchie, N. Weston, "FreezeOut: accelerate training by progressively
       freezing layers", 2017.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "constant"
    warmup: float = 0.25
    label_smoothing: float = 0.0
    variation: Variation | None = None
    freeze: float = 1.0
    precision: str = "float32"
    channels_last: bool = False

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        _require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        finite = math.isfinite(self.learning_rate) and self.learning_rate > 0
        _require(finite, "learning_rate", self.learning_rate, "a positive finite number")
        _require(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")
        _require(0 <= self.warmup < 1, "warmup", self.warmup, "a share in [0, 1)")
        _require(0 <= self.label_smoothing < 1, "label_smoothing", self.label_smoothing, "a share in [0, 1)")
        _require(0 < self.freeze <= 1, "freeze", self.freeze, "a share in (0, 1]")
        _require(self.schedule in SCHEDULES, "schedule", self.schedule, f"one of {SCHEDULES}")
        _require(self.precision in PRECISIONS, "precision", self.precision, f"one of {PRECISIONS}")


NOTEBOOK = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
CNN_FAST = Recipe(
    epochs=1,
    batch_size=128,
    learning_rate=9e-3,
    betas=(0.7, 0.9),
    schedule="one-cycle",
    label_smoothing=0.1,
    freeze=0.25,
    precision="auto",
    channels_last=True,
)
MLP_FAST = Recipe(
    epochs=3,
    batch_size=256,
    learning_rate=4e-3,
    betas=(0.8, 0.95),
    schedule="one-cycle",
    label_smoothing=0.1,
    precision="auto",
)
# "notebook" is plain Adam, "fast" reaches its accuracy in the least time, "default" is what the
# pipeline runs. Chosen on 10,000 training images held out; the test images had no part in it.
RECIPES: Mapping[str, Mapping[str, Recipe]] = {
    "cnn": {
        "notebook": NOTEBOOK,
        "fast": CNN_FAST,
        "default": replace(
            CNN_FAST,
            epochs=2,
            learning_rate=8e-3,
            label_smoothing=0.05,
            variation=Variation(rotation=12, scale=0.1, shear=0.1, shift=1, stroke=0.35, noise=0.2),
            freeze=0.3,
        ),
    },
    "mlp": {
        "notebook": replace(NOTEBOOK, learning_rate=5e-4),
        "fast": MLP_FAST,
        "default": MLP_FAST,
    },
}


def recipe_named(network: str, name: str = "default") -> Recipe:
    """Look up a recipe of `RECIPES`.

    Parameters
    ----------
    network : {"mlp", "cnn"}
        The network that it is for.
    name : {"default", "fast", "notebook"}, default="default"
        Which of its recipes.

    Returns
    -------
    Recipe
        The settings.
    """
    _require(network in RECIPES, "network", network, f"one of {tuple(RECIPES)}")
    _require(name in RECIPES[network], "name", name, f"one of {tuple(RECIPES[network])}")
    return RECIPES[network][name]


@dataclass(frozen=True)
class EpochRecord:
    """What one pass over the training images measured.

    Attributes
    ----------
    epoch : int
        Number of the pass, from 1.
    loss : float
        Mean cross-entropy over the training images, without smoothing of the labels, each image
        scored just before its batch's update.
    accuracy : float
        Share of the training images classified correctly, scored likewise.
    validation_accuracy : float or None
        Share of the held-out images classified correctly after the pass; None if none are held out.
    seconds : float
        Wall time of the pass and its validation.
    """

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class History:
    """What a training run did and measured.

    Attributes
    ----------
    epochs : tuple of EpochRecord
        One record a pass.
    precision : str
        Arithmetic that was used, "float32" or "bfloat16".
    device : str
        Where it ran, such as "cpu" or "cuda".
    num_training, num_validation : int
        Images trained on, and images held out.
    temperature : float
        What the logits are to be divided by for calibrated probabilities, fitted on the images held out;
        1 if there are none, or they don't tell. See `fit_temperature`.
    """

    epochs: tuple[EpochRecord, ...]
    precision: str
    device: str
    num_training: int
    num_validation: int
    temperature: float

    @property
    def seconds(self) -> float:
        """Wall time of all passes."""
        return sum(record.seconds for record in self.epochs)


OnEpoch = Callable[[EpochRecord], None]


def build(construct: Callable[..., Model], *arguments: Any, seed: int = 0) -> Model:
    """Construct a network whose initial weights depend on the seed alone.

    Parameters
    ----------
    construct : callable
        Class or function that gives the network.
    *arguments
        What it is called with.
    seed : int, default=0
        Seed of the initial weights. The global generator of torch is left as it was.

    Returns
    -------
    Module
        The network.

    Examples
    --------
    >>> from mnist_pipeline.networks import CNN
    >>> model = build(CNN, 10, seed=7)
    """
    with _seeded(seed, torch.device("cpu")):
        return construct(*arguments)


def split(num_samples: int, validation_size: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide sample indices into those to train on and those to hold out.

    Parameters
    ----------
    num_samples : int
        Number of samples.
    validation_size : int
        Number to hold out: the last of a seeded permutation.
    seed : int, default=0
        Seed of the permutation.

    Returns
    -------
    training, validation : ndarray of int64
        The indices, each in increasing order.
    """
    possible = 0 <= validation_size < num_samples
    _require(possible, "validation_size", validation_size, f"at least 0 and fewer than {num_samples} samples")
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
        From pixels in [0, 1], shape (N, 28, 28), to logits (N, num_classes). Left where it was,
        in evaluation mode.
    images : ndarray of shape (num_samples, rows, columns) or (num_samples, num_features)
        Images, uint8 or floating in [0, 1].
    labels : ndarray of shape (num_samples,)
        Integer labels.
    recipe : Recipe
        How to train.
    seed : int, default=0
        Seed of the order of the images, and of the held-out split. The same seed on the same machine,
        with the same number of threads, gives the same weights to the byte.
    validation_size : int, default=0
        Images to hold out of training, to score after each pass, and to fit the temperature on.
    device : str, optional
        Where to train. By default the GPU if there is one.
    on_epoch : callable, optional
        Called with an `EpochRecord` after each pass.

    Returns
    -------
    History
        One record a pass.
    """
    images, labels = _checked_images(images), _checked_labels(labels, len(images))
    _require_variable(images, recipe)
    training, validation = split(len(images), validation_size, seed)
    # Bytes in a mapped file are copied once, as they are chosen.
    pixels, targets = _tensors(images[training], labels[training]) if validation_size else _tensors(images, labels)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    precision = precision_on(place, model, recipe.precision)
    held_out = None
    if validation_size:
        first, second = _tensors(images[validation], labels[validation])
        held_out = first.to(place), second.to(place)
    records: list[EpochRecord] = []
    logits = torch.empty(0)
    with _placed(model, place, recipe.channels_last), _threads_for(model, place, precision), _seeded(seed, place):
        run = _Run(model, pixels, targets.to(place), recipe, precision, seed)
        for epoch in range(1, recipe.epochs + 1):
            start = time.perf_counter()
            loss, accuracy = run.epoch()
            validation_accuracy = None
            if held_out is not None:
                logits = _logits(model, held_out[0], precision)
                validation_accuracy = int((logits.argmax(dim=1) == held_out[1]).sum()) / validation_size
            elapsed = time.perf_counter() - start
            records.append(EpochRecord(epoch, loss, accuracy, validation_accuracy, elapsed))
            if on_epoch is not None:
                on_epoch(records[-1])
        run.first_layer.requires_grad_(True)
    temperature = 1.0 if held_out is None else fit_temperature(logits.cpu().numpy(), held_out[1].cpu().numpy())
    return History(tuple(records), precision, place.type, len(pixels), validation_size, temperature)


def train_on_shards(
    model: nn.Module,
    shards: Sequence[tuple[NDArray[Any], NDArray[Any]]],
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | None = None,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a network in place as `train` does, on a set that comes in shards, one of which is in memory at a time.

    In each pass the shards are visited in a random order, the images of a shard in a random order too. A batch ends
    with its shard. With a single shard the result is that of `train`, to the byte.

    Parameters
    ----------
    model : Module
        As in `train`.
    shards : sequence of (images, labels)
        Each as in `train`, all of one size. A shard is asked for by its index as its turn comes, and let go after it.
    recipe : Recipe
        How to train; a pass is one over all shards.
    seed : int, default=0
        Seed of both orders.
    device, on_epoch
        As in `train`.

    Returns
    -------
    History
        Nothing is held out.
    """
    if not len(shards):
        raise ValueError("shards is empty; give at least one shard of images and labels")
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    precision = precision_on(place, model, recipe.precision)
    records: list[EpochRecord] = []
    run: _Run | None = None
    with _placed(model, place, recipe.channels_last), _threads_for(model, place, precision), _seeded(seed, place):
        for epoch in range(1, recipe.epochs + 1):
            start = time.perf_counter()
            measured = []
            for number in np.random.default_rng((seed, epoch)).permutation(len(shards)):
                pixels, targets = _tensors(*shards[int(number)])
                _require_variable(pixels, recipe)
                if run is None:
                    run = _Run(model, pixels, targets.to(place), recipe, precision, seed, num_shards=len(shards))
                run.load(pixels, targets.to(place))
                measured.append(run.epoch())
                del pixels, targets
            loss, accuracy = (sum(figures) / len(measured) for figures in zip(*measured, strict=True))
            records.append(EpochRecord(epoch, loss, accuracy, None, time.perf_counter() - start))
            if on_epoch is not None:
                on_epoch(records[-1])
        assert run is not None
        run.first_layer.requires_grad_(True)
    return History(tuple(records), precision, place.type, len(shards) * len(run.pixels), 0, 1.0)


class _Run:
    """A training run: the network, the images, and how far the recipe has been followed."""

    def __init__(
        self,
        model: nn.Module,
        pixels: Tensor,
        targets: Tensor,
        recipe: Recipe,
        precision: str,
        seed: int,
        num_shards: int = 1,
    ) -> None:
        self.model = model
        self.shard_size = len(pixels)
        self.load(pixels, targets)
        self.recipe, self.precision, self.seed = recipe, precision, seed
        self.optimizer = _Adam(model.parameters(), recipe.betas)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0
        self.num_steps = recipe.epochs * num_shards * math.ceil(len(pixels) / recipe.batch_size)
        self.first_layer = _first_layer(model)

    def load(self, pixels: Tensor, targets: Tensor) -> None:
        """Go on with these images, as many as there were at first: the schedule counts on it."""
        if len(pixels) != self.shard_size:
            raise ValueError(
                f"a shard holds {len(pixels)} images, another {self.shard_size}; shards must be of one size."
            )
        self.originals, self.pixels, self.targets = pixels, pixels.to(targets.device), targets
        self.highest_label = int(targets.max())

    def epoch(self) -> tuple[float, float]:
        """Go once through the images in a random order; return the mean loss and the accuracy on the way."""
        num_samples = len(self.pixels)
        if self.recipe.variation:
            self.pixels = self.originals  # which leaves the memory of those before to the next
            deformed = vary(self.originals.numpy(), self.recipe.variation, (self.seed, self.step))
            self.pixels = torch.from_numpy(deformed).to(self.targets.device)
        order = torch.randperm(num_samples, generator=self.generator).to(self.pixels.device)
        self.model.train()
        size = self.recipe.batch_size
        batches = [self.update(order[first : first + size]) for first in range(0, num_samples, size)]
        logits, targets = torch.cat(batches).double(), self.targets[order]
        mean_loss = float(F.cross_entropy(logits, targets))
        if not math.isfinite(mean_loss):
            raise DivergenceError(
                f"the loss is {mean_loss} after {self.step} updates: training diverged. "
                f"Lower the recipe's learning_rate, which is {self.recipe.learning_rate}."
            )
        return mean_loss, int((logits.argmax(dim=1) == targets).sum()) / num_samples

    def update(self, batch: Tensor) -> Tensor:
        """Make one step of Adam on a batch, given by its indices; return the logits before the step."""
        self.first_layer.requires_grad_(self.step < self.recipe.freeze * self.num_steps)
        with _arithmetic(self.pixels.device, self.precision):
            logits: Tensor = self.model(_scaled(self.pixels.index_select(0, batch))).float()
        if self.highest_label >= logits.shape[1]:
            raise ValueError(
                f"labels holds {self.highest_label}; the model has {logits.shape[1]} outputs. "
                "Build it with more classes, or correct the labels."
            )
        objective = F.cross_entropy(logits, self.targets[batch], label_smoothing=self.recipe.label_smoothing)
        torch.autograd.backward(objective)
        self.optimizer.step(learning_rate_at(self.step, self.num_steps, self.recipe))
        self.step += 1
        return logits.detach()


class _Adam:
    """Adam [1]_, the update of `torch.optim.Adam`, whose base class loads torch's compiler: most of a second.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], betas: tuple[float, float]) -> None:
        self.betas = betas
        self.state = [
            _Moments(parameter, torch.zeros_like(parameter), torch.zeros_like(parameter), parameter.new_zeros(()))
            for parameter in parameters
        ]

    def step(self, learning_rate: float) -> None:
        """Move the parameters that have a gradient, and take the gradients off."""
        moved = [each for each in self.state if each.parameter.grad is not None]
        with torch.no_grad():
            adam(
                [each.parameter for each in moved],
                [each.parameter.grad for each in moved if each.parameter.grad is not None],
                [each.first for each in moved],
                [each.second for each in moved],
                [],
                [each.steps for each in moved],
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=learning_rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )
        for each in moved:
            each.parameter.grad = None


class _Moments(NamedTuple):
    """A parameter, the running means of its gradient and of the square, and the number of its steps, as tensors."""

    parameter: nn.Parameter
    first: Tensor
    second: Tensor
    steps: Tensor


def _first_layer(model: nn.Module) -> nn.Module:
    """The first module with parameters of its own, or an empty one where nothing follows it."""
    layers = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return layers[0] if len(layers) > 1 else nn.Module()


def learning_rate_at(step: int, num_steps: int, recipe: Recipe) -> float:
    """Learning rate of one update.

    Parameters
    ----------
    step : int
        Number of the update, from 0.
    num_steps : int
        Updates in the whole run.
    recipe : Recipe
        Its schedule, warm-up share and (peak) learning rate.

    Returns
    -------
    float
        The learning rate, positive.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    progress = (step + 0.5) / num_steps
    rise = progress / recipe.warmup if recipe.warmup else 1.0
    return recipe.learning_rate * min(rise, (1 - progress) / (1 - recipe.warmup))


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """The temperature T at which softmax(logits / T) has the least cross-entropy.

    Labels that were smoothed leave a network less sure than it is right; one number mends that, and
    leaves every answer as it was [1]_.

    Parameters
    ----------
    logits : ndarray of shape (num_samples, num_classes)
        Of images that the network was not trained on.
    labels : ndarray of shape (num_samples,)
        Their integer labels.

    Returns
    -------
    float
        In [0.05, 20]. 1 if the minimum lies outside: where every image is read correctly the cross-entropy
        falls without end, and where they are read no better than by guessing it only rises.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores = np.asarray(logits, np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    mean_true_score = scores[np.arange(len(scores)), labels].mean()

    def slope(temperature: float) -> float:
        # d/dβ of the mean of log Σ exp(β z) − β z_y, β = 1/T: the expected score minus the true one. It grows with β,
        # because the cross-entropy is convex in β.
        powers = np.exp(scores / temperature)
        return float(((powers * scores).sum(axis=1) / powers.sum(axis=1)).mean() - mean_true_score)

    low, high = TEMPERATURES
    if not slope(high) < 0 < slope(low):
        return 1.0
    return crossing(slope, low, high)


def predict_probabilities(
    model: nn.Module,
    images: NDArray[Any],
    *,
    temperature: float = 1.0,
    batch_size: int = BATCH,
    precision: str = "float32",
    device: str | None = None,
) -> NDArray[np.float32]:
    """Class probabilities of each image.

    Parameters
    ----------
    model : Module
        From pixels in [0, 1] to logits.
    images : ndarray of shape (num_samples, rows, columns) or (num_samples, num_features)
        Images, uint8 or floating in [0, 1].
    temperature : float, default=1.0
        What the logits are divided by: `History.temperature` for calibrated probabilities.
    batch_size : int, default=250
        Images at a time. Their activations then fit the cache, which halves the time.
    precision : {"float32", "bfloat16", "auto"}, default="float32"
        Arithmetic of the products.
    device : str, optional
        Where to compute. By default where the model is.

    Returns
    -------
    ndarray of shape (num_samples, num_classes), float32
        Probabilities, which sum to one.
    """
    finite = math.isfinite(temperature) and temperature > 0
    _require(finite, "temperature", temperature, "a positive finite number")
    _require(batch_size >= 1, "batch_size", batch_size, "at least 1")
    _require(precision in PRECISIONS, "precision", precision, f"one of {PRECISIONS}")
    pixels = _pixel_tensor(images)
    parameter = next(model.parameters(), torch.zeros(()))
    place = torch.device(device) if device else parameter.device
    resolved = precision_on(place, model, precision)
    with _placed(model, place, channels_last=True), _threads_for(model, place, resolved):
        logits = _logits(model, pixels.to(place), resolved, batch_size)
    probabilities: NDArray[np.float32] = (logits / temperature).softmax(dim=1).cpu().numpy()
    return probabilities


def weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Parameters and buffers of a network by name, as float32 arrays.

    Parameters
    ----------
    model : Module
        Any network.

    Returns
    -------
    dict of str to ndarray
        C-contiguous copies, as safetensors stores them.
    """
    return {
        name: np.array(value.detach().cpu().float().numpy(), order="C", copy=True)
        for name, value in model.state_dict().items()
    }


def load_weights(model: Model, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Put arrays from `weights` into a network of the same architecture.

    Parameters
    ----------
    model : Module
        The network, changed in place.
    arrays : mapping of str to ndarray
        One array for each parameter.

    Returns
    -------
    Module
        The same network, in evaluation mode.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    given = {name: tuple(array.shape) for name, array in arrays.items()}
    if given != expected:
        raise ValueError(f"arrays hold {given}; the model {type(model).__name__} needs {expected}.")
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return model.eval()


def stored(model: nn.Module, history: History) -> Network:
    """A trained network as it is stored, with what its training measured per epoch."""
    held_out = [record.validation_accuracy for record in history.epochs]
    return Network(
        weights(model),
        np.array([record.loss for record in history.epochs]),
        np.array([record.accuracy for record in history.epochs]),
        np.array([np.nan if accuracy is None else accuracy for accuracy in held_out]),
        np.array(history.temperature),
    )


def reader(network: Network, predictions: object) -> Callable[[NDArray[Any]], NDArray[np.int64]]:
    """A function from many images to labels, by a stored network."""
    model = load_weights(of_weights(network.weights), network.weights)
    return lambda images: predict_probabilities(model, images).argmax(axis=1)


def native_bfloat16(device: str = "cpu") -> bool:
    """Whether a device multiplies bfloat16 in hardware.

    Parameters
    ----------
    device : str, default="cpu"
        "cpu" or "cuda".

    Returns
    -------
    bool
        True where bfloat16 is faster than float32, not merely possible: on a CPU, where it has the
        instructions AVX512-BF16 or AMX-BF16.
    """
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not hasattr(torch.cpu, "get_capabilities"):  # torch before 2.10
        return bool(torch.cpu._is_avx512_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def precision_on(device: torch.device, model: nn.Module, precision: str = "auto") -> str:
    """What a network's products are computed in on a device.

    Parameters
    ----------
    device : torch.device
        Where.
    model : Module
        The network.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What is asked for.

    Returns
    -------
    {"float32", "bfloat16"}
        What is asked for; of "auto", the faster: see `Recipe`.
    """
    if precision != "auto":
        return precision
    gains = getattr(model, "gains_from_bfloat16", None)
    return "bfloat16" if native_bfloat16(device.type) and (gains is None or gains(device)) else "float32"


@contextmanager
def _threads_for(model: nn.Module, device: torch.device, precision: str) -> Iterator[None]:
    """Keep torch to one thread where a network's layers bring their own.

    Torch's wait for more work in a loop, on the cores that the layers' threads would run on; what is left to torch
    takes one thread little longer.
    """
    has_own = getattr(model, "has_own_threads", None)
    before = torch.get_num_threads()
    if has_own is None or not has_own(device, precision):
        yield
        return
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _placed(model: nn.Module, device: torch.device, channels_last: bool) -> Iterator[None]:
    """Hold a network on a device and in a memory layout, and bring it back, in evaluation mode."""
    original = next(model.parameters(), torch.zeros(())).device
    layout = torch.channels_last if channels_last else torch.contiguous_format
    try:
        model.to(device)
        model.to(memory_format=layout)  # type: ignore[call-overload]  # torch types only the tensors' `to`
        yield
    finally:
        model.to(original)
        model.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout draws from, and set them back afterwards."""
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield


def _arithmetic(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Context in which products are computed in the given precision."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def _scaled(pixels: Tensor) -> Tensor:
    """Bytes to [0, 1]; floating values as they are."""
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels


def _logits(model: nn.Module, pixels: Tensor, precision: str, batch_size: int = BATCH) -> Tensor:
    """Scores of all images, a batch at a time, without gradients."""
    model.eval()
    with torch.inference_mode(), _arithmetic(pixels.device, precision):
        return torch.cat(
            [model(_scaled(pixels[i : i + batch_size])).float() for i in range(0, len(pixels), batch_size)]
        )


def _pixel_tensor(images: NDArray[Any]) -> Tensor:
    """Check images and hand them to torch, bytes as bytes and the rest as float32.

    torch wants arrays that it could write to, so a read-only memory map is read into memory here.
    """
    array = _checked_images(images)
    kind = np.uint8 if array.dtype == np.uint8 else np.float32
    return torch.from_numpy(np.require(array, dtype=kind, requirements=("C", "W")))


def _checked_images(images: NDArray[Any]) -> NDArray[Any]:
    array = np.asarray(images)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"images has shape {array.shape}; expected (N, rows, columns) or (N, features), N at least 1.")
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise ValueError(f"images has type {array.dtype}; expected uint8, or floating pixels in [0, 1].")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("images holds NaN or infinite values; remove or replace them first.")
    return array


def _checked_labels(labels: NDArray[Any], count: int) -> NDArray[Any]:
    """Labels, one for each of so many images."""
    array = np.asarray(labels)
    if array.shape != (count,):
        raise ValueError(f"labels has shape {array.shape}; expected ({count},), one for each image.")
    if array.dtype.kind not in "iu":
        raise ValueError(f"labels has type {array.dtype}; expected integers.")
    if array.min() < 0:
        raise ValueError(f"labels holds {array.min()}; expected classes from 0.")
    return array


def _require_variable(pixels: Tensor | NDArray[Any], recipe: Recipe) -> None:
    """Refuse images that a recipe with variation can't deform."""
    kind = str(pixels.dtype).removeprefix("torch.")
    if recipe.variation and (pixels.ndim != 3 or kind != "uint8"):
        raise ValueError(
            f"images has shape {tuple(pixels.shape)} and type {kind}; "
            "a recipe with variation needs (N, rows, columns), uint8."
        )


def _tensors(images: NDArray[Any], labels: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Check images and labels and hand them to torch."""
    pixels = _pixel_tensor(images)
    return pixels, torch.from_numpy(_checked_labels(labels, len(pixels)).astype(np.int64))
