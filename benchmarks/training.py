"""Training: each recipe against an epoch of the notebook's loop × 5, 5 rounds; accuracy over 20 and 5 seeds.

The notebook's loop runs its 5 epochs once; a round is one of those epochs and one whole run of ours, on the same 60,000
images. Quick: 1 round, 1 seed. The recipes were chosen on 10,000 training images
held out; every accuracy here is that of the whole test set, which had no part in the choice.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import notebook
from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_least, seconds
from benchmarks.timing import Ratio, take_turns, timed
from mnist_pipeline import networks, training
from mnist_pipeline.data.held_out import SHARE
from mnist_pipeline.training import adaptation, choose_precision

WARM_UP_IMAGES = 1_024


@dataclass(frozen=True)
class Target:
    """What a recipe is to reach: so many times the notebook's speed, and a mean accuracy in percent."""

    recipe: str
    speed: float
    accuracy: float
    seeds: int


FASTEST = {"cnn": Target("fast", 18, 99.0, 20), "mlp": Target("default", 6, 98.0, 5)}
DEFAULTS = {"cnn": 99.3, "mlp": 98.0}


@dataclass
class Runs:
    """Runs of one recipe, a seed each: their seconds, their test accuracies in percent."""

    bench: Bench
    network: str
    recipe: training.Recipe
    num_held_out: int = 0

    def __post_init__(self) -> None:
        self.seconds: list[float] = []
        self.accuracies: list[float] = []
        self.models: list[torch.nn.Module] = []

    def train(self) -> None:
        """Build and train with the next seed; this call is timed."""
        seed = len(self.models)
        model = training.build(_construct, self.network, seed=seed)
        images, labels = self.bench.train
        adaptation.fit(model, images, labels, self.recipe, seed=seed, validation_size=self.num_held_out)
        self.models.append(model)

    def score(self) -> None:
        """Accuracies of the models that have none yet."""
        images, labels = self.bench.test
        for model in self.models[len(self.accuracies) :]:
            predicted = training.predict_probabilities(model, images).argmax(axis=1)
            self.accuracies.append(100 * float(np.mean(predicted == labels)))

    def until(self, count: int) -> None:
        """Train and score until there are so many seeds."""
        while len(self.models) < count:
            self.seconds.append(timed(self.train)[0])
            self.score()
            self.bench.say(
                f"  {self.network}, seed {len(self.models) - 1}: {self.accuracies[-1]:.2f}% in {self.seconds[-1]:.2f} s"
            )
        self.score()

    def row(self, name: str, least: float, theirs: str = "") -> Row:
        """Mean accuracy over the seeds."""
        mean, low, high = np.mean(self.accuracies), min(self.accuracies), max(self.accuracies)
        deviation = np.std(self.accuracies, ddof=1) if len(self.accuracies) > 1 else 0.0
        return Row(
            name, float(mean), "%", at_least(least), (low, high), len(self.accuracies),
            f"{seconds(float(np.median(self.seconds)))} a run", theirs, f"standard deviation {deviation:.3f}",
        )  # fmt: skip


def measure(bench: Bench) -> Section:
    section = Section("Training the networks")
    waiting = os.environ.get("OMP_WAIT_POLICY", "unset")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    automatic = [f"{choose_precision(_construct(name), device)} ({name.upper()})" for name in FASTEST]
    section.notes = [
        "accuracies of the whole test set (correct ÷ total); the recipes were chosen on training images held out",
        f"both sides with OMP_WAIT_POLICY {waiting} and {torch.get_num_threads()} threads; ours in "
        f"{' and '.join(automatic)} where the recipe says auto, theirs in float32; "
        "the pipeline itself shortens the spin (GOMP_SPINCOUNT) where it is unset",
        "the notebook's time is one epoch × 5 a round; accuracy of the notebook's is after "
        f"{bench.pick(notebook.EPOCHS, 1)} epoch(s), one seed",
    ]
    for name, target in FASTEST.items():
        _against_notebook(bench, section, name, target)
    for name, least in DEFAULTS.items():
        _as_the_pipeline_runs_it(bench, section, name, least)
    return section


def _construct(name: str) -> torch.nn.Module:
    return networks.CNN() if name == "cnn" else networks.MLP()


def _against_notebook(bench: Bench, section: Section, name: str, target: Target) -> None:
    """Rows for speed and accuracy of the recipe that is compared with the notebook's time."""
    runs = Runs(bench, name, training.RECIPES[name][target.recipe])
    loop = notebook.Loop(name, bench.train)
    warm_up = _warm_up(bench, name, runs.recipe)
    bench.say(f"  {name}: warm-up of both {warm_up:.2f} s")
    contestants: dict[str, Callable[[], None]] = {"ours": runs.train, "notebook's epoch": loop.epoch}
    rounds = take_turns(contestants, bench.pick(notebook.EPOCHS, 1), bench.say)
    runs.seconds += rounds.seconds["ours"]
    runs.until(bench.pick(target.seeds, 1))
    ratio = rounds.ratio("notebook's epoch", factor=notebook.EPOCHS)
    theirs = notebook.EPOCHS * rounds.median("notebook's epoch")
    bench.notebook[name] = theirs
    accuracy = 100 * loop.accuracy(bench.test)
    title = f"{name.upper()} “{target.recipe}”, {_epochs(runs.recipe)}"
    section.rows += [
        _speed_row(f"{title}, vs the notebook's 5", ratio, target.speed, rounds.median("ours"), theirs),
        runs.row(f"{title}: mean test accuracy", target.accuracy, f"{accuracy:.2f}%"),
    ]
    section.details[f"{name} {target.recipe}"] = {
        "seconds": runs.seconds, "accuracies": runs.accuracies, "notebook_epochs": rounds.seconds["notebook's epoch"],
        "notebook_accuracy": accuracy, "warm_up": warm_up,
    }  # fmt: skip


def _speed_row(name: str, ratio: Ratio, least: float, ours: float, theirs: float) -> Row:
    return Row(
        name, ratio.median, "× faster", at_least(least), ratio.spread, ratio.rounds, seconds(ours), seconds(theirs)
    )


def _as_the_pipeline_runs_it(bench: Bench, section: Section, name: str, least: float) -> None:
    """A row for the accuracy of the default recipe with the images that the pipeline holds out."""
    num_held_out = round(SHARE * len(bench.train.images))
    recipe = training.RECIPES[name]["default"]
    runs = Runs(bench, name, recipe, num_held_out)
    runs.until(bench.pick(5, 1))
    title = f"{name.upper()} “default”, as the pipeline runs it"
    section.rows.append(runs.row(f"{title}: mean test accuracy", least))
    section.details[f"{name} default, {num_held_out} held out"] = {
        "seconds": runs.seconds, "accuracies": runs.accuracies
    }  # fmt: skip


def _epochs(recipe: training.Recipe) -> str:
    return f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''}"


def _warm_up(bench: Bench, name: str, recipe: training.Recipe) -> float:
    """A few batches of both sides, so that neither pays for choosing its kernels."""
    images, labels = bench.train.images[:WARM_UP_IMAGES], bench.train.labels[:WARM_UP_IMAGES]
    few = bench.train._replace(images=images, labels=labels)

    def both() -> None:
        training.train(training.build(_construct, name), images, labels, recipe)
        notebook.Loop(name, few).epoch()

    return timed(both)[0]
