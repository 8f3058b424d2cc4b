"""A person's own digits: how often they are answered rightly, over pictures drawn by script; it takes 11 minutes.

The digits, letters and scribbles are those of the tests, with another seed; 500 digits of each kind (quick: 100).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks import foreign
from benchmarks.bench import ROOT, Bench
from benchmarks.pipeline import fill
from benchmarks.table import Row, Section, at_least, interval
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.runtime.storage import storage

sys.path.append(str(ROOT / "tests"))
from support import reading

from generators import handwriting, nondigits

SEED = 2_026
LEAST = {"single": 97, "pasted": 97, "line": 95, "page": 95}


def measure(bench: Bench) -> Section:
    fill(bench)
    recognizer: Recognizer = storage.Storage(str(bench.storage)).read("recognizer")
    section = Section("A person's own digits")
    section.rows = [
        *foreign.rows(bench),
        *_reading_rows(bench, recognizer),
        _flagging_row(bench, recognizer),
    ]
    return section


def _reading_rows(bench: Bench, recognizer: Recognizer) -> Iterator[Row]:
    """Digits found and read right, by kind of picture."""
    pasted = bench.pick(500, 100)
    examples = handwriting.evaluation_set(pasted // 10, SEED, (bench.test.images[:pasted], bench.test.labels[:pasted]))
    for kind, score in reading.scores(recognizer, examples).items():
        yield Row(
            f"digits read right: {kind}", 100 * score.accuracy, "%", at_least(LEAST[kind]),
            interval(score.right, score.digits), score.digits,
            agreement=f"boxes in order in {score.in_order} of {score.pictures}, flagged {score.flagged}",
        )  # fmt: skip


def _flagging_row(bench: Bench, recognizer: Recognizer) -> Row:
    """Share of pictures without a digit that are flagged; letters and digits are in `foreign`."""
    pictures = [picture for _, picture in nondigits.nondigit_pictures(bench.pick(50, 10), SEED)]
    flagged = sum(reading.holds_no_digit(recognizer, picture) for picture in pictures)
    return Row(
        "pictures that hold no digit, flagged", 100 * flagged / len(pictures), "%", at_least(95),
        interval(flagged, len(pictures)), len(pictures),
    )  # fmt: skip
