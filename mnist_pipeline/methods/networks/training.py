"""The training of a network, with Adam on the cross-entropy, from settings to stored arrays.

It trains any module from pixels in [0, 1] to logits. The images are one uint8 tensor in memory, and
a batch is an index into it.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval, fuse_linear_bn_eval
from torch.optim.adam import adam

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.data.variation import vary
from mnist_pipeline.methods import gradients, ridge_regression
from mnist_pipeline.methods.networks.devices import (
    arithmetic,
    choose_precision,
    default_device,
    placed,
    seeded,
)
from mnist_pipeline.methods.networks.fitted import FittedNetwork
from mnist_pipeline.methods.networks.gradient_layers import KernelScores
from mnist_pipeline.methods.networks.modules import (
    GREY,
    SIDE,
    Network,
    check_module,
    construct,
)
from mnist_pipeline.methods.networks.prediction import (
    as_tensor,
    first_logits,
    images_for,
    logits,
    predict_probabilities,
    scaled,
    weights,
)
from mnist_pipeline.methods.networks.recipes import (
    MOST_POINTS,
    MOST_REFITTED,
    RECIPES,
    Recipe,
    adapt,
    adds_drawn_digits,
    learning_rate_at,
    sees_gradients,
)
from mnist_pipeline.methods.networks.temperature import fit_temperature
from mnist_pipeline.utils.arguments import checked, checked_labels, checked_number, numbers

# `mnist_pipeline.training` is this module. It also offers the steps before and after a training.
__all__ = [
    "RECIPES",
    "EpochRecord",
    "History",
    "Recipe",
    "adapt",
    "build",
    "fit",
    "fit_temperature",
    "predict_probabilities",
    "train",
    "weights",
]
NONE = np.array([], np.int64)  # no image is held out
LARGEST_SEED = 2**32 - 1  # NumPy and torch take it
NUM_DIGITS = 10  # the classes of drawn digits
PARTS = 20  # of an epoch, whose losses are recorded
# Of the entries of an affine map [A t], in units of half a side: A turns, scales and slants by up
# to an eighth, and t shifts by up to three pixels.
DISTORTION = torch.tensor([0.12, 0.12, 0.2])
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class EpochRecord:
    """The measurements of one epoch.

    Each training image is scored just before its batch's update. An image that did not take part,
    see `Recipe.later`, keeps its last score.
    """

    epoch: int  # from 1
    num_epochs: int
    loss: float  # mean cross-entropy over the training images, without label smoothing
    accuracy: float  # over the training images
    validation_accuracy: float  # on the held-out images, after the epoch; NaN without them
    losses: tuple[float, ...]  # like `loss`, over each of up to `PARTS` parts of the epoch in turn


@dataclass(frozen=True)
class History:
    """The record of a training run."""

    epochs: tuple[EpochRecord, ...]
    precision: str  # "float32" or "bfloat16"
    device: str  # "cpu" or "cuda"
    temperature: float  # divisor of the logits, see `fit_temperature`; 1 without held-out images


OnEpoch = Callable[[EpochRecord], None]


def build(construct: Callable[..., Model], *arguments: Any, seed: int = 0, **named: Any) -> Model:
    """Construct a network whose initial weights depend only on the seed.

    torch's global generator is restored. Raises a ValueError for a seed that is not an integer from
    0 to 2**32 - 1.

    Examples
    --------
    >>> from mnist_pipeline.methods.networks.modules import MLP
    >>> first, again = (build(MLP, 784, 16, 10, seed=1) for _ in range(2))
    >>> bool((first.hidden.weight == again.hidden.weight).all())
    True
    """
    with seeded(_checked_seed(seed)):
        return construct(*arguments, **named)


def fit(
    name: str,
    digits: DigitSet,
    settings: Mapping[str, Any],
    *,
    seed: int,
    kind: ImageKind,
    repeats: float = 1.0,
    on_epoch: Callable[..., object] | None = None,
) -> FittedNetwork:
    """Train the network "mlp" or "cnn" of the pipeline on the training images that are not held
    out, and again on all if there are at most `MOST_REFITTED`.

    The settings of the model's entry name and change the recipe; the project's own code may also
    set "recipe" to a `Recipe`. The default recipe was chosen on MNIST with `data.drawn_digits`,
    which have MNIST's form; it adapts to other images. The recipe, the measurements and the
    temperature come from the first training.

    With other `repeats` than 1, the images are a part of a set. The training then makes as many
    updates as with `repeats` times as many images, and adds no drawn digits. `on_epoch` is called
    after each epoch of the first training, with its number, the number of epochs, and measurements.
    """
    images, labels = digits
    _, held_out = digits.divided()
    is_part = repeats != 1

    def record(epoch: EpochRecord) -> None:
        if on_epoch is not None:
            on_epoch(
                epoch.epoch,
                epoch.num_epochs,
                held_out_accuracy=epoch.validation_accuracy,  # first: a terminal may cut the line
                accuracy=epoch.accuracy,
                loss=epoch.loss,
            )

    def trained(held_out: NDArray[np.integer], on_epoch: OnEpoch | None) -> _Trained:
        num_images = len(images) - len(held_out)
        network, recipe = _from_settings(
            name, settings, digits, kind, seed=seed, num_images=round(num_images * repeats)
        )
        if is_part:
            recipe = _repeated(recipe, num_images, repeats)
        drawn = not is_part and adds_drawn_digits(settings["recipe"], is_mnist=kind.is_mnist)
        history = train(
            network,
            images,
            labels,
            recipe,
            seed=seed,
            held_out=held_out,
            drawn=drawn,
            on_epoch=on_epoch,
        )
        learns_kernel = (
            name == "cnn"
            and sees_gradients(recipe, handwritten=kind.handwritten)
            and len(images) <= MOST_POINTS
        )
        if learns_kernel:
            history = _with_kernel(network, digits, held_out, history)
        return _Trained(network, recipe, history)

    first = trained(held_out, record)
    is_refitted = len(held_out) > 0 and len(images) <= MOST_REFITTED
    final = trained(NONE, None) if is_refitted else first
    return FittedNetwork(
        weights=weights(final.network),
        held_out_weights=weights(first.network) if is_refitted else None,
        recipe=asdict(first.recipe),
        **_measurements(first.history),
    )


class _Trained(NamedTuple):
    network: Network
    recipe: Recipe
    history: History


def _with_kernel(
    network: Network, digits: DigitSet, held_out: NDArray[np.integer], history: History
) -> History:
    """Add the kernel regression on the images that are not held out to a trained CNN.

    Returns the history with the temperature of their common logits. The probabilities are
    proportional to the product of those of both terms, so a class must convince both.
    """
    kept = np.setdiff1d(np.arange(len(digits.labels)), held_out)
    images, labels = digits.images[kept], digits.labels[kept]
    fitted = ridge_regression.fit(gradients.histograms_of(images), labels, digits.num_classes)
    network.kernel = KernelScores.of(fitted)
    if not len(held_out):
        return history
    scores = logits(network, as_tensor(digits.images[held_out]), "float32")
    temperature = fit_temperature(scores.numpy(), digits.labels[held_out])
    return replace(history, temperature=temperature)


def _from_settings(
    name: str,
    settings: Mapping[str, Any],
    digits: DigitSet,
    kind: ImageKind,
    *,
    seed: int,
    num_images: int,
) -> tuple[Network, Recipe]:
    """The untrained network for these images, and its recipe.

    The default recipe adapts to the number of training images that are not held out, and to whether
    they show handwriting, unless they are MNIST's. Deformations of handwriting are of grey images,
    so images in colour are distorted as pictures.
    """
    overrides = {name: value for name, value in settings.items() if value is not None}
    hidden_size = overrides.pop("hidden_size", None)
    chosen = overrides.pop("recipe")
    recipe = replace(chosen if isinstance(chosen, Recipe) else RECIPES[name][chosen], **overrides)
    shape = digits.images.shape[1:]
    in_color = len(shape) == 3
    if chosen == "default" and (in_color or not kind.is_mnist):
        recipe = adapt(
            recipe, num_images, handwritten=kind.handwritten, in_color=in_color, **overrides
        )
    network = build(
        construct,
        name,
        digits.num_classes,
        shape,
        hidden_size,
        sees_gradients=sees_gradients(recipe, handwritten=kind.handwritten),
        seed=seed,
    )
    return network, recipe


def _repeated(recipe: Recipe, num_images: int, repeats: float) -> Recipe:
    """The recipe with whole passes, that makes as many updates with so many images as it makes with
    `repeats` times as many.
    """
    updates = recipe.whole_passes * math.ceil(num_images * repeats / recipe.batch_size)
    epochs = math.ceil(updates / math.ceil(num_images / recipe.batch_size))
    return replace(recipe, later=1.0, epochs=epochs)


def _measurements(history: History) -> dict[str, Any]:
    """The fields of a `FittedNetwork` that a training measured."""
    measured = ("loss", "accuracy", "validation_accuracy")
    return {
        **{
            name: np.array([getattr(record, name) for record in history.epochs])
            for name in measured
        },
        "losses": tuple(record.losses for record in history.epochs),
        "temperature": history.temperature,
        "precision": history.precision,
        "device": history.device,
    }


def train(
    model: nn.Module,
    images: ArrayLike,
    labels: ArrayLike,
    recipe: Recipe,
    *,
    seed: int = 0,
    held_out: ArrayLike = NONE,
    drawn: bool = False,
    on_epoch: OnEpoch | None = None,
) -> History:
    """Train a network in place with Adam on the cross-entropy, on the GPU if there is a GPU.

    The model maps pixels in [0, 1], shape (N, 28, 28), to logits (N, num_classes). Afterwards it is
    in evaluation mode, on the device where it was. The images are (num_samples, rows, columns) or
    (num_samples, num_features): bytes, which are divided by 255, or finite floating values, which
    the model gets as they are. The labels are integers (num_samples,) in [0, num_classes). The
    images with the indices `held_out` are scored after each epoch, and the temperature is fitted on
    them. `drawn` adds `data.drawn_digits` to the others, which have MNIST's form and classes.

    The seed determines the order of the images and their deformations. The same seed on the same
    machine with the same number of threads gives the same weights to the byte. Parameters that
    require no gradient stay as they are.

    Before the training begins, a ValueError or a TypeError names an argument that is none of the
    above. A FloatingPointError says that the training diverged.

    Examples
    --------
    >>> from mnist_pipeline.methods.networks.modules import MLP
    >>> images, labels = np.zeros((40, 28, 28), np.uint8), np.repeat([0, 1], 20)
    >>> images[20:, :, 10:18] = 255
    >>> model = build(MLP, 784, 16, 2)
    >>> history = train(model, images, labels, Recipe(epochs=5, batch_size=10, learning_rate=0.01))
    >>> history.epochs[-1].accuracy
    1.0
    """
    seed = _checked_seed(seed)
    if on_epoch is not None and not callable(on_epoch):
        raise TypeError(f"on_epoch is {on_epoch!r}; expected a function")
    _check_model(model, recipe)
    images, labels, held_out = _checked_data(model, images, labels, held_out)
    if drawn or recipe.variation or recipe.distorted:
        _check_deformations(model, images, recipe, drawn=drawn)
    device = default_device()
    validation = None
    if len(held_out):
        validation = _tensors(images[held_out], labels[held_out], device)
        images, labels = np.delete(images, held_out, axis=0), np.delete(labels, held_out)
    if drawn:
        images, labels = drawn_digits.add(images, labels, seed)
    scores = torch.empty(0)  # the last logits of the held-out images
    records: list[EpochRecord] = []
    if recipe.batch_norm:
        add_batch_norm(model)
    precision = choose_precision(model, device, recipe.precision)
    form = placed(model, device, precision, one_thread=recipe.batch_norm)
    with form as network, seeded(seed):
        run = _Run(model, network, recipe, seed, len(images), precision)
        for epoch in range(1, recipe.epochs + 1):
            loss, accuracy, parts = run.train_epoch(images, labels)
            validation_accuracy = math.nan
            if validation:
                scores = logits(network, validation[0], precision)
                is_right = scores.argmax(dim=1) == validation[1]
                validation_accuracy = float(is_right.double().mean())
            records.append(
                EpochRecord(epoch, recipe.epochs, loss, accuracy, validation_accuracy, parts)
            )
            if on_epoch is not None:
                on_epoch(records[-1])
        run.train_first(True)
    if recipe.batch_norm:
        fold_batch_norm(model)
    temperature = 1.0
    if validation:
        temperature = fit_temperature(scores.cpu().numpy(), validation[1].cpu().numpy())
    return History(tuple(records), precision, device.type, temperature)


class Adam:
    """Adam [1]_: the update of `torch.optim.Adam`, whose base class loads torch's compiler, which
    takes 0.75 s.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], betas: tuple[float, float]) -> None:
        self.betas = betas
        # Each parameter, the running means of its gradient and of the square, and its number of
        # steps.
        self.state = [
            (p, torch.zeros_like(p), torch.zeros_like(p), p.new_zeros(())) for p in parameters
        ]

    def step(self, learning_rate: float) -> None:
        """Update the parameters that have a gradient, and delete their gradients."""
        updated = [state for state in self.state if state[0].grad is not None]
        parameters, means, squares, steps = ([*column] for column in zip(*updated))
        with torch.no_grad():
            adam(
                parameters,
                [parameter.grad for parameter in parameters],
                means,
                squares,
                [],
                steps,
                fused=True,
                amsgrad=False,
                maximize=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=learning_rate,
                weight_decay=0.0,
                eps=1e-8,
            )
        for parameter in parameters:
            parameter.grad = None


class _Run:
    """The state of a training run."""

    def __init__(
        self,
        model: nn.Module,
        network: nn.Module,
        recipe: Recipe,
        seed: int,
        num_images: int,
        precision: str,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.seed = seed
        self.num_later = max(1, round(recipe.later * num_images))
        passes = [num_images] + (recipe.epochs - 1) * [self.num_later]
        self.num_steps = sum(math.ceil(count / recipe.batch_size) for count in passes)
        # The last score of each image.
        self.losses = np.full(num_images, np.inf)
        self.is_right = np.zeros(num_images, bool)
        self.device = next(model.parameters()).device
        self.precision = precision
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = Adam(model.parameters(), recipe.betas)
        self.first_layer = _first_layer(model)
        self.step = 0

    def train_epoch(
        self, images: NDArray[Any], labels: NDArray[Any]
    ) -> tuple[float, float, tuple[float, ...]]:
        """Pass once over the images in a random order, and score each image on the way.

        Returns the mean loss, the accuracy, and the mean loss over each part of the pass.
        """
        count = self.num_later if self.step else len(images)
        # The images with the largest losses.
        chosen = np.sort(np.argpartition(-self.losses, count - 1)[:count])
        loss_of_others = np.delete(self.losses, chosen).sum() / len(images)
        share = count / len(images)
        images, labels = images[chosen], labels[chosen]
        if self.recipe.variation:
            images = vary(images, self.recipe.variation, (self.seed, self.step))
        pixels, targets = _tensors(images, labels, self.device)
        order = torch.randperm(len(pixels), generator=self.generator).to(self.device)
        batches = torch.split(order, self.recipe.batch_size)
        if self.recipe.batch_norm:
            # Of equal sizes: the statistics of a last batch of few images would be of little use.
            batches = torch.tensor_split(order, len(batches))
        scores = torch.cat(
            [self.update(pixels.index_select(0, batch), targets[batch]) for batch in batches]
        ).double()
        targets = targets[order]
        losses = F.cross_entropy(scores, targets, reduction="none")
        seen = chosen[order.cpu().numpy()]
        self.losses[seen] = losses.cpu().numpy()
        self.is_right[seen] = (scores.argmax(dim=1) == targets).cpu().numpy()
        loss = float(self.losses.mean())
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} after {self.step} updates: training diverged. Lower the "
                f"recipe's learning_rate, which is {self.recipe.learning_rate}."
            )
        parts = tuple(
            loss_of_others + share * float(part.mean()) for part in torch.chunk(losses, PARTS)
        )
        return loss, float(self.is_right.mean()), parts

    def update(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Update the parameters on a batch; return the logits before the update."""
        # The recipe freezes the first layer after a share of the updates.
        self.train_first(self.step < self.recipe.freeze * self.num_steps)
        self.network.train(len(pixels) > 1)  # batch normalization can't learn from one image
        pixels = scaled(pixels)
        if self.recipe.distorted:
            pixels = distort(pixels, self.generator)
        scores = self.backpropagate(pixels, targets)
        self.optimizer.step(learning_rate_at(self.step, self.num_steps, self.recipe))
        self.step += 1
        return scores

    def train_first(self, trains: bool) -> None:
        """Whether the next updates change the first layer."""
        for parameter in self.first_layer:
            parameter.requires_grad_(trains)

    def backpropagate(self, pixels: Tensor, targets: Tensor) -> Tensor:
        """Set the gradients of the mean cross-entropy; return the logits.

        A compiled network computes them itself.
        """
        smoothing = self.recipe.label_smoothing
        compiled = getattr(self.network, "backpropagate", None)
        if compiled is not None:
            return compiled(pixels, targets, smoothing, self.recipe.least_gradient)
        with arithmetic(self.device, self.precision):
            scores = self.network(pixels).float()
        torch.autograd.backward(F.cross_entropy(scores, targets, label_smoothing=smoothing))
        return scores.detach()


def _first_layer(model: nn.Module) -> list[nn.Parameter]:
    """The trainable parameters of the first layer that has some; none if no other layer follows."""
    layers = [
        [parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad]
        for module in model.modules()
    ]
    layers = [layer for layer in layers if layer]
    return layers[0] if len(layers) > 1 else []


def _checked_seed(seed: int) -> int:
    """A seed as an int, which torch requires; a ValueError or a TypeError for others."""
    return int(checked_number("seed", seed, 0, LARGEST_SEED, "iu"))


def _check_model(model: nn.Module, recipe: Recipe) -> None:
    """Raise a ValueError or a TypeError unless the recipe can train the network."""
    check_module(model)
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe is {recipe!r}; expected a Recipe")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("model has no parameter that requires a gradient; expected at least one")


def _checked_data(
    model: nn.Module, images: ArrayLike, labels: ArrayLike, held_out: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """The images, labels and indices as arrays; a ValueError unless the network can learn them."""
    pixels = images_for(model, images)
    num_classes = first_logits(model, pixels).shape[1]
    classes = checked_labels("labels", labels, len(pixels), num_classes)
    indices = numbers("held_out", held_out)
    if indices.size:  # an empty list is floating
        indices = checked("held_out", indices, 0, len(pixels) - 1, kinds="iu")
    if indices.ndim != 1 or len(np.unique(indices)) == len(pixels):
        raise ValueError(
            f"held_out has shape {indices.shape}; expected (num_held_out,), and at least one image "
            "that is not held out"
        )
    return pixels, classes, indices.astype(np.int64)


def _check_deformations(
    model: nn.Module, images: NDArray[Any], recipe: Recipe, *, drawn: bool
) -> None:
    """Raise a ValueError for images that the recipe can't deform, and for images or a network that
    can't have drawn digits.
    """
    num_classes = first_logits(model, images).shape[1]
    if drawn and num_classes < NUM_DIGITS:
        raise ValueError(
            f"drawn is True, and model has {num_classes} classes; expected at least {NUM_DIGITS}"
        )
    is_like_mnist = images.dtype == np.uint8 and images.shape[1:] == GREY
    if (recipe.variation or drawn) and not is_like_mnist:
        raise ValueError(
            f"images has shape {images.shape} and type {images.dtype}; a recipe with a variation, "
            f"and drawn digits, are for uint8 (num_samples, {SIDE}, {SIDE})"
        )
    if recipe.distorted and images.ndim < 3:
        raise ValueError(
            f"images has shape {images.shape}; a recipe that distorts them is for "
            "(num_samples, rows, columns)"
        )


def _tensors(
    images: NDArray[Any], labels: NDArray[Any], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images and labels as tensors."""
    pixels, targets = as_tensor(images), torch.from_numpy(labels.astype(np.int64))
    return pixels.to(device), targets.to(device)


def distort(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Map each picture by its own affine map, which differs little from the identity.

    The pictures are floating (n, rows, columns) or (n, rows, columns, channels). The levels of the
    border continue beyond it.
    """
    images = pixels.reshape(*pixels.shape[:3], -1).movedim(3, 1)  # (n, channels, rows, columns)
    differences = 2 * torch.rand(len(images), 2, 3, generator=generator) - 1
    maps = torch.eye(2, 3) + DISTORTION * differences
    grid = F.affine_grid(maps.to(pixels.device), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return moved.movedim(1, 3).reshape(pixels.shape)


def add_batch_norm(network: nn.Module) -> None:
    """Add batch normalization [1]_ after each layer of a network but the last, for its training.

    After the first layer, it also does the work of a normalization of the input.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015.
    """
    layers = [
        (name, layer)
        for name, layer in network.named_children()
        if isinstance(layer, nn.Conv2d | nn.Linear)
    ]
    for name, layer in layers[:-1]:
        norm = nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d
        setattr(network, name, nn.Sequential(layer, norm(len(layer.weight))))


def fold_batch_norm(network: nn.Module) -> None:
    """Fold the batch normalization of a network in evaluation mode into its layers.

    A layer z = W x + b followed by γ (z − μ) / σ + β is the layer s W x + s (b − μ) + β, with
    s = γ / σ. So the network computes the same function as before.
    """
    for name, layer in network.named_children():
        if isinstance(layer, nn.Sequential):
            is_convolution = isinstance(layer[0], nn.Conv2d)
            fuse = fuse_conv_bn_eval if is_convolution else fuse_linear_bn_eval
            setattr(network, name, fuse(*layer))
