"""One method at one size in a fresh process: `python -m benchmarks.one_size METHOD SIDE FILE N …` prints JSON.

Peak memory is that of the first call on the full size, after a warm-up on a thousand rows has loaded libraries and
compiled code; seconds are those of further calls.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import memory
from benchmarks.bench import ROOT
from benchmarks.environment import BenchmarkError
from benchmarks.timing import timed

WARM_UP_ROWS = 1_000
Work = Callable[[np.ndarray, np.ndarray], tuple[float, float]]  # training points, queries → fit, search seconds


def knn_ours(train: np.ndarray, queries: np.ndarray) -> tuple[float, float]:
    from mnist_pipeline.knn import KNNClassifier

    labels = np.zeros(len(train), np.uint8)
    fit, model = timed(lambda: KNNClassifier(3, "pca").fit(train, labels))
    return fit, timed(lambda: model.kneighbors(queries))[0]


def knn_theirs(train: np.ndarray, queries: np.ndarray) -> tuple[float, float]:
    """scikit-learn's brute force, which is given float32; that copy is its memory, not its time."""
    from sklearn.neighbors import NearestNeighbors

    points, wanted = train.astype(np.float32), queries.astype(np.float32)
    fit, model = timed(lambda: NearestNeighbors(n_neighbors=3, algorithm="brute").fit(points))
    return fit, timed(lambda: model.kneighbors(wanted))[0]


def pca_ours(train: np.ndarray, _: np.ndarray) -> tuple[float, float]:
    """The whole chain, with the centred data in memory."""
    from benchmarks.pca import chain

    return timed(lambda: chain(train))[0], 0.0


def pca_theirs(train: np.ndarray, _: np.ndarray) -> tuple[float, float]:
    from benchmarks.pca import sklearn_eigenvalues

    return timed(lambda: sklearn_eigenvalues(train))[0], 0.0


WORK: dict[tuple[str, str], Work] = {
    ("knn", "ours"): knn_ours,
    ("knn", "theirs"): knn_theirs,
    ("pca", "ours"): pca_ours,
    ("pca", "theirs"): pca_theirs,
}


def in_fresh_process(method: str, side: str, train: np.ndarray, queries: np.ndarray, repeats: int) -> dict[str, Any]:
    """Measure arrays that are in memory: they are handed over as files."""
    with tempfile.TemporaryDirectory() as directory:
        points, wanted = Path(directory, "train.npy"), Path(directory, "queries.npy")
        np.save(points, train)
        np.save(wanted, queries)
        return start(method, side, points, wanted, len(train), repeats)


def start(method: str, side: str, points: Path, queries: Path, size: int, repeats: int) -> dict[str, Any]:
    """Run this module on the first rows of a file; return the measurements."""
    command = [sys.executable, "-m", "benchmarks.one_size", method, side]
    command += [str(points), str(queries), str(size), str(repeats)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{method} {side} with {size:,} rows failed:\n{done.stderr.strip()}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def measure(method: str, work: Work, points: Path, queries: Path, size: int, repeats: int) -> dict[str, Any]:
    """Memory of the first call; seconds of each further one."""
    train = np.load(points, mmap_mode="r")[:size]
    wanted = np.array(np.load(queries, mmap_mode="r"))
    if method == "knn":
        train = np.array(train)  # load the images before the search starts
    warm_up, _ = timed(lambda: work(np.array(train[:WARM_UP_ROWS]), wanted[:100]))
    with memory.growth() as grown:
        first = work(train, wanted)
    further = [work(train, wanted) for _ in range(repeats)] or [first]
    return {
        "size": size,
        "warm_up": warm_up,
        "fit": [fit for fit, _ in further],
        "search": [search for _, search in further],
        "resident": grown.resident,
        "private": grown.private,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("method", choices=["knn", "pca"])
    parser.add_argument("side", choices=["ours", "theirs"])
    parser.add_argument("points", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("size", type=int)
    parser.add_argument("repeats", type=int)
    given = parser.parse_args()
    work = WORK[given.method, given.side]
    print(json.dumps(measure(given.method, work, given.points, given.queries, given.size, given.repeats)))


if __name__ == "__main__":
    main()
