"""Exact 3 nearest neighbours of 10,000 digits: 3 rounds against scikit-learn and faiss. The second
table has fewer queries and new classifiers, which decide on their own whether an index is worth it.

Each side fits and searches in every round, and starts with the type of numbers that it prefers. On
a processor with AVX-512, everything is measured once more with AVX2 only, as on older processors.
All of that happens in a process of its own, `python -m benchmarks.knn`, because libraries choose
their instructions when they load. faiss has a further process, `python -m benchmarks.knn
DIRECTORY`, where its OpenBLAS uses the fastest of its kernels. The notebook used SciPy's k-d tree;
its time is extrapolated from 40 queries.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from llvmlite import binding  # type: ignore[import-untyped]  # it ships no types

from benchmarks.bench import ROOT, Bench, BenchmarkError, rows, run_module
from benchmarks.table import Table, seconds, times, with_range
from benchmarks.timing import Rounds, take_turns, timed
from mnist_pipeline.methods.knn.classifier import KNNClassifier
from mnist_pipeline.utils.blocks import slices

K = 3
NUM_COMPARED = 2_000  # queries, with the definition in exact arithmetic
WARM_UP_QUERIES = 256
EXACT_QUERIES = 500  # queries and points whose distances are in memory at a time
EXACT_POINTS = 2_000
OURS = "this project"
SKLEARN = "scikit-learn, brute force"
FAISS = "faiss IndexFlatL2"
TREE = "SciPy k-d tree"
HEADER = (
    "",
    "fit",
    "search",
    "this project is faster by, fit and search",
    "same neighbours",
)
QUERIES = (1, 100, 1_000, 10_000)  # of the second table
QUERIES_HEADER = (
    "queries",
    "fit and search",
    "scikit-learn, brute force",
    "this project is faster by",
)
# The instructions of Numba, of the OpenBLAS of NumPy and of SciPy, and of faiss.
AVX2_ONLY = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "",
    "OPENBLAS_CORETYPE": "Haswell",
    "FAISS_SIMD_LEVEL": "AVX2",
}
RESTRICTED = AVX2_ONLY.items() <= os.environ.items()
# Kernels of faiss's OpenBLAS.
CORE_TYPES = ("Haswell", "Zen") if RESTRICTED else ("Haswell", "Zen", "SkylakeX")
CORE_TYPE_QUERIES = 1_000  # to find the fastest of them
Rows: TypeAlias = list[Sequence[str]]


class Ours:
    """The search of this package; with the algorithm "pca", `fit` builds the index."""

    def __init__(
        self, train: np.ndarray, labels: np.ndarray, test: np.ndarray, algorithm: str = "pca"
    ) -> None:
        self._train = train
        self._labels = labels
        self._test = test
        self._algorithm = algorithm

    def fit(self) -> None:
        """Fit to all points."""
        self._model = KNNClassifier(K, self._algorithm).fit(self._train, self._labels)

    def search(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances and indices of the neighbours of the first queries."""
        return self._model.kneighbors(self._test[:count])

    def predict(self) -> np.ndarray:
        """The label of each query."""
        return self._model.predict(self._test)


class ScikitLearn:
    """scikit-learn's brute force."""

    def __init__(self, train: np.ndarray, test: np.ndarray) -> None:
        self._train = train.astype(np.float32)
        self._test = test.astype(np.float32)

    def fit(self) -> None:
        """Fit to all points."""
        from sklearn.neighbors import NearestNeighbors

        self._model = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(self._train)

    def search(self, count: int) -> np.ndarray:
        """Indices of the neighbours of the first queries."""
        return np.asarray(self._model.kneighbors(self._test[:count], return_distance=False))


class Faiss:
    """faiss in a process of its own.

    `core_type` chooses the kernels of its OpenBLAS, by the name of a processor.
    """

    def __init__(self, directory: Path, core_type: str) -> None:
        self.core_type = core_type
        self._directory = directory
        self._process = subprocess.Popen(
            run_module("benchmarks.knn", str(directory)),
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_CORETYPE": core_type},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fit(self) -> None:
        """Fit to all points."""
        self._do("fit")

    def search(self, count: int) -> None:
        """Find the neighbours of the first queries."""
        self._do(str(count))

    def close(self) -> np.ndarray:
        """End the process; return the indices that the last search found."""
        self._process.communicate()
        return np.asarray(np.load(self._directory / f"{self.core_type}.npy"))

    def _do(self, command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        if not self._process.stdout.readline():
            raise BenchmarkError(f"faiss failed with OPENBLAS_CORETYPE={self.core_type}")


def measure(bench: Bench) -> list[Table]:
    """A row per side with all instructions of the processor, and with AVX2 only; fewer queries."""
    sides, by_queries, notes = _in_fresh_process({})
    table = Table("k-nearest neighbours", HEADER, sides, notes)
    if binding.get_host_cpu_features().get("avx512f"):
        restricted, _, _ = _in_fresh_process(AVX2_ONLY)
        table.rows += [(f"{name}, AVX2 only", *cells) for name, *cells in restricted]
    return [table, Table("Fewer queries", QUERIES_HEADER, by_queries)]


def _in_fresh_process(variables: dict[str, str]) -> tuple[Rows, Rows, list[str]]:
    """The rows of both tables and the notes that a process with these variables measures."""
    done = subprocess.run(
        run_module("benchmarks.knn"),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchmarkError(f"the search ended with exit code {done.returncode}, see above")
    sides, by_queries, notes = json.loads(done.stdout)
    return sides, by_queries, notes


def compare(bench: Bench) -> tuple[Rows, Rows, list[str]]:
    """Compare times of fit and search, and check the neighbours by their definition."""
    train, test = rows(bench.train), rows(bench.test)
    ours, sklearn = Ours(train, bench.train.labels, test), ScikitLearn(train, test)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        np.save(directory / "points.npy", train)
        np.save(directory / "queries.npy", test)
        faiss = _fastest_faiss(bench, directory)
        sides: dict[str, Any] = {OURS: ours, SKLEARN: sklearn, FAISS: faiss}
        turns: dict[str, Callable[[], Any]] = {}
        for side_name, side in sides.items():
            side.fit()
            side.search(WARM_UP_QUERIES)
            turns |= {f"{side_name}, fit": side.fit, side_name: partial(side.search, len(test))}
        rounds = take_turns(turns, 3, bench.say)
        neighbors = {SKLEARN: rounds.results[SKLEARN], FAISS: faiss.close()}
    distances, indices = rounds.results[OURS]
    count = NUM_COMPARED
    bench.say(f"  comparing {count:,} queries with the definition, in exact arithmetic")
    same = {OURS: _same_as_definition(train, test[:count], distances[:count], indices[:count])}
    for name, theirs in neighbors.items():
        same[name] = _same_distances(distances, squared_distances(train, test, theirs))
    table: Rows = [(name, *_times(rounds, name), f"{same[name]:.2%}") for name in sides]
    by_queries: Rows = []
    if not RESTRICTED:
        by_queries = _by_queries(bench, Ours(train, bench.train.labels, test, "auto"), sklearn)
        whole = rounds.median(f"{OURS}, fit") + rounds.median(OURS)
        table.append(_tree_row(bench, train, test, distances, whole))
    accuracy = np.mean(ours.predict() == bench.test.labels)
    note = (
        f"This project is compared with the definition on {count:,} queries, with ties by index; "
        "the others are compared with this project, and may choose among points at the same "
        f"distance. The vote of the {K} neighbours reads {accuracy:.2%} of the test digits."
    )
    return table, by_queries, [note]


def _by_queries(bench: Bench, ours: Ours, sklearn: ScikitLearn) -> Rows:
    """A row per number of queries: seconds of a fit with a search, and the ratio."""
    table = []
    for count in QUERIES:

        def fit_and_search(side: Ours | ScikitLearn, count: int = count) -> None:
            side.fit()
            side.search(count)

        turns = {OURS: partial(fit_and_search, ours), SKLEARN: partial(fit_and_search, sklearn)}
        bench.say(f"  {count:,} queries")
        rounds = take_turns(turns, 5 if count < QUERIES[-1] else 3, bench.say)
        medians = [seconds(rounds.median(name)) for name in turns]
        table.append((f"{count:,}", *medians, with_range(rounds.ratios(SKLEARN, OURS), times)))
    return table


def _times(rounds: Rounds, name: str) -> tuple[str, str, str]:
    """Seconds of the fit and of the search, and how many times as long both take as ours."""
    wholes = {
        side: np.add(rounds.seconds[f"{side}, fit"], rounds.seconds[side]) for side in (name, OURS)
    }
    faster = "" if name == OURS else with_range(wholes[name] / wholes[OURS], times)
    return seconds(rounds.median(f"{name}, fit")), seconds(rounds.median(name)), faster


def _tree_row(
    bench: Bench, train: np.ndarray, test: np.ndarray, distances: np.ndarray, ours: float
) -> tuple[str, str, str, str, str]:
    """SciPy's k-d tree on evenly spread queries; the time for all queries is extrapolated.

    `ours` are the seconds of this project's fit and search.
    """
    from scipy.spatial import KDTree

    chosen = np.linspace(0, len(test) - 1, 40).astype(int)
    build, tree = timed(lambda: KDTree(train.astype(np.float64)))
    elapsed, (_, indices) = timed(lambda: tree.query(test[chosen].astype(np.float64), k=K))
    bench.say(f"  {TREE}: built in {build:.1f} s, {len(chosen)} queries in {elapsed:.1f} s")
    whole = elapsed / len(chosen) * len(test)
    same = _same_distances(distances[chosen], squared_distances(train, test[chosen], indices))
    return (
        f"{TREE} (the notebook's)",
        seconds(build),
        f"{seconds(whole)}, extrapolated",
        times((build + whole) / ours),
        f"{same:.2%}",
    )


def _fastest_faiss(bench: Bench, directory: Path) -> Faiss:
    """faiss with the kernels that search fastest on this processor."""
    sides = [Faiss(directory, core_type) for core_type in CORE_TYPES]
    for side in sides:
        side.fit()
    turns = {side.core_type: partial(side.search, CORE_TYPE_QUERIES) for side in sides}
    rounds = take_turns(turns, 5, bench.say)
    fastest = min(sides, key=lambda side: min(rounds.seconds[side.core_type]))
    for side in sides:
        if side is not fastest:
            side.close()
    return fastest


def exact_neighbors(train: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances and indices by definition, ordered by (distance, index).

    The number to sort by is N‖q − x‖² + index = N‖q‖² + (N‖x‖² + index) − 2N⟨q, x⟩. For bytes, this
    number and every partial sum are integers below 2⁵³, so float64 represents them exactly.
    """
    count = len(train)
    scaled = queries * (-2.0 * count)
    keys = np.full((len(queries), K), np.inf)
    for start in range(0, count, EXACT_POINTS):
        block = train[start : start + EXACT_POINTS].astype(np.float64)
        block_keys = scaled @ block.T
        block_keys += count * (block**2).sum(axis=1) + np.arange(start, start + len(block))
        keys = np.partition(np.hstack([keys, block_keys]), K - 1, axis=1)[:, :K]
    keys += count * (queries.astype(np.float64) ** 2).sum(axis=1)[:, None]
    order = np.sort(keys, axis=1).astype(np.int64)
    return order // count, order % count


def _same_as_definition(
    train: np.ndarray, queries: np.ndarray, distances: np.ndarray, indices: np.ndarray
) -> float:
    """Share of queries whose distances and indices equal an exhaustive search by the definition."""
    num_same = 0
    for block in slices(len(queries), EXACT_QUERIES):
        exact_distances, exact_indices = exact_neighbors(train, queries[block])
        is_same = (distances[block] == exact_distances) & (indices[block] == exact_indices)
        num_same += np.count_nonzero(is_same.all(axis=1))
    return num_same / len(queries)


def squared_distances(train: np.ndarray, queries: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Exact squared distances of neighbours with these indices, int64, ascending in each row."""
    columns = []
    for neighbors in indices.T:
        differences = queries.astype(np.int32) - train[neighbors]
        columns.append((differences**2).sum(axis=1, dtype=np.int64))
    return np.sort(np.stack(columns, axis=1), axis=1)


def _same_distances(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of queries whose neighbours are at the same distances."""
    return float(np.mean((ours == theirs).all(axis=1)))


def search_with_faiss(directory: Path) -> None:
    """The process of faiss: per line of the input, fit or search; at the end, save neighbours."""
    import faiss

    points = np.load(directory / "points.npy").astype(np.float32)
    queries = np.load(directory / "queries.npy").astype(np.float32)
    neighbors = np.empty(0)
    for command in sys.stdin:
        if command == "fit\n":
            index = faiss.IndexFlatL2(points.shape[1])
            index.add(points)
        else:
            _, neighbors = index.search(queries[: int(command)], K)
        print("done", flush=True)
    np.save(directory / f"{os.environ['OPENBLAS_CORETYPE']}.npy", neighbors)


def main() -> None:
    """Compare, with progress on stderr, and print rows and notes as JSON; or search with faiss."""
    if len(sys.argv) > 1:
        search_with_faiss(Path(sys.argv[1]))
        return
    with contextlib.redirect_stdout(sys.stderr):
        measured = compare(Bench.load())
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
