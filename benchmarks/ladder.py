"""The CNN's accuracy by training time, 5 seeds per rung: 99.2% in 2 s, 99.4% in 4 s, 99.55% in 20 s, 99.65% in 90 s.

The network is the notebook's, trained on all 60,000 images. The recipes were chosen on 10,000 of them that were held
out; the accuracy here is that of the whole test set, which had no part in the choice. The goals are for a machine on
which a run of "fast" takes 1.7 s. It takes ten minutes there. Quick: 1 seed, without the last rung.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bench import Bench
from benchmarks.table import Row, Section, at_most, seconds
from benchmarks.training import Runs
from mnist_pipeline import training

REFERENCE = 1.7  # seconds of a run of "fast" on the machine of the goals


@dataclass(frozen=True)
class Rung:
    """A recipe with a number of passes, and its goals: seconds, and a mean accuracy in percent."""

    recipe: str
    passes: int
    seconds: float
    accuracy: float


RUNGS = (
    Rung("fast", 1, 2, 99.2),
    Rung("longer", 2, 4, 99.4),
    Rung("thorough", 10, 20, 99.55),
    Rung("thorough", 20, 90, 99.65),
)


def measure(bench: Bench) -> Section:
    section = Section("Accuracy by training time")
    fast = np.nan  # seconds of the first rung, which is a run of "fast"
    Runs(bench, "cnn", training.RECIPES["cnn"]["fast"]).train()  # loads the compiled code
    for rung in RUNGS[: bench.pick(len(RUNGS), -1)]:
        runs = Runs(bench, "cnn", replace(training.RECIPES["cnn"][rung.recipe], epochs=rung.passes))
        runs.until(bench.pick(5, 1))
        median = float(np.median(runs.seconds))
        fast = median if rung is RUNGS[0] else fast
        title = f"CNN “{rung.recipe}”, {rung.passes} pass{'es' if rung.passes > 1 else ''}"
        section.rows += [
            runs.row(f"{title}: mean test accuracy", rung.accuracy),
            Row(
                f"{title}: training", median, " s", at_most(rung.seconds), (min(runs.seconds), max(runs.seconds)),
                len(runs.seconds), agreement=f"{median / fast:.3g} times as long as “fast”: "
                f"{seconds(median / fast * REFERENCE)} where that takes {REFERENCE} s",
            ),
        ]  # fmt: skip
        section.details[title] = {"seconds": runs.seconds, "accuracies": runs.accuracies}
    return section
