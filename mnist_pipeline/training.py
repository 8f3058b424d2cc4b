"""Training a network on digits: recipes, the loop, prediction, calibration, and how this machine computes a network.

The loop trains any module from pixels in [0, 1] to logits. The images are one uint8 tensor in memory, and a batch is an
index into it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

import numpy as np
import pydantic.dataclasses
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.adam import adam

from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.variation import Variation, vary
from mnist_pipeline.inference import TEMPERATURE
from mnist_pipeline.networks import CNN, MLP, SIDE, of_weights
from mnist_pipeline.records import Answer, Network
from mnist_pipeline.utils.bisection import crossing

BATCH_SIZE = 250  # images predicted at a time; their activations fit the cache, which halves the time
TEMPERATURES = (0.05, 20.0)
PARTS = 20  # of the epoch, or of each shard, whose losses are recorded
Model = TypeVar("Model", bound=nn.Module)
Digits = tuple[NDArray[Any], NDArray[Any]]  # images and labels
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
PositiveNumber = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@pydantic.dataclasses.dataclass(frozen=True)
class Recipe:
    """Every setting of a training run. A setting out of its range is a ValueError.

    References
    ----------
    .. [1] A. Brock, T. Lim, J. M. Ritchie, N. Weston, "FreezeOut: accelerate training by progressively
       freezing layers", 2017.
    .. [2] B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
       Control and Optimization 30(4), 1992.
    """

    epochs: PositiveInt  # passes over the training images
    batch_size: PositiveInt  # images per update
    learning_rate: PositiveNumber  # step of Adam; the peak of the schedule "one-cycle"
    # Decay rates of Adam's two running means. A short run needs a short memory.
    betas: tuple[ShareBelowOne, ShareBelowOne] = (0.9, 0.999)
    # "one-cycle" rises linearly to the peak, so that Adam's running means settle before the large steps, and then
    # falls linearly to zero, which averages out the noise of the last batches.
    schedule: Literal["constant", "one-cycle"] = "constant"
    warmup: ShareBelowOne = 0.25  # share of the updates in which "one-cycle" rises
    # Share of each label spread evenly over all classes. Images that are already classified correctly keep a gradient,
    # which a short run needs. Probabilities become less extreme.
    label_smoothing: ShareBelowOne = 0.0
    # Deform each image anew in each epoch, within these limits, as if another person had written the digit. It keeps a
    # network that sees each image more than once from memorizing it.
    variation: Variation | None = None
    # Share of the updates after which the first layer is frozen [1]_. It settles first, and without its gradients an
    # update of the CNN takes two thirds of the time. 1 trains it to the end.
    freeze: Annotated[float, Field(gt=0, le=1)] = 1.0
    # Share of the updates, the last ones, after each of which the weights are taken; their mean is the result [2]_. The
    # learning rate can then stay high, so that the weights in the mean differ.
    average: ShareBelowOne = 0.0
    # Arithmetic of the matrix products; the weights are always float32. "auto" chooses bfloat16 where it is faster, see
    # `choose_precision`.
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    channels_last: bool = False  # store images with channels innermost, for which CPU convolutions are optimized


NOTEBOOK = Recipe(epochs=5, batch_size=64, learning_rate=1e-3)
HANDS = Variation(rotation=12, scale=0.1, shear=0.1, shift=1, stroke=0.2)  # other hands, with the pens of MNIST
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
CNN_LONGER = replace(CNN_FAST, epochs=2, learning_rate=8e-3, label_smoothing=0.05, variation=HANDS, freeze=0.3)
# "notebook" is plain Adam, "fast" reaches its accuracy in the least time, and "default" is what the pipeline runs.
# "longer" and "thorough" are for the best accuracy on digits like MNIST's, in 2 (MLP: 10) and 20 passes.
# They were chosen on 10,000 training images held out; the test images had no part in it.
RECIPES: Mapping[str, Mapping[str, Recipe]] = {
    "cnn": {
        "notebook": NOTEBOOK,
        "fast": CNN_FAST,
        "default": replace(
            CNN_FAST,
            epochs=3,
            learning_rate=8e-3,
            label_smoothing=0.0,
            variation=Variation(
                rotation=12, scale=0.1, shear=0.1, shift=1, stroke=0.35, noise=0.2, far=3.5, foreign=0.02
            ),
            freeze=0.3,
        ),
        "longer": CNN_LONGER,
        "thorough": replace(
            CNN_LONGER, epochs=20, learning_rate=2e-3, betas=(0.8, 0.95), schedule="constant", freeze=0.5, average=0.5
        ),
    },
    "mlp": {
        "notebook": replace(NOTEBOOK, learning_rate=5e-4),
        "fast": MLP_FAST,
        "default": MLP_FAST,
        "longer": replace(MLP_FAST, epochs=10, label_smoothing=0.05, variation=HANDS),
        "thorough": replace(
            MLP_FAST,
            epochs=20,
            learning_rate=1e-3,
            schedule="constant",
            label_smoothing=0.05,
            variation=HANDS,
            average=0.5,
        ),
    },
}


def learning_rate_at(step: int, num_steps: int, recipe: Recipe) -> float:
    """Learning rate of the update number `step`, from 0, of a run of `num_steps` updates."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    progress = (step + 0.5) / num_steps
    rise = progress / recipe.warmup if recipe.warmup else 1.0
    return recipe.learning_rate * min(rise, (1 - progress) / (1 - recipe.warmup))


class DivergenceError(ArithmeticError):
    """The loss became infinite or NaN."""


@dataclass(frozen=True)
class EpochRecord:
    """The measurements of one epoch. Each training image is scored just before its batch's update."""

    epoch: int  # from 1
    loss: float  # mean cross-entropy over the training images, without label smoothing
    accuracy: float  # over the training images
    validation_accuracy: float | None  # on the held-out images, after the epoch; None if none are held out
    losses: tuple[float, ...] = ()  # like `loss`, over each of up to `PARTS` parts of the epoch in turn


@dataclass(frozen=True)
class History:
    """The record of a training run."""

    epochs: tuple[EpochRecord, ...]
    precision: str  # "float32" or "bfloat16"
    device: str  # "cpu" or "cuda"
    num_training: int  # images trained on
    num_validation: int  # images held out
    temperature: float  # divisor of the logits, see `fit_temperature`; 1 without held-out images
    validation_loss: float = math.nan  # mean cross-entropy on the held-out images after calibration, in nats


OnEpoch = Callable[[EpochRecord], None]


def build(construct: Callable[..., Model], *arguments: Any, seed: int = 0) -> Model:
    """Construct a network; its initial weights depend only on the seed. torch's global generator is restored.

    Examples
    --------
    >>> first, again = (build(MLP, 784, 16, 10, seed=1) for _ in range(2))
    >>> bool((first.hidden.weight == again.hidden.weight).all())
    True
    """
    with seeded(seed, torch.device("cpu")):
        return construct(*arguments)


def train(
    model: nn.Module,
    images: NDArray[Any],
    labels: NDArray[Any],
    recipe: Recipe,
    *,
    seed: int = 0,
    validation_size: int = 0,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a network in place with Adam on the cross-entropy, on the GPU if there is one.

    The model maps pixels in [0, 1], shape (N, 28, 28), to logits (N, num_classes). It returns to its device, and is in
    evaluation mode afterwards. The images are (num_samples, rows, columns) or (num_samples, num_features), uint8 or
    floating in [0, 1], with integer labels (num_samples,). `validation_size` of them are held out, see
    `data.held_out`: they are scored after each epoch, and the temperature is fitted on them.

    The seed determines the order of the images and their deformations. The same seed on the same machine with the same
    number of threads gives the same weights to the byte.

    Examples
    --------
    >>> images, labels = np.zeros((40, 28, 28), np.uint8), np.repeat([0, 1], 20)
    >>> images[20:, :, 10:18] = 255
    >>> model = build(MLP, 784, 16, 2)
    >>> history = train(model, images, labels, Recipe(epochs=5, batch_size=10, learning_rate=0.01))
    >>> history.epochs[-1].accuracy
    1.0
    """
    if not validation_size:
        return train_on_shards(model, [(images, labels)], recipe, seed=seed, on_epoch=on_epoch)
    images, labels = np.asarray(images), np.asarray(labels)
    kept, held_out = split(len(images), validation_size)
    shard, validation = (images[kept], labels[kept]), (images[held_out], labels[held_out])
    history, scores = _train(model, [shard], recipe, seed, validation, on_epoch)
    temperature, loss = calibrate(scores.cpu().numpy(), labels[held_out])
    return replace(history, temperature=temperature, validation_loss=loss)


def train_on_shards(
    model: nn.Module, shards: Sequence[Digits], recipe: Recipe, *, seed: int = 0, on_epoch: OnEpoch | None = None
) -> History:
    """Train a network in place as `train` does, on a set in shards, with one shard in memory at a time.

    In each epoch the shards are visited in a random order, and so are the images of a shard. No batch crosses the
    border of two shards. With a single shard the result is that of `train`, to the byte. No image is held out.

    All shards are of one size. A shard is read by its index when it is needed, and released afterwards.

    Examples
    --------
    >>> shards = [(np.full((10, 28, 28), 25 * shard, np.uint8), np.full(10, shard)) for shard in range(3)]
    >>> recipe = Recipe(epochs=2, batch_size=5, learning_rate=0.001)
    >>> train_on_shards(build(MLP, 784, 16, 3), shards, recipe).num_training
    30
    """
    if not len(shards):
        raise ValueError("shards is empty; pass at least one shard of images and labels")
    return _train(model, shards, recipe, seed, None, on_epoch)[0]


def _train(
    model: nn.Module,
    shards: Sequence[Digits],
    recipe: Recipe,
    seed: int,
    validation: Digits | None,
    on_epoch: OnEpoch | None,
) -> tuple[History, Tensor]:
    """Train on shards; return the record, and the last logits of the images that are held out for validation."""
    device = default_device()
    precision = choose_precision(model, device, recipe.precision)
    held_out = _tensors(*validation, device) if validation else None
    scores = torch.empty(0)
    records: list[EpochRecord] = []
    with placed(model, device, precision, recipe.channels_last) as network, seeded(seed, device):
        run = _Run(model, network, recipe, seed, len(shards), precision)
        for epoch in range(1, recipe.epochs + 1):
            order = np.random.default_rng((seed, epoch)).permutation(len(shards))
            measured = [run.train_on_shard(*shards[int(number)]) for number in order]
            shard_losses, accuracies, parts = zip(*measured, strict=True)
            loss, accuracy = (sum(values) / len(values) for values in (shard_losses, accuracies))
            validation_accuracy = None
            if held_out:
                scores = logits(network, held_out[0], precision)
                validation_accuracy = _share_right(scores, held_out[1])
            records.append(EpochRecord(epoch, loss, accuracy, validation_accuracy, sum(parts, ())))
            if on_epoch is not None:
                on_epoch(records[-1])
        run.first_layer.requires_grad_(True)
    num_training = len(shards) * run.shard_size
    return History(tuple(records), precision, device.type, num_training, len(scores), 1.0), scores


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
    """The state of a training run."""

    def __init__(
        self, model: nn.Module, network: nn.Module, recipe: Recipe, seed: int, num_shards: int, precision: str
    ) -> None:
        self.network, self.recipe, self.seed, self.num_shards = network, recipe, seed, num_shards
        self.device, self.precision = device_of(model), precision
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = Adam(model.parameters(), recipe.betas)
        self.first_layer = _first_layer(model)
        self.parameters = list(model.parameters()) if recipe.average else []
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]  # over the updates averaged so far
        self.shard_size = self.step = 0

    def train_on_shard(self, images: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float, tuple[float, ...]]:
        """Pass once over the images in a random order; return their mean loss and accuracy, scored on the way.

        The third value is the mean loss over each part of the pass.
        """
        self.shard_size = self.shard_size or len(images)
        if len(images) != self.shard_size:
            raise ValueError(
                f"a shard contains {len(images)} images, another {self.shard_size}; all shards must be of one size."
            )
        if self.recipe.variation:
            images = vary(images, self.recipe.variation, (self.seed, self.step))
        pixels, targets = _tensors(images, labels, self.device)
        order = torch.randperm(len(pixels), generator=self.generator).to(self.device)
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
        parts = torch.chunk(F.cross_entropy(scores, targets, reduction="none"), PARTS)
        return loss, _share_right(scores, targets), tuple(float(part.mean()) for part in parts)

    def update(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Make one step of Adam on a batch; return the logits before the step."""
        num_steps = self.recipe.epochs * self.num_shards * math.ceil(self.shard_size / self.recipe.batch_size)
        self.first_layer.requires_grad_(self.step < self.recipe.freeze * num_steps)
        with arithmetic(self.device, self.precision):
            scores: Tensor = self.network(scaled(pixels)).float()
        objective = F.cross_entropy(scores, targets, label_smoothing=self.recipe.label_smoothing)
        torch.autograd.backward(objective)
        self.optimizer.step(learning_rate_at(self.step, num_steps, self.recipe))
        self.step += 1
        self.average(num_steps)
        return scores.detach()

    @torch.no_grad()
    def average(self, num_steps: int) -> None:
        """Add the weights to their mean, in the last share of the updates; after the last, the mean replaces them."""
        count = self.step - num_steps + round(self.recipe.average * num_steps)  # weights in the mean, with these
        if count < 1:
            return
        for parameter, mean in zip(self.parameters, self.means, strict=True):
            mean.lerp_(parameter, 1 / count)
            if self.step == num_steps:
                parameter.copy_(mean)


def _first_layer(model: nn.Module) -> nn.Module:
    """The first layer with parameters, or an empty module if no other layer follows it."""
    layers = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    return layers[0] if len(layers) > 1 else nn.Module()


def _share_right(scores: Tensor, targets: Tensor) -> float:
    return int((scores.argmax(dim=1) == targets).sum()) / len(targets)


def _tensors(images: NDArray[Any], labels: NDArray[Any], device: torch.device) -> tuple[Tensor, Tensor]:
    """Images and labels as tensors; raise a ValueError unless there is one integer label per image."""
    pixels, targets = pixel_tensor(images), np.asarray(labels)
    if targets.shape != (len(pixels),) or targets.dtype.kind not in "iu":
        raise ValueError(
            f"labels has shape {targets.shape} and type {targets.dtype}; expected ({len(pixels)},) integers."
        )
    return pixels.to(device), torch.from_numpy(targets.astype(np.int64)).to(device)


def predict_probabilities(model: nn.Module, images: NDArray[Any], temperature: float = 1.0) -> NDArray[np.float32]:
    """Class probabilities (num_samples, num_classes) of images, computed in float32, on the GPU if there is one.

    The images are (num_samples, rows, columns) or (num_samples, num_features), uint8 or floating in [0, 1].
    `temperature` divides the logits; `History.temperature` calibrates the probabilities.

    Examples
    --------
    >>> predict_probabilities(build(MLP, 784, 16, 3), np.zeros((5, 28, 28), np.uint8)).shape
    (5, 3)
    """
    pixels, device = pixel_tensor(images), default_device()
    with placed(model, device, "float32", channels_last=True) as network:
        scores = logits(network, pixels.to(device), "float32")
    return (scores / temperature).softmax(dim=1).cpu().numpy()


def weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Parameters and buffers of a network by their names in `state_dict()`, as C-contiguous float32 copies."""
    return {
        name: np.array(value.detach().cpu().float().numpy(), order="C", copy=True)
        for name, value in model.state_dict().items()
    }


def load_weights(model: Model, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Load arrays from `weights` into a network of the same architecture; return it in evaluation mode."""
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    return model.eval()


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


def logits(model: nn.Module, pixels: Tensor, precision: str) -> Tensor:
    """Logits of all images, float32, one batch at a time, without gradients."""
    model.eval()
    with torch.inference_mode(), arithmetic(pixels.device, precision):
        return torch.cat([model(scaled(batch)).float() for batch in torch.split(pixels, BATCH_SIZE)])


def scaled(pixels: Tensor) -> Tensor:
    """Bytes divided by 255; floating values unchanged."""
    return pixels.float().div_(255) if pixels.dtype == torch.uint8 else pixels


def pixel_tensor(images: NDArray[Any]) -> Tensor:
    """Images as a tensor, uint8 or float32; raise a ValueError unless they are bytes or finite floating values.

    torch needs writable arrays, so a read-only memory map is copied into memory here.
    """
    array = np.asarray(images)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"images has shape {array.shape}; expected (N, rows, columns) or (N, features), N at least 1.")
    if array.dtype == np.uint8:
        return torch.from_numpy(np.require(array, requirements=("C", "W")))
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"images has type {array.dtype}; expected uint8, or finite floating pixels in [0, 1].")
    return torch.from_numpy(np.require(array, np.float32, ("C", "W")))


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """The temperature T that minimizes the cross-entropy of softmax(logits / T).

    Label smoothing makes a network less sure than it is right. One number corrects that, and changes no predicted label
    [1]_.

    The logits (num_samples, num_classes) and labels (num_samples,) are those of images that the network was not trained
    on. T is in [0.05, 20], or 1 if the minimum lies outside: if every image is classified correctly, the cross-entropy
    falls without end as T falls; if the predictions are no better than guessing, it falls as T rises.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
    """
    scores = np.asarray(logits, np.float64)
    scores = scores - scores.max(axis=1, keepdims=True)
    mean_true_score = scores[np.arange(len(scores)), labels].mean()

    def slope(temperature: float) -> float:
        # With β = 1/T, d/dβ of the mean of log Σ exp(β z) − β z_y is the expected score minus the true one. It rises
        # with β, because the cross-entropy is convex in β.
        powers = np.exp(scores / temperature)
        return float(((powers * scores).sum(axis=1) / powers.sum(axis=1)).mean() - mean_true_score)

    low, high = TEMPERATURES
    if not slope(high) < 0 < slope(low):
        return 1.0
    return crossing(slope, low, high)


def calibrate(logits: NDArray[Any], labels: NDArray[Any]) -> tuple[float, float]:
    """The temperature of these logits, see `fit_temperature`, and the mean cross-entropy with it, in nats."""
    temperature = fit_temperature(logits, labels)
    scores = torch.from_numpy(np.asarray(logits, np.float64)) / temperature
    return temperature, float(F.cross_entropy(scores, torch.from_numpy(np.asarray(labels, np.int64))))


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(model: nn.Module) -> torch.device:
    """Where the parameters of a network are."""
    return next(model.parameters(), torch.zeros(())).device


def choose_precision(model: nn.Module, device: torch.device, precision: str = "auto") -> str:
    """The arithmetic of a network's matrix products on a device, "float32" or "bfloat16".

    "auto" means bfloat16 where the device multiplies it natively. Compared with compiled layers in float32, bfloat16
    is faster only with AMX.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        is_faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        is_faster = cpu_supports("amx_bf16") or (cpu_supports("avx512_bf16") and not has_compiled_form(model, device))
    return "bfloat16" if is_faster else "float32"


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context in which networks multiply matrices in bfloat16 or float32, as `precision` says."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def cpu_supports(instructions: str) -> bool:
    """Whether the CPU multiplies bfloat16: "avx512_bf16" in vectors, "amx_bf16" in tiles."""
    if hasattr(torch.cpu, "get_capabilities"):
        return bool(torch.cpu.get_capabilities().get(instructions))
    # torch before 2.10
    older = {"avx512_bf16": torch.cpu._is_avx512_bf16_supported, "amx_bf16": torch.cpu._is_amx_tile_supported}
    return bool(older[instructions]())


def has_compiled_form(model: nn.Module, device: torch.device) -> bool:
    """Whether a network has a faster form that computes the same: of float32, on a CPU, with a method `compiled`."""
    dtypes = {parameter.dtype for parameter in model.parameters()}
    return hasattr(model, "compiled") and device.type == "cpu" and dtypes == {torch.float32}


@contextmanager
def placed(model: nn.Module, device: torch.device, precision: str, channels_last: bool) -> Iterator[nn.Module]:
    """Move a network to a device and a memory layout, and return it afterwards, in evaluation mode.

    Yields the form of the network to run. While that is the compiled form in float32, torch uses one thread: what is
    left to torch is small, and its waiting threads would take the cores from the compiled layers.
    """
    original = device_of(model)
    num_threads = torch.get_num_threads()
    is_compiled = has_compiled_form(model, device)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    try:
        if precision == "float32" and is_compiled:
            torch.set_num_threads(1)
        model.to(device)
        model.to(memory_format=layout)  # type: ignore[call-overload]  # torch types only the tensors' `to`
        # torch types the attributes of a module as tensors or modules.
        yield model.compiled().train(model.training) if is_compiled else model  # type: ignore[operator]
    finally:
        torch.set_num_threads(num_threads)
        model.to(original)
        model.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout uses, and restore them afterwards."""
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            torch.cuda.manual_seed(seed)
        yield
