"""A person's own digits: how often they are answered rightly, over pictures drawn by script; it takes 11 minutes.

The digits, letters and scribbles are those of the tests, with another seed; 500 digits of each kind (quick: 100).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from benchmarks import foreign
from benchmarks.bench import ROOT, Bench
from benchmarks.pipeline import fill
from benchmarks.table import Row, Section, at_least, at_most, interval
from mnist_pipeline.recognition.page import ImageError
from mnist_pipeline.recognition.reading import MEMORY, read
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.runtime.storage import storage

sys.path.append(str(ROOT / "tests"))
from support import drawing, reading

from generators import handwriting, nondigits
from generators.picture_bombs import picture_bombs

SEED = 2_026
NUM_ATTACKERS = 4
MAX_POSTED = 700_000  # bytes of a picture that fits into a request of the drawing page
LEAST = {"single": 97, "pasted": 97, "line": 95, "page": 95}


def measure(bench: Bench) -> Section:
    fill(bench)
    recognizer: Recognizer = storage.Storage(str(bench.storage)).read("recognizer")
    section = Section("A person's own digits")
    section.rows = [
        *foreign.rows(bench),
        *_reading_rows(bench, recognizer),
        _flagging_row(bench, recognizer),
        *_bomb_rows(bench),
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


def _bomb_rows(bench: Bench) -> Iterator[Row]:
    """How long pictures that claim much more than their size take, and how long they keep others waiting."""
    drawn = drawing.picture(("2", drawing.MIDDLE))
    read(drawn)  # a worker is ready
    bombs, walls, num_refused = [make() for _, make in picture_bombs()], [], 0
    for bomb in bombs:
        start = time.perf_counter()
        try:
            read(bomb)
        except ImageError:
            num_refused += 1
        walls.append(time.perf_counter() - start)
    yield Row(
        "picture bombs, the slowest", max(walls), " s", at_most(5), (min(walls), max(walls)), len(walls),
        agreement=f"{num_refused} refused, {len(walls) - num_refused} read, within {MEMORY >> 30} GB of address space",
    )  # fmt: skip
    os.environ["MNIST_PIPELINE_STORAGE"] = str(bench.storage)
    with drawing.serving() as client, ThreadPoolExecutor(NUM_ATTACKERS) as attackers:
        client.digits(drawn)
        posted = [attackers.submit(client.read, drawing.uri(bomb)) for bomb in bombs if len(bomb) < MAX_POSTED]
        waits = []
        while not all(each.done() for each in posted):
            start = time.perf_counter()
            client.digits(drawn)
            waits.append(time.perf_counter() - start)
    yield Row(
        f"a drawn digit, while {NUM_ATTACKERS} clients send {len(posted)} bombs", max(waits), " s", at_most(1),
        (min(waits), max(waits)), len(waits),
    )  # fmt: skip
