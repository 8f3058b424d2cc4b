"""Exact k-NN, 10,000 queries over 60,000, k = 3: 5 rounds against scikit-learn brute and faiss (quick: 1).

SciPy's k-d tree is extrapolated from 200 queries in 5 batches (quick: 20 in 2). Fashion-MNIST likewise with
2,500 queries, where it lies. All sides start fitted and with the type they want; fitting and casting are apart.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import one_size
from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_least, at_most, seconds
from benchmarks.timing import Ratio, Rounds, take_turns, timed
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.knn import KNNClassifier

K = 3
WARM_UP_QUERIES = 256
EXACT_QUERIES = 500
EXACT_BLOCK = 2_000  # points whose distances to a block of queries are in memory at a time
FASHION_QUERIES = 2_500  # on all sides: brute force takes as long for each
MNIST = "MNIST"
OURS, SKLEARN, FAISS = "ours", "scikit-learn brute", "faiss IndexFlatL2"
TARGETS = {SKLEARN: at_least(6), FAISS: at_least(12)}


def measure(bench: Bench) -> Section:
    section = Section("k-nearest neighbours")
    train, test = _pixels(bench.train), _pixels(bench.test)
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


def _against_libraries(
    bench: Bench, section: Section, title: str, train: np.ndarray, test: np.ndarray
) -> tuple[Callable[[], Any], np.ndarray]:
    """Rows for scikit-learn and faiss; our search of all queries, and the squared distances that it found."""
    contestants, fits = _fitted(train, test)
    warm_ups = {name: timed(partial(search, WARM_UP_QUERIES))[0] for name, search in contestants.items()}
    bench.say(f"  {title}: fit, then warm-up: " + ", ".join(f"{n} {fits[n]:.3g}, {warm_ups[n]:.3g} s" for n in fits))
    turns = {name: partial(search, len(test)) for name, search in contestants.items()}
    rounds = take_turns(turns, bench.pick(5, 1), bench.say)
    distances, indices = rounds.results[OURS]
    agreement = {
        name: _same_distances(distances, squared_distances(train, test, rounds.results[name])) for name in TARGETS
    }
    for name, bound in TARGETS.items():
        section.rows.append(_row(f"{title}: k-NN vs {name}", rounds, name, bound, agreement[name]))
    exact = _exactness(bench, section, title, train, test, distances, indices)
    section.notes.append(_fits_told(title, fits, rounds, warm_ups[OURS]))
    section.details[title] = {
        "seconds": rounds.seconds, "fit": fits, "warm_up": warm_ups, "agreement": agreement, "exact": exact
    }  # fmt: skip
    return turns[OURS], distances


def _fits_told(title: str, fits: dict[str, float], rounds: Rounds, warm_up: float) -> str:
    """What fitting took, and the ratios that it would leave if it were counted."""
    both = {name: fits[name] + rounds.median(name) for name in fits}
    times = ", ".join(f"{name} {seconds(value)}" for name, value in fits.items())
    counted = ", ".join(f"{both[name] / both[OURS]:.1f}× {name}" for name in TARGETS)
    return f"{title}: fit not included: {times}; with fit: {counted}; warm-up of ours {seconds(warm_up)}"


def _fitted(train: np.ndarray, test: np.ndarray) -> tuple[dict[str, Any], dict[str, float]]:
    """A search per library, of the first n queries, and the time of fitting."""
    import faiss
    from sklearn.neighbors import NearestNeighbors

    train32, test32 = train.astype(np.float32), test.astype(np.float32)
    labels = np.zeros(len(train), np.uint8)
    KNNClassifier(K, "pca").fit(train[:1000], labels[:1000]).kneighbors(test[:2])  # compile before fit is timed
    index = faiss.IndexFlatL2(train.shape[1])
    fit_ours, model = timed(lambda: KNNClassifier(K).fit(train, labels))
    fit_sklearn, brute = timed(lambda: NearestNeighbors(n_neighbors=K, algorithm="brute").fit(train32))
    fit_faiss, _ = timed(lambda: index.add(train32))
    contestants = {
        OURS: lambda count: model.kneighbors(test[:count]),
        SKLEARN: lambda count: brute.kneighbors(test32[:count], return_distance=False),
        FAISS: lambda count: index.search(test32[:count], K)[1],
    }
    return contestants, {OURS: fit_ours, SKLEARN: fit_sklearn, FAISS: fit_faiss}


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


def _row(name: str, rounds: Rounds, theirs: str, bound: Any, same: float) -> Row:
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
