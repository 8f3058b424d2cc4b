"""Training and searching with 1, 2, 4, … threads: medians of 3 calls, in fresh processes.

A process, `python -m benchmarks.threads NUMBER`, uses as many cores as threads. Softmax regression
is not here: each update needs the update before. Where torch finds a GPU, the CNN trains on it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

from benchmarks.bench import DATA, ROOT, Bench, BenchmarkError, rows, run_module
from benchmarks.table import Table, seconds, times
from mnist_pipeline.utils.machine import num_cores

REPEATS = 3
THREAD_VARIABLES = (
    "MNIST_PIPELINE_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def measure(bench: Bench) -> Table:
    """A row per method and number of threads."""
    powers = [2**power for power in range(10)]
    numbers = [*(number for number in powers if number < num_cores()), num_cores()]
    walls = {number: _in_fresh_process(bench, number) for number in numbers}
    table = Table("Threads", ("", "threads", "time", "faster than 1 thread by"))
    for name, alone in walls[1].items():
        for number in numbers:
            wall = walls[number][name]
            faster = "" if number == 1 else times(alone / wall)
            table.rows.append((name, str(number), seconds(wall), faster))
    return table


def _in_fresh_process(bench: Bench, number: int) -> Mapping[str, float]:
    """Seconds of each method with a number of threads."""
    # Like the pipeline, let waiting threads sleep soon.
    variables = dict.fromkeys(THREAD_VARIABLES, str(number)) | {"GOMP_SPINCOUNT": "5000"}
    command = run_module("benchmarks.threads", str(number))
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"{number} threads failed:\n{done.stderr.strip()}")
    walls: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    latest = ", ".join(f"{name} {seconds(wall)}" for name, wall in walls.items())
    bench.say(f"  {number} threads: {latest}")
    return walls


def main() -> None:
    """Measure each method in this process, on as many cores as threads."""
    number = int(sys.argv[1])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:number])
    from benchmarks.pca import our_steps
    from benchmarks.timing import timed
    from mnist_pipeline import training
    from mnist_pipeline.datasets import load_digits
    from mnist_pipeline.knn import KNNClassifier
    from mnist_pipeline.networks import CNN

    train = load_digits(DATA, "train")
    test = load_digits(DATA, "test")

    def train_cnn() -> None:
        training.train(training.build(CNN), *train, training.RECIPES["cnn"]["default"])

    def search() -> None:
        KNNClassifier(3).fit(rows(train), train.labels).kneighbors(rows(test))

    methods: dict[str, Callable[[], object]] = {
        "CNN": train_cnn,
        "k-NN, fit and search": search,
        "PCA": lambda: our_steps(rows(train)),
    }
    walls = {}
    for name, method in methods.items():
        method()  # load compiled code
        walls[name] = statistics.median(timed(method)[0] for _ in range(REPEATS))
    print(json.dumps(walls))


if __name__ == "__main__":
    main()
