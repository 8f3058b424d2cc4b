"""Time and peak memory as N quadruples from 60,000 to 240,000, 2 runs per size.

k-NN searches for 1,000 queries, compared with scikit-learn's brute force. PCA computes all steps,
compared with scikit-learn's fused solver. Every size of every side is a fresh process, `python -m
benchmarks.growth METHOD SIDE FILE QUERIES SIZE`. Sets of more than 60,000 images also have copies
that are moved by a pixel.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench import ROOT, Bench, BenchmarkError, run_module
from benchmarks.pca import our_steps, sklearn_eigenvalues
from benchmarks.table import Table, seconds
from benchmarks.timing import timed
from mnist_pipeline.methods.knn.classifier import KNNClassifier

SIZES = (60_000, 240_000)
NUM_QUERIES = 1_000
REPEATS = 2
WARM_UP_ROWS = 1_000
# Down and right, in pixels, at most LONGEST.
SHIFTS = (
    *((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)),
    *((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 2)),
    *((2, 0), (0, -2), (-2, 0), (2, 2), (2, -2), (-2, 2), (-2, -2)),
)
LONGEST = 2
SIDES = ("ours", "theirs")
METHODS = {"knn": "k-NN, 1,000 queries", "pca": "PCA"}

Work = Callable[[np.ndarray, np.ndarray], object]  # training points and queries


def our_search(train: np.ndarray, queries: np.ndarray) -> object:
    """Fit and search."""
    return KNNClassifier(3, "pca").fit(train, np.zeros(len(train), np.uint8)).kneighbors(queries)


def sklearn_search(train: np.ndarray, queries: np.ndarray) -> object:
    """Fit and search by brute force in float32."""
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(train.astype(np.float32))
    return model.kneighbors(queries.astype(np.float32))


WORK: dict[tuple[str, str], Work] = {
    ("knn", "ours"): our_search,
    ("knn", "theirs"): sklearn_search,
    ("pca", "ours"): lambda train, _: our_steps(train),
    ("pca", "theirs"): lambda train, _: sklearn_eigenvalues(train),
}


def measure(bench: Bench) -> Table:
    """A row per method and size."""
    header = ("", "N", "this project", "scikit-learn", "memory of this project", "of scikit-learn")
    table = Table("Growth with N", header)
    with tempfile.TemporaryDirectory() as directory:
        points, queries = Path(directory, "points.npy"), Path(directory, "queries.npy")
        write_shifted(points, bench.train.images, max(SIZES))
        np.save(queries, bench.test.images[:NUM_QUERIES].reshape(NUM_QUERIES, -1))
        for method, title in METHODS.items():
            for size in SIZES:
                walls = []
                peaks = []
                for side in SIDES:
                    cost = _in_fresh_process(method, side, points, queries, size)
                    walls.append(seconds(statistics.median(cost["seconds"])))
                    peaks.append(f"{cost['memory'] / 1e6:,.0f} MB")
                table.rows.append((title, f"{size:,}", *walls, *peaks))
                bench.say(f"  {title}, N = {size:,}: {' and '.join(walls)}")
    table.notes.append(
        "Memory is the growth of the peak during the first call. PCA of this project keeps the "
        "results of all steps."
    )
    return table


def write_shifted(path: Path, images: np.ndarray, size: int) -> None:
    """Write `size` rows: the images, then the images moved by each of `SHIFTS`."""
    count, height, width = images.shape
    if size > count * len(SHIFTS):
        raise BenchmarkError(f"{size:,} rows are more than {len(SHIFTS)} copies of {count:,}")
    framed = np.pad(images, ((0, 0), (LONGEST, LONGEST), (LONGEST, LONGEST)))
    output = np.lib.format.open_memmap(path, "w+", np.uint8, (size, height * width))
    for start, (down, right) in zip(range(0, size, count), SHIFTS, strict=False):
        top, left = LONGEST - down, LONGEST - right
        moved = framed[:, top : top + height, left : left + width]
        output[start : start + count] = moved[: size - start].reshape(-1, height * width)
    output.flush()


def _in_fresh_process(
    method: str, side: str, points: Path, queries: Path, size: int
) -> dict[str, Any]:
    command = run_module("benchmarks.growth", method, side, str(points), str(queries), str(size))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{method} {side} with {size:,} rows failed:\n{done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _peak() -> int:
    """Largest resident set of this process so far, in bytes.

    On Linux, `getrusage` also counts the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text(encoding="ascii").partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print the memory of the first call and the seconds of each further call as JSON."""
    method, side, points, queries, size = sys.argv[1:]
    work = WORK[method, side]
    train = np.array(np.load(points, mmap_mode="r")[: int(size)])
    searched = np.load(queries)
    work(train[:WARM_UP_ROWS], searched[:100])  # load libraries and compiled code
    before = _peak()
    work(train, searched)
    memory = _peak() - before
    walls = [timed(lambda: work(train, searched))[0] for _ in range(REPEATS)]
    print(json.dumps({"memory": memory, "seconds": walls}))


if __name__ == "__main__":
    main()
