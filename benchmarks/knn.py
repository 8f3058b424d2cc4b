"""Exact k-NN, 10,000 queries over 60,000, k = 3: 5 rounds against scikit-learn brute and faiss (quick: 1).

Each side fits and searches in every round, and starts with the type it wants. faiss runs in a process of its own,
`python -m benchmarks.knn DIRECTORY`, where its OpenBLAS uses the fastest of its kernels. SciPy's k-d tree is
extrapolated from 200 queries in 5 batches (quick: 20 in 2). Fashion-MNIST likewise with 2,500 queries, where it lies.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import one_size
from benchmarks.bench import ROOT, Bench
from benchmarks.environment import BenchmarkError, thread_pools
from benchmarks.table import Bound, Row, Section, at_least, at_most, seconds
from benchmarks.timing import Ratio, Rounds, take_turns, timed
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.runtime.threads import share_processors

K = 3
WARM_UP_QUERIES = 256
EXACT_QUERIES = 500
EXACT_BLOCK = 2_000  # points whose distances to a block of queries are in memory at a time
FASHION_QUERIES = 2_500  # on all sides: brute force takes as long for each
MNIST = "MNIST"
OURS, SKLEARN, FAISS = "ours", "scikit-learn brute", "faiss IndexFlatL2"
TARGETS = {SKLEARN: at_least(6), FAISS: at_least(12)}  # of the search alone
FIT_TARGETS = {SKLEARN: at_least(20), FAISS: at_least(18)}  # of both, on MNIST
CORE_TYPES = ("Haswell", "Zen", "SkylakeX")  # kernels of the OpenBLAS that faiss brings along
CORE_TYPE_QUERIES = 1_000  # to find the fastest of them


def measure(bench: Bench) -> Section:
    section = Section("k-nearest neighbours")
    train, test = _pixels(bench.train), _pixels(bench.test)
    KNNClassifier(K, "pca").fit(train[:1000], bench.train.labels[:1000]).kneighbors(test[:WARM_UP_QUERIES])  # compile
    search, distances = _against_libraries(bench, section, MNIST, train, test)
    _against_tree(bench, section, train, test, search, distances)
    _memory(bench, section)
    _fashion(bench, section)
    return section


def exact_neighbors(train: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances and indices by definition, ordered by (distance, index): an independent answer.

    N‖q − x‖² + index, the number to sort by, is N‖q‖² + (N‖x‖² + index) − 2N⟨q, x⟩. Of bytes it and every partial
    sum are integers below 2⁵³, so float64 holds them exactly.
    """
    count = len(train)
    scaled = queries * (-2.0 * count)
    keys = np.full((len(queries), K), np.inf)
    for start in range(0, count, EXACT_BLOCK):
        block = train[start : start + EXACT_BLOCK].astype(np.float64)
        found = scaled @ block.T
        found += count * (block**2).sum(axis=1) + np.arange(start, start + len(block))
        nearest = np.partition(found, K - 1, axis=1)[:, :K] if len(block) > K else found
        keys = np.partition(np.hstack([keys, nearest]), K - 1, axis=1)[:, :K]
    keys += count * (queries.astype(np.float64) ** 2).sum(axis=1)[:, None]
    order = np.sort(keys, axis=1).astype(np.int64)
    return order // count, order % count


class Ours:
    """The search of this package."""

    def __init__(self, train: np.ndarray, test: np.ndarray) -> None:
        self._train, self._test, self._labels = train, test, np.zeros(len(train), np.uint8)

    def fit(self) -> None:
        """Fit to all points."""
        self._model = KNNClassifier(K).fit(self._train, self._labels)

    def search(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Squared distances and indices of the neighbours of the first queries."""
        return self._model.kneighbors(self._test[:count])


class ScikitLearn:
    """scikit-learn's brute force."""

    def __init__(self, train: np.ndarray, test: np.ndarray) -> None:
        self._train, self._test = train.astype(np.float32), test.astype(np.float32)

    def fit(self) -> None:
        """Fit to all points."""
        from sklearn.neighbors import NearestNeighbors

        self._model = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(self._train)

    def search(self, count: int) -> np.ndarray:
        """Indices of the neighbours of the first queries."""
        return np.asarray(self._model.kneighbors(self._test[:count], return_distance=False))


class Faiss:
    """faiss in a process of its own. `core_type` chooses the kernels of its OpenBLAS, by the name of a processor."""

    def __init__(self, directory: Path, core_type: str) -> None:
        self.core_type, self._directory = core_type, directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.knn", str(directory)],
            cwd=ROOT, env={**os.environ, "OPENBLAS_CORETYPE": core_type},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def fit(self) -> str:
        """Fit to all points; return the kernels in use."""
        return self._do("fit")

    def search(self, count: int) -> str:
        """Find the neighbours of the first queries; return the kernels in use."""
        return self._do(str(count))

    def close(self) -> np.ndarray:
        """End the process; return the indices that the last search found."""
        self._process.communicate()
        return np.asarray(np.load(self._directory / f"{self.core_type}.npy"))

    def _do(self, command: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(command, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().strip()
        if not answer:
            raise BenchmarkError(f"faiss failed with OPENBLAS_CORETYPE={self.core_type}")
        return answer


def _fastest_faiss(bench: Bench, directory: Path) -> Faiss:
    """faiss with the kernels that search fastest on this processor."""
    sides = [Faiss(directory, core_type) for core_type in CORE_TYPES]
    for side in sides:
        side.fit()
    turns = [{side: timed(partial(side.search, CORE_TYPE_QUERIES))[0] for side in sides} for _ in range(5)]
    taken = {side: min(turn[side] for turn in turns) for side in sides}
    bench.say("  faiss: " + ", ".join(f"{side.core_type} {seconds(value)}" for side, value in taken.items()))
    fastest = min(sides, key=lambda side: taken[side])
    for side in sides:
        if side is not fastest:
            side.close()
    return fastest


def _against_libraries(
    bench: Bench, section: Section, title: str, train: np.ndarray, test: np.ndarray
) -> tuple[Callable[[], Any], np.ndarray]:
    """Rows for scikit-learn and faiss; our search of all queries, and the squared distances that it found."""
    ours, sklearn = Ours(train, test), ScikitLearn(train, test)
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
        rounds = take_turns(turns, bench.pick(5, 1), bench.say)
        kernels, found = rounds.results[FAISS], {SKLEARN: rounds.results[SKLEARN], FAISS: faiss.close()}
    distances, indices = rounds.results[OURS]
    agreement = {name: _same_distances(distances, squared_distances(train, test, found[name])) for name in TARGETS}
    for name, bound in TARGETS.items():
        section.rows.append(_row(f"{title}: k-NN vs {name}", rounds, name, bound, agreement[name]))
    fitted = {name: [sum(pair) for pair in zip(rounds.seconds[f"{name}, fit"], rounds.seconds[name])] for name in sides}
    for name, bound in FIT_TARGETS.items():
        label, target = f"{title}: k-NN, fit and search, vs {name}", bound if title == MNIST else None
        section.rows.append(_row(label, Rounds(fitted, {}), name, target, agreement[name]))
    exact = _exactness(bench, section, title, train, test, distances, indices)
    section.notes += [
        f"{title}: fit: " + ", ".join(f"{name} {seconds(rounds.median(f'{name}, fit'))}" for name in sides),
        f"{title}: faiss used the kernels {kernels} of its OpenBLAS, the fastest of {', '.join(CORE_TYPES)} here "
        f"(OPENBLAS_CORETYPE={faiss.core_type}); the other sides those of the thread pools below",
    ]
    section.details[title] = {
        "seconds": rounds.seconds, "fit_and_search": fitted, "agreement": agreement, "exact": exact, "faiss": kernels
    }  # fmt: skip
    return partial(ours.search, len(test)), distances


def squared_distances(train: np.ndarray, queries: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Exact squared distances of given neighbours, int64, ascending in each row."""
    columns = []
    for neighbors in indices.T:
        differences = queries.astype(np.int32) - train[neighbors]
        columns.append((differences**2).sum(axis=1, dtype=np.int64))
    return np.sort(np.stack(columns, axis=1), axis=1)


def _same_distances(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Share of queries whose neighbours lie at the same distances: which of several at one distance is free."""
    return float(np.mean((ours == theirs).all(axis=1)))


def _row(name: str, rounds: Rounds, theirs: str, bound: Bound | None, same: float) -> Row:
    ratio = rounds.ratio(theirs)
    return Row(
        name, ratio.median, "× faster", bound, ratio.spread, ratio.rounds,
        seconds(rounds.median(OURS)), seconds(rounds.median(theirs)), f"{same:.2%} of queries, ties free",
    )  # fmt: skip


def _exactness(
    bench: Bench, section: Section, title: str, train: np.ndarray, test: np.ndarray, *found: np.ndarray
) -> float:
    """A row with the share of queries whose neighbours and distances are those of the definition, ties by index."""
    count = bench.pick(len(test) if title == MNIST else 2_000, 1_000)
    bench.say(f"  {title}: comparing {count:,} queries with the definition, in exact arithmetic")
    blocks = [exact_neighbors(train, test[start : start + EXACT_QUERIES]) for start in range(0, count, EXACT_QUERIES)]
    truth = [np.concatenate(parts) for parts in zip(*blocks)]
    equal = [(ours[:count] == exact).all(axis=1) for ours, exact in zip(found, truth, strict=True)]
    share = float(np.mean(equal[0] & equal[1]))
    section.rows.append(
        Row(
            f"{title}: same neighbours as the definition", 100 * share, "%", at_least(100), samples=count,
            agreement="indices and distances, ties by index",
        )
    )  # fmt: skip
    return share


def _against_tree(
    bench: Bench,
    section: Section,
    train: np.ndarray,
    test: np.ndarray,
    search: Callable[[], Any],
    distances: np.ndarray,
) -> None:
    """SciPy's k-d tree, one worker as by default, on evenly spread queries; its time for all is extrapolated.

    A round is one batch of queries for the tree, and all queries for ours.
    """
    from scipy.spatial import KDTree

    batches = bench.pick(5, 2)
    rows = np.linspace(0, len(test) - 1, bench.pick(200, 20)).astype(int)
    build, tree = timed(lambda: KDTree(train.astype(np.float64)))
    bench.say(f"  SciPy KDTree built in {build:.1f} s")
    ours, per_query, same = [], [], []
    for part in np.array_split(np.random.default_rng(0).permutation(rows), batches):
        elapsed, (_, indices) = timed(partial(tree.query, test[part].astype(np.float64), k=K))
        ours.append(timed(search)[0])
        per_query.append(elapsed / len(part))
        same.append(_same_distances(distances[part], squared_distances(train, test[part], indices)))
        bench.say(f"  KDTree, {len(part)} queries: {elapsed:.1f} s; ours, all: {ours[-1]:.2f} s")
    ratio = Ratio.of([len(test) * tree_seconds / ours_seconds for tree_seconds, ours_seconds in zip(per_query, ours)])
    theirs = len(test) * float(np.median(per_query))
    bench.notebook["knn"] = build + theirs
    section.rows.append(
        Row(
            "MNIST: k-NN vs SciPy KDTree", ratio.median, "× faster", at_least(500), ratio.spread, batches,
            seconds(float(np.median(ours))), f"{seconds(theirs)} (extrapolated)",
            f"{np.mean(same):.2%} of {len(rows)} queries, ties free",
        )
    )  # fmt: skip
    section.notes.append(f"KDTree extrapolated from {len(rows)} queries; its build, {seconds(build)}, is not counted")
    section.details["kdtree"] = {"queries": len(rows), "seconds_per_query": per_query, "ours": ours, "build": build}


def _memory(bench: Bench, section: Section) -> None:
    """Peak memory that fitting and searching add, in a process of its own."""
    bench.say("  memory, in a fresh process")
    train, test = _pixels(bench.train), _pixels(bench.test)
    measured = one_size.in_fresh_process("knn", "ours", train, test, repeats=0)
    section.rows.append(
        Row(
            "MNIST: k-NN, memory beyond the images", measured["resident"] / 1e6, " MB", at_most(400),
            agreement="peak resident growth of fit and search, a fresh process",
        )
    )  # fmt: skip
    section.details["memory"] = measured


def _fashion(bench: Bench, section: Section) -> None:
    """The same comparison on Fashion-MNIST, where there is one."""
    if bench.is_quick:
        section.notes.append("Fashion-MNIST is left to the full run")
    elif bench.fashion is None:
        section.notes.append("Fashion-MNIST skipped: its directory was not found; name one with --fashion DIR")
    else:
        train, test = load_digits(bench.fashion, "train"), load_digits(bench.fashion, "test")
        section.notes.append(f"Fashion-MNIST: {FASHION_QUERIES:,} queries on all sides")
        _against_libraries(bench, section, "Fashion-MNIST", _pixels(train), _pixels(test)[:FASHION_QUERIES])


def _pixels(digits: DigitSet) -> np.ndarray:
    return digits.images.reshape(len(digits.images), -1)


def main() -> None:
    """Be the side of faiss: fit, or search for so many queries, for each line of the input; save what was found."""
    share_processors()
    import faiss

    directory, found = Path(sys.argv[1]), np.empty(0)
    points, queries = (np.load(directory / f"{name}.npy").astype(np.float32) for name in ("points", "queries"))
    (kernels,) = (pool["kernel"] for pool in thread_pools() if pool["library"].startswith("libopenblaso"))
    for command in sys.stdin:
        if command == "fit\n":
            index = faiss.IndexFlatL2(points.shape[1])
            index.add(points)
        else:
            _, found = index.search(queries[: int(command)], K)
        print(kernels, flush=True)
    np.save(directory / f"{os.environ['OPENBLAS_CORETYPE']}.npy", found)


if __name__ == "__main__":
    main()
