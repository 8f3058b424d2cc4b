"""Training that adapts to a data set: a recipe's deformations, label smoothing and length, chosen
on held-out images.

1. Trials. A network is trained for 10 passes over 400 images with each candidate, and rated on up
   to 1,000 held-out images. With so few images and so many passes, a network memorizes the images.
   Deformations prevent that, unless they turn an image into an image of another class. So a trial
   shows within a second whether they help.
2. Cycles. The network is trained as the recipe says with the best candidate, and again from there
   at half the learning rate of the cycle before, while that lowers the held-out loss.

The budget is four trials and three cycles. The test images have no part in it.
"""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mnist_pipeline import training
from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.variation import Variation
from mnist_pipeline.training import EpochRecord, History, Recipe

# The network is trained with deformations only if they lower the loss of a trial by more than this
# share. A smaller difference may be chance, and then training without them is the safer choice.
MARGIN = 0.01
TRIAL_IMAGES, TRIAL_EPOCHS, TRIAL_BATCH = 400, 10, 100
RATED_IMAGES = 1_000
# A cycle makes at least this many updates, which with few images takes more passes than the recipe
# says.
LEAST_UPDATES = 300
MOST_CYCLES = 3
REFINING = (0.9, 0.99)  # decay rates of Adam in later cycles
# a cycle that lowers the held-out loss by a smaller share than this is undone, and is the last
LEAST_GAIN = 0.01
# With fewer held-out errors than this, there is no further cycle. A cycle that corrects a tenth of
# 200 errors corrects 20, and the standard error of the number of errors is √200 ≈ 14: a smaller
# improvement may be chance.
LEAST_ERRORS = 200

OnEpoch = Callable[
    [EpochRecord, int], None
]  # gets the record of each pass, and the number of passes planned so far


@dataclass(frozen=True)
class Trial:
    """A candidate and how a short training with it did on held-out images."""

    deformations: float  # strength, as a share of the limits that the recipe names
    label_smoothing: float
    loss: float  # cross-entropy of the calibrated probabilities, in nats
    accuracy: float


@dataclass(frozen=True)
class Cycle:
    """A training run from the weights of the cycle before, and how it did on the held-out
    images.
    """

    epochs: int
    learning_rate: float  # the peak
    loss: float  # cross-entropy of the calibrated probabilities, in nats
    accuracy: float
    # False if it did not lower the loss of the cycle before, whose weights the network has then
    kept: bool


@dataclass(frozen=True)
class Adapted:
    """The record of a training, and of how its recipe was chosen: nothing if the training did not
    adapt.
    """

    history: History  # of the cycles whose weights the network has
    recipe: Recipe  # as chosen, with all passes
    trials: tuple[Trial, ...]  # in the order in which they were made
    cycles: tuple[Cycle, ...]  # only the last may not be kept

    def rows(self) -> dict[str, list[dict[str, float]]]:
        """The trials, of which one is chosen, and the cycles as plain values; empty if the training
        did not adapt.
        """
        if not self.trials:
            return {}
        trials = [{**asdict(trial), "chosen": trial == _best(self.trials)} for trial in self.trials]
        return {"trials": trials, "cycles": list(map(asdict, self.cycles))}


def fit(
    model: nn.Module,
    images: NDArray[Any],
    labels: NDArray[Any],
    recipe: Recipe,
    *,
    validation_size: int,
    seed: int = 0,
    epochs: int | None = None,
    adapts: bool = True,
    on_epoch: OnEpoch = lambda record, planned: None,
) -> Adapted:
    """Train a network in place as `training.train` does, and choose the recipe's settings on the
    held-out images.

    `validation_size` is the number of images held out. Without any, or if `adapts` is false, the
    recipe is used as it stands. A number of `epochs` fixes the length to one cycle of so many
    passes.

    Examples
    --------
    >>> from mnist_pipeline.networks import MLP
    >>> images, labels = np.zeros((60, 28, 28), np.uint8), np.repeat([0, 1], 30)
    >>> images[30:, :, 10:18] = 255
    >>> recipe = Recipe(epochs=1, batch_size=20, learning_rate=0.01, label_smoothing=0.1)
    >>> adapted = fit(training.build(MLP, 784, 16, 2), images, labels, recipe, validation_size=10)
    >>> adapted.recipe.epochs, [trial.label_smoothing for trial in adapted.trials]
    (100, [0.1, 0.0])
    """
    if not (adapts and validation_size):
        history = training.train(
            model,
            images,
            labels,
            recipe,
            seed=seed,
            validation_size=validation_size,
            on_epoch=lambda record: on_epoch(record, recipe.epochs),
        )
        return Adapted(history, recipe, (), ())
    trials = _trials(model, images, labels, recipe, validation_size, seed)
    best = _best(trials)
    updates = math.ceil((len(images) - validation_size) / recipe.batch_size)  # per pass
    chosen = replace(
        _with(recipe, best.deformations, best.label_smoothing),
        epochs=epochs or max(math.ceil(recipe.whole_passes), math.ceil(LEAST_UPDATES / updates)),
        # Without deformations, a first layer that is frozen early has not settled: 3% more loss on
        # Fashion-MNIST.
        freeze=recipe.freeze if best.deformations else 1.0,
    )
    later = [  # they refine what was learned: smaller steps, and a longer memory
        replace(
            chosen,
            learning_rate=chosen.learning_rate / 2**number,
            betas=REFINING,
            freeze=recipe.freeze,
        )
        for number in range(1, 1 if epochs else MOST_CYCLES)
    ]
    history, cycles = _train_in_cycles(
        model, images, labels, [chosen, *later], validation_size, seed, on_epoch
    )
    return Adapted(history, replace(chosen, epochs=len(history.epochs)), trials, cycles)


def _train_in_cycles(
    model: nn.Module,
    images: NDArray[Any],
    labels: NDArray[Any],
    recipes: Sequence[Recipe],
    validation_size: int,
    seed: int,
    on_epoch: OnEpoch,
) -> tuple[History, tuple[Cycle, ...]]:
    """Train by one recipe after the other as long as that helps; return the record of the cycles
    that were kept.
    """
    cycles: list[Cycle] = []
    kept: History | None = None
    weights: dict[str, Any] = {}
    for number, recipe in enumerate(recipes):
        before = kept.epochs if kept else ()

        def report(record: EpochRecord, done: int = len(before), more: int = recipe.epochs) -> None:
            on_epoch(replace(record, epoch=done + record.epoch), done + more)

        latest = training.train(
            model,
            images,
            labels,
            recipe,
            seed=seed + (number << 32),
            validation_size=validation_size,
            on_epoch=report,
        )
        accuracy = latest.epochs[-1].validation_accuracy or 0.0
        helps = not kept or latest.validation_loss <= (1 - LEAST_GAIN) * kept.validation_loss
        cycles.append(
            Cycle(recipe.epochs, recipe.learning_rate, latest.validation_loss, accuracy, helps)
        )
        if not helps:
            model.load_state_dict(weights)
            break
        numbered = tuple(
            replace(record, epoch=len(before) + record.epoch) for record in latest.epochs
        )
        kept, weights = replace(latest, epochs=before + numbered), copy.deepcopy(model.state_dict())
        if (1 - accuracy) * validation_size < LEAST_ERRORS:
            break
    assert kept is not None  # the first cycle is kept
    return kept, tuple(cycles)


def _trials(
    model: nn.Module,
    images: NDArray[Any],
    labels: NDArray[Any],
    recipe: Recipe,
    validation_size: int,
    seed: int,
) -> tuple[Trial, ...]:
    """Trials with and without deformations, with half of them if none did better than all, and
    without smoothing.
    """
    generator = np.random.default_rng(seed)
    trained, rated = (
        generator.permutation(indices)[:most]
        for indices, most in zip(
            split(len(images), validation_size), (TRIAL_IMAGES, RATED_IMAGES), strict=True
        )
    )
    trials: list[Trial] = []

    def attempt(deformations: float, label_smoothing: float) -> None:
        short = replace(
            _with(recipe, deformations, label_smoothing),
            epochs=TRIAL_EPOCHS,
            batch_size=TRIAL_BATCH,
            freeze=max(0.5, recipe.freeze),
        )
        network = copy.deepcopy(model)
        training.train(network, images[trained], labels[trained], short, seed=seed)
        scores = np.log(
            np.maximum(
                training.predict_probabilities(network, images[rated]), np.finfo(np.float32).tiny
            )
        )
        _, loss = training.calibrate(scores, labels[rated])
        trials.append(
            Trial(
                deformations,
                label_smoothing,
                loss,
                float((scores.argmax(1) == labels[rated]).mean()),
            )
        )

    can_deform = recipe.variation is not None and images.dtype == np.uint8
    for strength in (1.0, 0.0) if can_deform else (0.0,):
        attempt(strength, recipe.label_smoothing)
    if can_deform and trials[1].loss < trials[0].loss:
        attempt(0.5, recipe.label_smoothing)
    if recipe.label_smoothing:
        attempt(_best(trials).deformations, 0.0)
    return tuple(trials)


def _best(trials: Sequence[Trial]) -> Trial:
    return min(trials, key=lambda trial: trial.loss * (1 + MARGIN * bool(trial.deformations)))


def _with(recipe: Recipe, deformations: float, label_smoothing: float) -> Recipe:
    """The recipe with a share of its deformations and another label smoothing, for labels that may
    be wrong.
    """
    limits = (
        {name: deformations * limit for name, limit in asdict(recipe.variation).items()}
        if recipe.variation
        else {}
    )
    variation = Variation(**limits) if deformations else None
    return replace(recipe, variation=variation, label_smoothing=label_smoothing, later=1.0)
