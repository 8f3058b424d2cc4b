"""Each method on 1, 2, 4, … cores, a thread each, up to all of them: medians of 3, each number in a fresh process.

The GPU trains and predicts instead of the CPU where torch finds one; its times are rows of their own. `threads.png` has
the curves. Softmax regression is not here: each update needs the one before.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.bench import DATA, ROOT, Bench
from benchmarks.environment import BenchmarkError
from benchmarks.table import Row, Section, seconds
from mnist_pipeline.report.figures.style import COLORS, GRID, INK, STYLE
from mnist_pipeline.utils.machine import num_cores

PLOT = Path(__file__).with_suffix(".png")
REPEATS = 3
Seconds = Mapping[str, float]  # by method


def measure(bench: Bench) -> Section:
    counts = sorted({1, *(2**power for power in range(1, 10) if 2**power < num_cores()), num_cores()})
    found = {number: _in_fresh_process(number, bench) for number in counts}
    section = Section("Threads", details={"seconds": found})
    for name, alone in found[1].items():
        for number in counts[1:]:
            section.rows.append(
                Row(
                    f"{name}: {number} threads vs 1", alone / found[number][name], "× faster",
                    samples=REPEATS, ours=seconds(found[number][name]), theirs=seconds(alone),
                )
            )  # fmt: skip
    if not bench.is_quick:
        plot(found)
    return section


def plot(found: Mapping[int, Seconds], file: Path = PLOT) -> None:
    """Draw how many times faster each method is with more threads."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.5, 4), layout="constrained")
        axes = figure.subplots()
        for color, name in zip(COLORS, found[1]):
            axes.plot(
                list(found), [found[1][name] / taken[name] for taken in found.values()], "o-", color=color, label=name
            )
        axes.plot(list(found), list(found), "--", color=INK, linewidth=0.8, label="all of each thread")
        axes.set(xlabel="threads", ylabel="times faster than one thread", xticks=list(found))
        axes.grid(color=GRID, linewidth=0.6)
        axes.legend(fontsize=8)
        figure.savefig(file, dpi=110)


def _in_fresh_process(number: int, bench: Bench) -> Seconds:
    """Seconds of each method with so many threads."""
    command = [sys.executable, "-m", "benchmarks.threads", str(number)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{number} threads failed:\n{done.stderr.strip()}")
    taken: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    bench.say(f"  {number} threads: " + ", ".join(f"{name} {seconds(value)}" for name, value in taken.items()))
    return taken


def main() -> None:
    """Measure each method in this process, on as many cores as the argument says; each core gets a thread."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
    from mnist_pipeline.runtime.threads import share_processors

    share_processors()
    import torch

    from benchmarks.pca import chain
    from benchmarks.timing import timed
    from mnist_pipeline import training
    from mnist_pipeline.data.datasets import load_digits
    from mnist_pipeline.data.variation import vary
    from mnist_pipeline.knn import KNNClassifier
    from mnist_pipeline.networks import CNN, MLP

    train, test = load_digits(DATA, "train"), load_digits(DATA, "test")
    pixels = train.images.reshape(len(train.images), -1)
    recipes = training.RECIPES["cnn"]
    variation, trained = recipes["default"].variation, training.build(CNN)
    assert variation is not None
    methods: dict[str, Callable[[], object]] = {
        "k-NN, fit and search": lambda: KNNClassifier(3).fit(pixels, train.labels).kneighbors(test.images),
        "PCA": lambda: chain(pixels),
        "deformations": lambda: vary(train.images, variation),
        "MLP": lambda: training.train(training.build(MLP), *train, training.RECIPES["mlp"]["fast"]),
        "CNN, one pass": lambda: training.train(training.build(CNN), *train, recipes["fast"]),
        "CNN, predictions": lambda: training.predict_probabilities(trained, test.images),
    }
    device = " on the GPU" if torch.cuda.is_available() else ""
    taken = {}
    for name, method in methods.items():
        timed(method)  # loads compiled code
        median = statistics.median(timed(method)[0] for _ in range(REPEATS))
        taken[name + device * name.startswith(("CNN", "MLP"))] = median
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
