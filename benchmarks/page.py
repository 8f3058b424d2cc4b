"""The report's answers to all 10,000 test digits in headless Chromium, compared with the answers of
the run that made it; changes of 200 of them that fool the CNN; and 200 drawings of each kind,
compared with `predict`.

A script draws digits, letters, scribbles, pairs of digits and symbols. The page and `predict`
convert and doubt each drawing, and the images of digits and the doubts are compared.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Page
from support import computing
from support.browser import launch_browser

from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.handwriting.pens import VARIANTS, glyph, scribble
from benchmarks.handwriting.symbols import DRAWN, SYMBOLS, symbol
from benchmarks.table import Table
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage.storage import Storage

SEED = 2_026
NUM_DRAWN = 200  # of each kind
NUM_FOOLED, REACH = 200, 64  # test digits, and the largest change of a grey level
KINDS = {
    "digits": "0123456789",
    "letters": "AEFHKMRWXY",
    "scribbles": ["scribble"],
    "pairs of digits": ["10", "23", "47", "58", "69"],
    "hearts, smileys, stars, arrows, letters and scribbles": [*DRAWN, "letter", "scribble"],
    "other symbols": [name for name in SYMBOLS if name not in DRAWN],
}


def measure(bench: Bench) -> list[Table]:
    """A row per model, and a row per kind of drawing."""
    ensure_run(bench)
    return compare(bench, bench.storage)


def compare(bench: Bench, storage: Path) -> list[Table]:
    """The page and the predictions of a storage."""
    header = ("", "same label", "largest difference of a probability")
    table = Table("The answers to the test digits", header)
    doubted = Table(
        f"Drawings in doubt, of {NUM_DRAWN} each", ("", "`predict`", "the page", "both")
    )
    with launch_browser() as browser:
        page = browser.new_page()
        page.goto((storage / "report" / "index.html").as_uri())
        answers = computing.answers(page, bench.test.images)
        fooled = _fooled(page, bench)
        rng = np.random.default_rng(SEED)
        drawn = {
            kind: [
                computing.draw(page, names[i % len(names)], rng, _written) for i in range(NUM_DRAWN)
            ]
            for kind, names in KINDS.items()
        }
    for name in ("softmax", "mlp", "cnn"):
        stored = Storage(str(storage)).read(MODELS[name].predictions_asset)
        probabilities = answers[name]
        num_same = np.sum(probabilities.argmax(axis=1) == stored.labels)
        same = f"{num_same:,} of {len(probabilities):,}"
        difference = np.abs(probabilities - stored.probabilities).max()
        table.rows.append((MODELS[name].title, same, f"{difference:.1g}"))
    table.notes.append(fooled)
    differences = []
    digits = drawn["digits"]
    for digit in digits:
        found = search.read_page(digit.sheet).digits
        if len(found) == 1:
            differences.append(np.abs(digit.image - found[0].image.astype(float)).mean())
    milliseconds = np.median([digit.milliseconds for digit in digits])
    table.notes.append(
        f"`predict` finds {len(differences)} of {len(digits)} drawn digits. The page converts them "
        f"with a mean difference of {np.mean(differences):.2f} grey levels "
        f"({np.max(differences):.2f} for the worst). Conversion, the answers of all models and "
        f"their doubt take {milliseconds:.0f} ms, median."
    )
    recognizer = Storage(str(storage)).read("recognizer")
    for kind, drawings in drawn.items():
        read = recognizer.read_pages([search.read_page(drawing.sheet) for drawing in drawings])
        doubts = [
            (drawing.is_doubtful, any(reading.recognition.is_doubtful for reading in readings))
            for drawing, readings in zip(drawings, read)
        ]
        by_page, by_predict = np.sum(doubts, axis=0)
        by_both = np.sum(np.all(doubts, axis=1))
        doubted.rows.append((kind, *map(str, (by_predict, by_page, by_both))))
    return [table, doubted]


def _fooled(page: Page, bench: Bench) -> str:
    """How often the page makes the CNN read a test digit as each other class."""
    fooled = []
    for image, label in zip(bench.test.images[:NUM_FOOLED], bench.test.labels.tolist()):
        targets = set(range(10)) - {label}
        fooled += [computing.attacked(page, image, target, REACH) is not None for target in targets]
    return (
        f"Of {len(fooled):,} attempts to make the CNN read one of {NUM_FOOLED} test digits as "
        f"another class by changes of up to ±{REACH} grey levels, the page succeeds, with at least "
        f"90% certainty, in {np.mean(fooled):.1%}."
    )


def _written(name: str, rng: np.random.Generator) -> list[np.ndarray]:
    """Strokes of digits, a letter, a symbol or a scribble within the unit square."""
    if name == "scribble":
        return [np.array(stroke) for stroke in scribble(rng)]
    if name in SYMBOLS:
        strokes = [computing.wobbly(stroke, rng) for stroke in symbol(name, rng)]
        points = np.concatenate(strokes)
        return [(stroke - points.min(axis=0)) / np.ptp(points, axis=0) for stroke in strokes]
    if name == "letter":
        name = str(rng.choice(list(KINDS["letters"])))
    if name.isalpha():
        return [computing.wobbly(stroke, rng) for stroke in glyph(VARIANTS[name][0])]
    return computing.written(name, rng)
