"""Training and searching with 1, 2, 4, … threads, up to all cores: medians of 3 calls, in fresh
processes.

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

from benchmarks.bench import DATA, ROOT, Bench, BenchmarkError, rows
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
    numbers = sorted(
        {1, *(2**power for power in range(1, 10) if 2**power < num_cores()), num_cores()}
    )
    found = {number: _in_fresh_process(bench, number) for number in numbers}
    table = Table("Threads", ("", "threads", "time", "faster than 1 thread by"))
    for name, alone in found[1].items():
        for number in numbers:
            taken = found[number][name]
            table.rows.append(
                (name, str(number), seconds(taken), "" if number == 1 else times(alone / taken))
            )
    return table


def _in_fresh_process(bench: Bench, number: int) -> Mapping[str, float]:
    """Seconds of each method with so many threads."""
    # The pipeline also makes waiting threads sleep soon.
    environment = {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(number)),
        "GOMP_SPINCOUNT": "5000",
    }
    command = [sys.executable, "-m", "benchmarks.threads", str(number)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkError(f"{number} threads failed:\n{done.stderr.strip()}")
    taken: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    bench.say(
        f"  {number} threads: "
        + ", ".join(f"{name} {seconds(value)}" for name, value in taken.items())
    )
    return taken


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

    train, test = load_digits(DATA, "train"), load_digits(DATA, "test")
    methods: dict[str, Callable[[], object]] = {
        "CNN": lambda: training.train(
            training.build(CNN), *train, training.RECIPES["cnn"]["default"]
        ),
        "k-NN, fit and search": lambda: (
            KNNClassifier(3).fit(rows(train), train.labels).kneighbors(rows(test))
        ),
        "PCA": lambda: our_steps(rows(train)),
    }
    taken = {}
    for name, method in methods.items():
        method()  # load compiled code
        taken[name] = statistics.median(timed(method)[0] for _ in range(REPEATS))
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
