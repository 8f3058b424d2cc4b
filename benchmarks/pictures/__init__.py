"""Pictures of many kinds: the model that is served, and support vectors on the same pictures.

Scripts draw ten sets. There is one run of the pipeline with default settings per set, and two fits
of scikit-learn's SVC. The SVC takes 32×32 pixels of the same training and test files, in colour and
in grey levels. `python -m benchmarks.pictures DIRECTORY` writes the sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.stats import binomtest

from benchmarks.bench import Bench
from benchmarks.commands import run_command
from benchmarks.pictures.sets import SETS, write
from benchmarks.table import Table, seconds, share
from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.runtime.storage.storage import Storage

SIDE = 32  # pixels of a side of the pictures for the SVC


def measure(bench: Bench) -> Table:
    """A row per set."""
    header = (
        "",
        "classes, pictures",
        "served",
        "test accuracy",
        "SVC, colour",
        "SVC, grey",
        "served minus SVC, colour",
        "run",
    )
    table = Table("Pictures of many kinds", header)
    differences = []
    num_within = 0
    for name in SETS:
        root = write(name, Path(bench.scratch.name, "pictures"))
        storage = Path(bench.scratch.name, f"run-{name}")
        cost = run_command(bench, storage, "run", MNIST_PIPELINE_DATA=str(root))
        champion = Storage(str(storage)).read("champion")
        in_color, in_grey, sizes = _svc(root)
        num_right = sizes[1] - champion.errors
        high = binomtest(num_right, sizes[1]).proportion_ci(method="wilson").high
        num_within += in_color <= high
        differences.append(num_right / sizes[1] - in_color)
        row = (
            name,
            f"{len(SETS[name].classes)}, {sum(sizes):,}",
            champion.model,
            share(num_right, sizes[1]),
            f"{in_color:.1%}",
            f"{in_grey:.1%}",
            _points(differences[-1]),
            seconds(cost.wall),
        )
        table.rows.append(row)
        bench.say("  " + ", ".join(row))
    table.notes.append(
        f"The mean difference is {_points(np.mean(differences))} points. The served model is "
        f"better, or the SVC is within its interval, on {num_within} of {len(SETS)} sets."
    )
    return table


def _svc(root: Path) -> tuple[float, float, tuple[int, int]]:
    """Test accuracy of an SVC in colour and in grey levels, and the numbers of training and test
    pictures, with the split of the pipeline.
    """
    from sklearn.svm import SVC

    train, test = reader_of(root).read("train", "test")
    accuracies = []
    for mode in ("RGB", "L"):
        model = SVC(C=10).fit(_pixels(root, train.paths, mode), train.digits.labels)
        accuracies.append(model.score(_pixels(root, test.paths, mode), test.digits.labels))
    return accuracies[0], accuracies[1], (len(train.paths), len(test.paths))


def _pixels(root: Path, paths: Iterable[str | Path], mode: str) -> np.ndarray:
    """Pictures on white as light in [0, 1], (n_pictures, n_pixels)."""
    rows = []
    for path in paths:
        with Image.open(root / path) as opened:
            picture = opened.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        ground.alpha_composite(picture)
        rows.append(np.asarray(ground.convert(mode).resize((SIDE, SIDE))).ravel() / 255)
    return np.array(rows)


def _points(difference: float) -> str:
    """A difference of accuracies in percentage points."""
    return f"{100 * difference:+.1f}".replace("-", "−")
