"""The report's answers to all 10,000 test digits in the browser, and the time of an answer.

The answers of the page are compared with the answers of the run that made it. A script draws 200
digits in headless Chromium. The page and `predict` convert each drawing, and the two images are
compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from support import computing
from support.browser import launch_browser

from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.table import Table
from mnist_pipeline.handwriting import pictures
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.storage.storage import Storage

SEED = 2_026
NUM_DRAWN = 200


def measure(bench: Bench) -> Table:
    """A row per model."""
    ensure_run(bench)
    return compare(bench, bench.storage)


def compare(bench: Bench, storage: Path) -> Table:
    """The page and the predictions of a storage."""
    header = ("", "same label", "largest difference of a probability")
    table = Table("The models in the page of the report", header)
    with launch_browser() as browser:
        page = browser.new_page()
        page.goto((storage / "report" / "index.html").as_uri())
        answers = computing.answers(page, bench.test.images)
        rng = np.random.default_rng(SEED)
        drawn = [computing.draw(page, number % 10, rng) for number in range(NUM_DRAWN)]
    for name in ("softmax", "mlp", "cnn"):
        stored = Storage(str(storage)).read(MODELS[name].predictions_asset)
        probabilities = answers[name]
        num_same = np.sum(probabilities.argmax(axis=1) == stored.labels)
        same = f"{num_same:,} of {len(probabilities):,}"
        difference = np.abs(probabilities - stored.probabilities).max()
        table.rows.append((MODELS[name].title, same, f"{difference:.1g}"))
    differences = []
    for digit in drawn:
        digits = pictures.page(digit.sheet).digits
        if len(digits) == 1:
            differences.append(np.abs(digit.image - digits[0].image.astype(float)).mean())
    milliseconds = np.median([digit.milliseconds for digit in drawn])
    table.notes.append(
        f"`predict` finds {len(differences)} of {len(drawn)} drawn digits. The page converts them "
        f"with a mean difference of {np.mean(differences):.2f} grey levels "
        f"({np.max(differences):.2f} for the worst). Conversion and the answers of all models take "
        f"{milliseconds:.0f} ms, median."
    )
    return table
