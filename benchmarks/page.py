"""The report computes in the browser: its answers to all 10,000 test digits, and the time of an
answer to a stroke.

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
    table = Table(
        "The models in the page of the report",
        ("", "same label", "largest difference of a probability"),
    )
    with launch_browser() as browser:
        page = browser.new_page()
        page.goto((storage / "report" / "index.html").as_uri())
        answers = computing.answers(page, bench.test.images)
        rng = np.random.default_rng(SEED)
        drawn = [computing.draw(page, number % 10, rng) for number in range(NUM_DRAWN)]
    for name in ("softmax", "mlp", "cnn"):
        stored, found = Storage(str(storage)).read(MODELS[name].predictions_asset), answers[name]
        same = f"{np.sum(found.argmax(axis=1) == stored.labels):,} of {len(found):,}"
        table.rows.append(
            (MODELS[name].title, same, f"{np.abs(found - stored.probabilities).max():.1g}")
        )
    differences = [
        np.abs(digit.image - digits[0].image.astype(float)).mean()
        for digit in drawn
        if len(digits := pictures.page(digit.sheet).digits) == 1
    ]
    milliseconds = np.median([digit.milliseconds for digit in drawn])
    table.notes.append(
        f"{len(differences)} of {len(drawn)} drawn digits were found by `predict`. The page "
        "converts them with a mean "
        f"difference of {np.mean(differences):.2f} grey levels ({np.max(differences):.2f} for the "
        "worst). Conversion "
        f"and the answers of all models take {milliseconds:.0f} ms, median."
    )
    return table
