"""Softmax regression by per-sample SGD: ours against the plain NumPy loop; 5 rounds of 10 epochs (quick: 1 of 4)."""

from __future__ import annotations

import numpy as np

from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_least, at_most, seconds
from benchmarks.timing import take_turns, timed
from mnist_pipeline import softmax

PIPELINE_EPOCHS = 20


def measure(bench: Bench) -> Section:
    section = Section("Softmax regression")
    epochs = bench.pick(10, 4)
    images, labels = bench.train
    warm_up, _ = timed(lambda: softmax.sgd(images[:100], labels[:100], epochs=1))
    bench.say(f"  warm-up: {seconds(warm_up)} (loads the compiled loop, or compiles it)")
    contestants = {
        "ours": lambda: softmax.sgd(images, labels, epochs=epochs),
        "plain loop": lambda: softmax.sgd_reference(images, labels, epochs=epochs),
    }
    rounds = take_turns(contestants, bench.pick(5, 1), bench.say)
    ratio = rounds.ratio("plain loop")
    difference = max(
        float(np.abs(ours - theirs).max())
        for ours, theirs in zip(rounds.results["ours"], rounds.results["plain loop"], strict=True)
    )
    ours, theirs = rounds.median("ours"), rounds.median("plain loop")
    bench.notebook["softmax"] = theirs * PIPELINE_EPOCHS / epochs
    section.rows = [
        Row(
            "SGD vs the plain loop", ratio.median, "× faster", at_least(15), ratio.spread,
            ratio.rounds, seconds(ours), seconds(theirs), f"weights within {difference:.1e}",
        ),
        Row("SGD: largest difference of a weight", difference, "", at_most(1e-9), samples=1),
    ]  # fmt: skip
    section.notes = [f"{epochs} epochs each; warm-up apart from timing: {seconds(warm_up)}"]
    section.details = {"epochs": epochs, "seconds": rounds.seconds, "warm_up": warm_up, "difference": difference}
    return section
