"""Softmax regression by per-sample SGD, 5 epochs: 3 rounds against the plain loop.

scikit-learn's LogisticRegression minimizes the same loss in another way, with a penalty and its
default settings. It is fitted once.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.bench import Bench, rows
from benchmarks.table import Table, mean_with_range, seconds, times, with_range
from benchmarks.timing import take_turns, timed
from mnist_pipeline.methods.softmax import method as softmax

OURS = "this project"
LOOP = "plain NumPy loop"
NUM_SEEDS = 5


def measure(bench: Bench) -> Table:
    """Compare the time, the weights and the test accuracy."""
    epochs = 5
    train = bench.train
    softmax.sgd(train.images[:100], train.labels[:100], epochs=1)  # load the compiled loop
    contestants = {
        OURS: partial(softmax.sgd, *bench.train, epochs=epochs),
        LOOP: partial(softmax.sgd_reference, *bench.train, epochs=epochs),
    }
    rounds = take_turns(contestants, 3, bench.say)
    weights = zip(rounds.results[OURS], rounds.results[LOOP], strict=True)
    difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in weights)
    header = ("", "time", "this project is faster by", "test accuracy")
    table = Table("Softmax regression", header)
    for name in contestants:
        faster = "" if name == OURS else with_range(rounds.ratios(name, OURS), times)
        probabilities = softmax.predict_probabilities(*rounds.results[name], bench.test.images)
        accuracy = f"{np.mean(probabilities.argmax(axis=1) == bench.test.labels):.2%}"
        table.rows.append((name, seconds(rounds.median(name)), faster, accuracy))
    table.rows += [_seeds_row(bench), _sklearn_row(bench)]
    table.notes.append(f"The weights of the two loops differ by at most {difference:.1e}.")
    return table


def _seeds_row(bench: Bench) -> tuple[str, str, str, str]:
    """The accuracy with the 20 epochs of the pipeline, over seeds."""
    accuracies = []
    for seed in range(NUM_SEEDS):
        parameters = softmax.sgd(*bench.train, seed=seed)
        probabilities = softmax.predict_probabilities(*parameters, bench.test.images)
        accuracies.append(float(np.mean(probabilities.argmax(axis=1) == bench.test.labels)))
    title = f"this project, 20 epochs as in the pipeline, {NUM_SEEDS} seeds"
    return title, "", "", mean_with_range(accuracies)


def _sklearn_row(bench: Bench) -> tuple[str, str, str, str]:
    from sklearn.linear_model import LogisticRegression

    train, test = (rows(digits).astype(np.float32) / 255 for digits in (bench.train, bench.test))
    elapsed, model = timed(lambda: LogisticRegression(max_iter=100).fit(train, bench.train.labels))
    bench.say(f"  LogisticRegression {seconds(elapsed)}")
    accuracy = float(np.mean(model.predict(test) == bench.test.labels))
    return "scikit-learn LogisticRegression", seconds(elapsed), "", f"{accuracy:.2%}"
