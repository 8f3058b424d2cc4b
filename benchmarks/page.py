"""The report's answers to all 10,000 test digits in the browser, their doubt, and the time of an
answer.

The answers of the page are compared with the answers of the run that made it. A script draws 200
digits, and as many letters, scribbles and pairs of digits, in headless Chromium. The page and
`predict` convert and doubt each drawing, and the images and doubts are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from support import computing
from support.browser import launch_browser

from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.table import Table
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.handwriting import pictures
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.storage.storage import Storage

SEED = 2_026
NUM_DRAWN = 200
NUM_SAMPLED = 300  # test digits
LETTERS = "AEFHKMRWXY"
# What a drawing that is not a digit shows, by its number.
OTHERS: dict[str, Callable[[int], str]] = {
    "letters": lambda number: LETTERS[number % len(LETTERS)],
    "scribbles": lambda number: "scribble",
    "pairs of digits": lambda number: f"{7 * number % 100:02}",
}


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
        drawn = [computing.draw(page, str(number % 10), rng) for number in range(NUM_DRAWN)]
        others = {
            name: [computing.draw(page, shown(number), rng) for number in range(NUM_DRAWN // 3)]
            for name, shown in OTHERS.items()
        }
        sample = bench.test.images[robustness.sample(len(bench.test.images), NUM_SAMPLED)]
        judged = computing.judged(page, sample)
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
    recognizer = Storage(str(storage)).read("recognizer")
    doubts = {
        name: _doubts(recognizer, some) for name, some in (("digits", drawn), *others.items())
    }
    doubts["test digits"] = (
        np.array([answer["isDoubtful"] for answer in judged]),
        np.array([answer.is_doubtful for answer in recognizer.recognize(sample)]),
    )
    for name, (by_page, by_predict) in doubts.items():
        table.notes.append(
            f"Of {len(by_page)} {name}, `predict` doubts {by_predict.sum()}, and the page "
            f"{by_page.sum()}, {(by_page & by_predict).sum()} of them alike."
        )
    return table


def _doubts(
    recognizer: Recognizer, drawn: Sequence[computing.Drawn]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the page, and `predict`, doubt drawings."""
    read = recognizer.read_pages([pictures.page(drawing.sheet) for drawing in drawn])
    by_predict = [any(reading.recognition.is_doubtful for reading in found) for found in read]
    return np.array([drawing.is_doubtful for drawing in drawn]), np.array(by_predict)
