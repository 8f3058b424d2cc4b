"""Small sets of real pictures from packages of Debian: runs with default settings and 3 seeds per
set, and scikit-learn's SVC with C = 10 with the same training and test files, on pixels and on
histograms of their gradients and colours, each on 28×28 and on 32×32 pixels. The best SVC of a set
is chosen on the test pictures. Stamps of one thing, the tiles of a set, the cards of a deck, the
poses of a figure, pieces of one kind of land, the icons of related themes and the letters of a
typeface are groups: a group is for training or for testing as a whole. The kernel regression of the
served model was tuned on these sets with the test pictures in view, so its accuracy is somewhat too
high.

`benchmarks/packages.py` names the packages.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from PIL import Image
from sklearn.svm import SVC

from benchmarks.bench import Bench
from benchmarks.commands import run_command
from benchmarks.packages import SETS, write
from benchmarks.table import Table, mean_with_range
from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.evaluation.scores import mcnemar_p_value, only_one_correct
from mnist_pipeline.runtime.storage.storage import Storage

NUM_SEEDS = 3
SIDES = (28, 32)  # pixels of a side of the pictures for the SVC
CELLS = 4  # with a histogram of gradients, along a side
DIRECTIONS, LEVELS = 9, 4  # bins of the directions, and of each colour
SURE = 0.05  # level of the test of all sets together


class Pairs(NamedTuple):
    """How many test pictures only one of the two models classifies correctly."""

    only_served: int
    only_svc: int


def measure(bench: Bench) -> Table:
    """A row per set."""
    header = (
        "",
        "classes, pictures",
        "served",
        "test accuracy",
        "best SVC",
        "its accuracy",
        "served minus the best SVC",
        "only one is right: served, SVC",
        "p",
    )
    table = Table("Pictures of many kinds", header)
    differences, pairs = [], []
    for name in SETS:
        root = write(name, Path(bench.scratch.name, "pictures"))
        train, test = (_pictures(root, split) for split in ("train", "test"))
        labels = test[1]
        svc, by_svc = _best_svc(train, test)
        runs = [_run(bench, name, root, seed) for seed in range(NUM_SEEDS)]
        accuracies = [float(np.mean(answers == labels)) for _, answers in runs]
        # Of several seeds, the pairs of the one with the median accuracy.
        middle = accuracies.index(statistics.median(accuracies))
        pairs.append(Pairs(*only_one_correct(runs[middle][1] == labels, by_svc == labels)))
        svc_accuracy = float(np.mean(by_svc == labels))
        differences.append(statistics.mean(accuracies) - svc_accuracy)
        row = (
            name,
            f"{len(np.unique(labels))}, {len(train[1]) + len(labels):,}",
            ", ".join(sorted({model for model, _ in runs})),
            mean_with_range(accuracies),
            svc,
            f"{svc_accuracy:.1%}",
            _points(differences[-1]),
            f"{pairs[-1].only_served}, {pairs[-1].only_svc}",
            f"{mcnemar_p_value(*pairs[-1]):.2g}",
        )
        table.rows.append(row)
        bench.say("  " + ", ".join(row))
    served, svc = _surely_better(pairs)
    table.notes.append(
        f"The mean difference is {_points(statistics.mean(differences))} points. p is McNemar's "
        "exact test on the test pictures, with the seed of the median accuracy. By Holm's method "
        f"for {len(SETS)} tests at {SURE:.0%}, the served model is surely better on {served} sets, "
        f"and the SVC on {svc}."
    )
    return table


def _run(bench: Bench, name: str, root: Path, seed: int) -> tuple[str, np.ndarray]:
    """The model that serves, and its labels of the test pictures."""
    directory = Path(bench.scratch.name, f"run-{name}-{seed}")
    directory.mkdir()
    configuration = directory / "run.yaml"
    configuration.write_text(
        yaml.safe_dump({"resources": {"mnist_seed": {"config": {"value": seed}}}}), "utf-8"
    )
    storage = directory / "storage"
    settings = {"MNIST_PIPELINE_DATA": str(root)}
    selection = ("--select", "+key:champion or +key:model_comparison")  # whose checks it takes
    run_command(bench, storage, "run", "--config", str(configuration), *selection, **settings)
    champion = Storage(str(storage)).read("champion")
    return champion.model, np.array(champion.labels)


def _surely_better(pairs: Sequence[Pairs]) -> tuple[int, int]:
    """On how many sets the served model is better, and the SVC, by Holm's method.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6(2), 1979.
    """
    sure = []
    ordered = sorted(pairs, key=lambda counts: mcnemar_p_value(*counts))
    for num_left, counts in zip(range(len(ordered), 0, -1), ordered):
        if mcnemar_p_value(*counts) > SURE / num_left:
            break
        sure.append(counts)
    num_served = sum(counts.only_served > counts.only_svc for counts in sure)
    return num_served, len(sure) - num_served


Pictures = tuple[list[Image.Image], np.ndarray]


def _pictures(root: Path, split: str) -> Pictures:
    """The pictures of a part, on white ground, and their labels."""
    (part,) = reader_of(root).read(split)
    pictures = []
    for path in part.paths:
        with Image.open(root / path) as opened:
            picture = opened.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        pictures.append(ground.convert("RGB"))
    return pictures, np.asarray(part.labels)


def _best_svc(train: Pictures, test: Pictures) -> tuple[str, np.ndarray]:
    """The SVC that is best on the test pictures, in words, and its labels of these."""
    answers = {}
    for side in SIDES:
        for name, describe in (("pixels", _pixels), ("histograms", histograms)):
            rows, asked = (
                np.array([describe(picture.resize((side, side))) for picture in pictures])
                for pictures, _ in (train, test)
            )
            answers[f"{name}, {side}×{side}"] = SVC(C=10).fit(rows, train[1]).predict(asked)
    best = max(answers, key=lambda name: np.mean(answers[name] == test[1]))
    return best, answers[best]


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).ravel() / 255


def histograms(picture: Image.Image) -> np.ndarray:
    """Square roots of the shares of gradients by cell and direction, and of pixels by colour."""
    grey = np.asarray(picture.convert("L"), float)
    down, across = np.gradient(grey)
    turns = np.arctan2(down, across) / np.pi % 1
    direction = np.minimum((turns * DIRECTIONS).astype(int), DIRECTIONS - 1)
    row, column = np.indices(grey.shape) // (picture.width // CELLS)
    cells = (row * CELLS + column) * DIRECTIONS + direction
    gradients = np.bincount(cells.ravel(), np.hypot(down, across).ravel(), CELLS**2 * DIRECTIONS)
    levels = np.asarray(picture, int).reshape(-1, 3) * LEVELS // 256
    colors = np.bincount(levels @ (LEVELS**2, LEVELS, 1), minlength=LEVELS**3)
    return np.concatenate([np.sqrt(part / (part.sum() or 1)) for part in (gradients, colors)])


def _points(difference: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * difference:+.1f}".replace("-", "−")
