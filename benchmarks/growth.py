"""Time and peak memory as N doubles from 7,500 to 240,000, 2 runs a size after the first (quick: to 60,000, 1).

k-NN: 1,000 queries, k = 3, compared with scikit-learn brute. PCA: from and into memory-mapped files, compared with
scikit-learn's fused solver. Every size of every side is a fresh process. Sets beyond 60,000 are the digits moved by a
pixel.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import one_size
from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_most, seconds

FULL_SIZES = (7_500, 15_000, 30_000, 60_000, 120_000, 240_000)
QUICK_SIZES = (7_500, 15_000, 60_000)
NUM_QUERIES = 1_000
SHIFTS = ((0, 0), (0, 1), (1, 0), (0, -1))
METHODS = {"knn": "k-NN", "pca": "PCA"}
SIDES = ("ours", "theirs")

Curves = dict[str, dict[str, list[dict[str, Any]]]]


def measure(bench: Bench) -> Section:
    sizes = QUICK_SIZES if bench.is_quick else FULL_SIZES
    with tempfile.TemporaryDirectory() as directory:
        points, queries = Path(directory, "train.npy"), Path(directory, "queries.npy")
        write_shifted(points, bench.train.images, max(sizes))
        np.save(queries, bench.test.images[:NUM_QUERIES].reshape(NUM_QUERIES, -1))
        curves = _curves(bench, sizes, points, queries)
    notes = [
        f"k-NN: {NUM_QUERIES:,} queries; our PCA keeps the centred data, scikit-learn's keeps none",
        "private memory can't be reclaimed by the kernel; the resident set also counts pages of files",
    ]
    return Section("Growth with N", _rows(curves), notes, {"curves": curves})


def write_shifted(path: Path, images: np.ndarray, size: int) -> None:
    """The first `size` rows of the images followed by the images moved a pixel right, down, left."""
    count, height, width = images.shape
    output = np.lib.format.open_memmap(path, "w+", np.uint8, (size, height * width))
    for copy, shift in enumerate(SHIFTS):
        start = copy * count
        if start < size:
            output[start : start + count] = _moved(images, *shift)[: size - start].reshape(-1, height * width)
    output.flush()


def _moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images moved by so many pixels, paper moving in."""
    height, width = images.shape[1:]
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return framed[:, 1 - down : 1 - down + height, 1 - right : 1 - right + width]


def _curves(bench: Bench, sizes: tuple[int, ...], points: Path, queries: Path) -> Curves:
    curves: Curves = {method: {side: [] for side in SIDES} for method in METHODS}
    for size in sizes:
        for method in METHODS:
            for side in SIDES:
                measured = one_size.start(method, side, points, queries, size, bench.pick(2, 1))
                curves[method][side].append(measured)
            times = (f"{_time(method, curves[method][side][-1]):.3g} s" for side in SIDES)
            bench.say(f"  {METHODS[method]}, N = {size:,}: ours, scikit-learn {', '.join(times)}")
    return curves


def _time(method: str, measured: dict[str, Any]) -> float:
    """Median seconds: of the search for k-NN, of everything for PCA."""
    return statistics.median(measured["search" if method == "knn" else "fit"])


def series(curves: Curves, method: str, side: str) -> dict[str, list[float]]:
    """What the figure draws: sizes, seconds, private and resident MB."""
    measured = curves[method][side]
    return {
        "sizes": [each["size"] for each in measured],
        "seconds": [_time(method, each) for each in measured],
        "private": [max(each["private"], 1e5) / 1e6 for each in measured],
        "resident": [max(each["resident"], 1e5) / 1e6 for each in measured],
    }


def _exponent(curve: dict[str, list[float]]) -> float:
    """p of seconds ∝ Nᵖ, least squares in the logarithms over the larger half of the sizes."""
    half = len(curve["sizes"]) // 2
    slope, _ = np.polyfit(np.log(curve["sizes"][half:]), np.log(curve["seconds"][half:]), 1)
    return float(slope)


def _rows(curves: Curves) -> list[Row]:
    rows = []
    for method, title in METHODS.items():
        ours, theirs = (series(curves, method, side) for side in SIDES)
        largest = int(ours["sizes"][-1])
        rows.append(
            Row(
                f"{title}: exponent p of time ∝ Nᵖ", _exponent(ours), "", at_most(1.1), samples=len(ours["sizes"]),
                ours=f"{seconds(ours['seconds'][-1])} at {largest:,}", theirs=seconds(theirs["seconds"][-1]),
                agreement=f"scikit-learn: p = {_exponent(theirs):.2f}",
            )
        )  # fmt: skip
        rows.append(_memory_row(title, ours, theirs))
    return rows


def _memory_row(title: str, ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> Row:
    """Private memory at the smallest and the largest N. It has no target: PCA keeps the centred data as an array."""
    sizes = f"{int(ours['sizes'][0]):,} → {int(ours['sizes'][-1]):,}"
    first, last = ours["private"][0], ours["private"][-1]
    return Row(
        f"{title}: growth of private memory, N = {sizes}", last / first, "×", None,
        samples=1, ours=f"{first:,.0f} → {last:,.0f} MB",
        theirs=f"{theirs['private'][0]:,.0f} → {theirs['private'][-1]:,.0f} MB",
    )  # fmt: skip
