"""Experiments: a sweep of trials, and what their results show together.

A trial fits a model to a part of the training images that are not held out. It is measured on the
held-out images, on which the best trial is chosen, and on the test images, which only report.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, create_model

from mnist_pipeline.data.held_out import stratified_order
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.evaluation.scores import (
    accuracy,
    difference_interval,
    only_one_correct,
)
from mnist_pipeline.methods import table
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.printable import one_line, shortened
from mnist_pipeline.utils.reported import ReportedError
from mnist_pipeline.utils.validation import NUM_SEEDS, first_problem

ALL = "all"  # a training size: every training image that is not held out
MIN_SIZE = 10  # an image of each digit
MAX_TRIALS = 1_000
MAX_SHOWN = 100  # characters of an entry in a message
EXAMPLE = '{"model": "knn", "size": [100, 1000]}'
DEFAULTS = "default"  # the settings of a trial that only has defaults
Value = str | int | float | bool | None  # a trial refuses a bool
Grid = Mapping[str, Any]  # of a sweep: a value or a list of values for each field of a trial
GRID = TypeAdapter(dict[str, Value | Annotated[list[Value], Field(min_length=1)]])


class SweepError(ReportedError, ValueError):
    """A sweep is not valid; the message names the entry, the field and what is allowed."""


class Trial(NamedTuple):
    """A model, its settings, and what it is fitted to."""

    model: str
    size: int | None  # number of training images; None for all that are not held out
    seed: int = 0  # of the choice of the images, and of the training
    settings: Mapping[str, Any] = {}  # of the model's method

    @property
    def varied(self) -> dict[str, Any]:
        """The settings that differ from the defaults."""
        settings = MODELS[self.model].settings
        return {
            name: value for name, value in self.settings.items() if value != settings[name].default
        }

    @property
    def key(self) -> str:
        """The trial in letters, digits, `_` and `-`, without settings that have their defaults."""
        named = {"size": self.size or ALL, "seed": self.seed, **self.varied}
        texts = (f"{name}_{_text(value)}".replace(".", "_") for name, value in named.items())
        return "-".join([self.model, *texts])

    @property
    def varied_text(self) -> str:
        """The settings that differ from the defaults, in words."""
        return (
            ", ".join(f"{name} {_text(value)}" for name, value in self.varied.items()) or DEFAULTS
        )


def _text(value: Any) -> str:
    return np.format_float_positional(value, trim="-") if isinstance(value, float) else str(value)


def read_sweep(grids: Sequence[Grid]) -> dict[str, Trial]:
    """The trials of a sweep by key: of each grid, every combination of its values.

    Raises SweepError.

    Examples
    --------
    >>> list(read_sweep([{"model": "knn", "size": [100, "all"]}]))
    ['knn-size_100-seed_0', 'knn-size_all-seed_0']
    """
    trials, count = dict[str, Trial](), 0
    for number, grid in enumerate(grids, 1):
        try:
            values = _values(grid)
            count += math.prod(map(len, values.values()))
            if count > MAX_TRIALS:
                raise ValueError(f"a sweep has at most {MAX_TRIALS:,} trials; take some out")
            for combination in itertools.product(*values.values()):
                trial = _trial(dict(zip(values, combination)))
                trials[trial.key] = trial
        except ValueError as error:
            shown = shortened(one_line(repr(grid)), MAX_SHOWN)
            raise SweepError(f"entry {number} of the sweep, {shown}: {error}") from None
    if not trials:
        raise SweepError("the sweep has no trials; write an entry, such as " + EXAMPLE)
    return trials


def _values(grid: Grid) -> dict[str, list[Value]]:
    """The values of each field as lists; raises ValueError."""
    try:
        fields = GRID.validate_python(grid, strict=True)
    except ValidationError:
        problem = "it must have a value or a list of values per field, such as "
        raise ValueError(problem + EXAMPLE) from None
    return {name: value if isinstance(value, list) else [value] for name, value in fields.items()}


def _trial(values: Mapping[str, Value]) -> Trial:
    model = MODELS.get(str(values.get("model")))
    fields: dict[str, Any] = {
        "model": (Literal[tuple(MODELS)], ...),
        "size": (int | None, Field(ge=MIN_SIZE)),
        "seed": (int, Field(0, ge=0, lt=NUM_SEEDS)),
        **(table.setting_fields(model) if model else {}),
    }
    if values.get("size") == ALL:
        values = {**values, "size": None}
    schema = create_model("Trial", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    try:
        settings = schema(**values).model_dump(mode="json")
    except ValidationError as error:
        raise ValueError(first_problem(error)) from None
    return Trial(settings.pop("model"), settings.pop("size"), settings.pop("seed"), settings)


def run(trial: Trial, train: DigitSet, test: DigitSet, kind: ImageKind) -> dict[str, np.ndarray]:
    """The labels, uint8, that a model predicts for the `held_out` and the `test` images.

    A training on few images makes as many updates as a training on all images. Otherwise, the
    number of updates would limit it, not the number of images. If it diverges, all labels are 0.
    """
    kept, held_out = train.divided()
    if (trial.size or 0) > len(kept):
        raise SweepError(
            f"{trial.key}: only {len(kept):,} training images are not held out; write a "
            "sweep with smaller sizes, as docs/experiments.md shows"
        )
    chosen = np.sort(kept[stratified_order(train.labels[kept], trial.seed)[: trial.size]])
    part = train.part(chosen)
    queries = {"held_out": train.images[held_out], "test": test.images}
    method, repeats = MODELS[trial.model].method(), len(kept) / len(chosen)
    try:
        fitted = method.fit(part, trial.settings, seed=trial.seed, kind=kind, repeats=repeats)
    except ArithmeticError:
        return {name: np.zeros(len(asked), np.uint8) for name, asked in queries.items()}
    return {
        name: method.answer(fitted, asked).labels.astype(np.uint8)
        for name, asked in queries.items()
    }


def summarize(
    trials: Mapping[str, Trial],
    labels: Mapping[str, Mapping[str, np.ndarray]],
    train: DigitSet,
    test: DigitSet,
) -> pd.DataFrame:
    """One row per trial, the most accurate on the held-out images first.

    `labels` has the result of `run` by the key of the trial. `behind` is the difference to the best
    trial on the same held-out images, with its 95% interval. A trial is within the noise of the
    best if the interval contains 0.
    """
    kept, held_out = train.divided()
    true = train.labels[held_out]
    right = {key: predicted["held_out"] == true for key, predicted in labels.items()}
    ranked = sorted(labels, key=lambda key: (-np.count_nonzero(right[key]), key))
    best = ranked[0]
    rows = []
    for key in ranked:
        trial = trials[key]
        only_this, only_best = only_one_correct(right[key], right[best])
        interval = difference_interval(only_this, only_best, len(held_out))
        low, high = (0.0, 0.0) if key == best else interval
        rows.append(
            {
                "trial": key,
                "model": trial.model,
                "settings": trial.varied_text,
                "size": trial.size or len(kept),
                "seed": trial.seed,
                "held_out_accuracy": float(np.mean(right[key])),
                "behind": (only_this - only_best) / len(held_out),
                "behind_low": low,
                "behind_high": high,
                "test_accuracy": accuracy(test.labels, labels[key]["test"]),
            }
        )
    return pd.DataFrame(rows)


class Curve(NamedTuple):
    """Accuracy on the test images by training size, for a model with the same settings."""

    model: str
    settings: str
    sizes: list[int]  # in ascending order
    accuracies: list[list[float]]  # of each seed, by size

    @property
    def means(self) -> np.ndarray:
        """The mean over the seeds, by size."""
        return np.array([np.mean(of_seeds) for of_seeds in self.accuracies])

    @property
    def title(self) -> str:
        """The model, and its settings that differ from the defaults."""
        name = MODELS[self.model].short_title
        return name if self.settings == DEFAULTS else f"{name}, {self.settings}"


def curves(table: pd.DataFrame) -> list[Curve]:
    """A curve per model and settings tried with several training sizes, the most accurate first."""
    several = []
    for (model, settings), rows in table.groupby(["model", "settings"], sort=True):
        by_size = rows.sort_values(["size", "seed"]).groupby("size")["test_accuracy"].apply(list)
        if len(by_size) > 1:
            sizes, accuracies = by_size.index.tolist(), by_size.tolist()
            several.append(Curve(str(model), str(settings), sizes, accuracies))
    return sorted(several, key=lambda curve: -curve.means[-1])
