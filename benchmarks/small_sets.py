"""Small sets of real pictures from packages of Debian: one run with default settings per set, and
scikit-learn's SVC with C = 10 with the same training and test files, on 32×32 pixels and on
histograms of their gradients and colours. Sets of tiles, and stamps of one thing, are groups.

`benchmarks/packages.py` names the packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.svm import SVC

from benchmarks.bench import Bench
from benchmarks.commands import run_command
from benchmarks.packages import SETS, write
from benchmarks.table import Table, seconds, share
from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.runtime.storage.storage import Storage

SIDE = 32  # pixels of a side of the pictures for the SVC
CELL = 8  # pixels of a side of the cells with a histogram of gradients
DIRECTIONS, LEVELS = 9, 4  # bins of the directions, and of each colour


def measure(bench: Bench) -> Table:
    """A row per set."""
    header = (
        "",
        "classes, pictures",
        "served",
        "test accuracy",
        "SVC, pixels",
        "SVC, histograms",
        "served minus the better SVC",
        "run",
    )
    table = Table("Pictures of many kinds", header)
    differences = []
    num_within = 0
    for name in SETS:
        root = write(name, Path(bench.scratch.name, "pictures"))
        storage = Path(bench.scratch.name, f"run-{name}")
        cost = run_command(bench, storage, "run", MNIST_PIPELINE_DATA=str(root))
        stored = Storage(str(storage))
        champion, data_set = stored.read("champion"), stored.read("data_set")
        train, test = reader_of(root).read("train", "test")
        accuracies = []
        for describe in (_pixels, histograms):
            model = SVC(C=10).fit(_rows(root, train.paths, describe), train.labels)
            accuracies.append(model.score(_rows(root, test.paths, describe), test.labels))
        num_right = len(test.labels) - champion.errors
        _, high = wilson_interval(num_right, len(test.labels))
        num_within += max(accuracies) <= high
        differences.append(num_right / len(test.labels) - max(accuracies))
        row = (
            name,
            f"{len(data_set.class_names)}, {len(train.labels) + len(test.labels):,}",
            champion.model,
            share(num_right, len(test.labels)),
            *(f"{accuracy:.1%}" for accuracy in accuracies),
            _points(differences[-1]),
            seconds(cost.wall),
        )
        table.rows.append(row)
        bench.say("  " + ", ".join(row))
    table.notes.append(
        f"The mean difference is {_points(np.mean(differences))} points. The served model is "
        f"better, or the better SVC is within its interval, on {num_within} of {len(SETS)} sets."
    )
    return table


def _rows(
    root: Path, paths: Iterable[str], describe: Callable[[Image.Image], np.ndarray]
) -> np.ndarray:
    """A row of features per picture, on white ground, (n_pictures, n_features)."""
    rows = []
    for path in paths:
        with Image.open(root / path) as opened:
            picture = opened.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        rows.append(describe(ground.convert("RGB").resize((SIDE, SIDE))))
    return np.array(rows)


def _pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).ravel() / 255


def histograms(picture: Image.Image) -> np.ndarray:
    """Square roots of the shares of gradients by cell and direction, and of pixels by colour."""
    grey = np.asarray(picture.convert("L"), float)
    down, across = np.gradient(grey)
    turns = np.arctan2(down, across) / np.pi % 1
    direction = np.minimum((turns * DIRECTIONS).astype(int), DIRECTIONS - 1)
    row, column = np.indices(grey.shape) // CELL
    cells = (row * (SIDE // CELL) + column) * DIRECTIONS + direction
    gradients = np.bincount(
        cells.ravel(), np.hypot(down, across).ravel(), (SIDE // CELL) ** 2 * DIRECTIONS
    )
    levels = np.asarray(picture, int).reshape(-1, 3) * LEVELS // 256
    colors = np.bincount(levels @ (LEVELS**2, LEVELS, 1), minlength=LEVELS**3)
    return np.concatenate([np.sqrt(part / (part.sum() or 1)) for part in (gradients, colors)])


def _points(difference: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * difference:+.1f}".replace("-", "−")
