"""The report in headless Chromium: its answers to all 10,000 test digits, compared with the answers
of the run that made it; changes of 200 of them that fool the CNN; and drawings on its sheet,
compared with the answers of `predict`, which reads both digits of a pair.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks import archive
from benchmarks.bench import Bench, BenchmarkError
from benchmarks.commands import ensure_run
from benchmarks.table import Table
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.reading import read_digits
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage.storage import Storage

NUM_FOOLED, REACH = 200, 64  # test digits, and the largest change of a grey level
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ANSWERS = """async ([encoded, size]) => {
  const { models } = await loaded;
  const images = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const found = { softmax: [], mlp: [], cnn: [] };
  for (let at = 0; at < images.length; at += size)
    for (const { name, shares } of answersTo(images.subarray(at, at + size), models).rows)
      found[name]?.push([...shares]);
  return found;
}"""
FOOLED = """([levels, label, reach]) => loaded.then(async ({ models }) =>
  (await attack(models.cnn, levels, label, reach, () => {})) !== null)"""
# Of a drawing: whether the page doubts it, its image, and the milliseconds of all answers.
READ = """async (address) => {
  const { models } = await loaded;
  const drawing = new Image();
  drawing.src = address;
  await drawing.decode();
  const canvas = Object.assign(document.createElement("canvas"),
    { width: drawing.width, height: drawing.height });
  canvas.getContext("2d").drawImage(drawing, 0, 0);
  const start = performance.now();
  const { image, several } = fitWritten(greyOf(canvas), canvas.width);
  const { isDoubtful } = models.judge(image, answersTo(image, models).rows);
  return [several || isDoubtful, [...image], performance.now() - start];
}"""


def measure(bench: Bench) -> list[Table]:
    """A row per model, and a row per kind of drawing."""
    ensure_run(bench)
    with _report(bench) as page:
        answers = _answers(bench, page)
        answers.notes.append(_fooled(bench, page))
        return [answers, _drawings(bench, page)]


@contextmanager
def _report(bench: Bench) -> Iterator[Page]:
    """The report of the run, in a browser."""
    path = next(filter(None, map(which, BROWSERS)), None)
    if path is None:
        raise BenchmarkError("Chromium is missing; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((bench.storage / "report" / "index.html").as_uri())
        yield page
        browser.close()


def _answers(bench: Bench, page: Page) -> Table:
    """The page's answers to the test digits, compared with the stored ones."""
    images = bench.test.images
    encoded = base64.b64encode(images.tobytes()).decode()
    answers: dict[str, Any] = page.evaluate(ANSWERS, [encoded, images[0].size])
    header = ("", "same label", "largest difference of a probability")
    table = Table("The page of the report", header)
    for name, shares in answers.items():
        probabilities = np.array(shares)
        stored = Storage(str(bench.storage)).read(MODELS[name].predictions_asset)
        num_same = np.sum(probabilities.argmax(axis=1) == stored.labels)
        difference = np.abs(probabilities - stored.probabilities).max()
        same = f"{num_same:,} of {len(images):,}"
        table.rows.append((MODELS[name].title, same, f"{difference:.1g}"))
    return table


def _fooled(bench: Bench, page: Page) -> str:
    """How often the page makes the CNN read a test digit as each other class."""
    fooled = []
    for image, label in zip(bench.test.images[:NUM_FOOLED], bench.test.labels.tolist()):
        for target in set(range(10)) - {label}:
            fooled.append(page.evaluate(FOOLED, [image.ravel().tolist(), target, REACH]))
    return (
        f"Of {len(fooled):,} attempts to make the CNN read one of {NUM_FOOLED} test digits as "
        f"another class by changes of up to ±{REACH} grey levels, the page succeeds, with at least "
        f"90% certainty, in {np.mean(fooled):.1%}."
    )


def _drawings(bench: Bench, page: Page) -> Table:
    """How many drawings of each kind are in doubt."""
    recognizer = Storage(str(bench.storage)).read("recognizer")
    doubts: dict[str, list[tuple[bool, bool]]] = {}
    differences = []
    times = []
    for drawing in archive.examples():
        if drawing.kind != archive.DRAWINGS:
            continue
        encoded = base64.b64encode(drawing.content).decode()
        address = f"data:image/webp;base64,{encoded}"
        is_doubtful, image, milliseconds = page.evaluate(READ, address)
        times.append(milliseconds)
        found = search.read_page(drawing.content)
        readings = read_digits(found, recognizer)
        own = any(reading.recognition.is_doubtful for reading in readings)
        doubts.setdefault(drawing.condition, []).append((own, is_doubtful))
        if len(drawing.digits) == len(found.digits) == 1:
            difference = np.ravel(found.digits[0].image) - np.array(image, float)
            differences.append(np.abs(difference).mean())
    header = ("drawings", "number", "in doubt: `predict`", "the page", "both")
    table = Table("Drawings in doubt", header)
    for kind, pairs in doubts.items():
        counts = (*np.sum(pairs, axis=0), np.sum(np.all(pairs, axis=1)))
        table.rows.append((kind, str(len(pairs)), *map(str, counts)))
    table.notes.append(
        f"Of a drawn digit, the images of both differ by {np.mean(differences):.2f} grey levels in "
        f"the mean, and by {np.max(differences):.2f} in the worst case. The page converts and "
        f"reads a drawing in {np.median(times):.0f} ms, median."
    )
    return table
