"""A person's own digits: how many are read correctly, in pictures that scripts draw.

This takes about ten minutes on two cores, with the recognizer of one run. There are 500 digits of
each kind in scripted handwriting, 300 in each kind of form, 200 in each handwriting font that is
installed, and at least 100 in each scene and each kind of strange picture. Digits in fonts, a
quarter of the single ones, and the 8×8 digits are measured again in light ink on dark paper, on
ruled paper with shadows, and in dark mode. Test digits 2,000 to 2,199 have eight corruptions of
MNIST-C. Letters and pictures without a digit should be marked as doubtful.

An answer is certain if it is without any of the doubts in `Recognition.headline`. Marked digits are
counted among correctly read digits only. Wrong without doubt are: a digit whose answer is wrong and
certain; a digit that was lost, if all answers for the picture are certain; and a certain answer
where there is no digit. If `Page.warnings` is not empty, all digits of the picture are in doubt.

    python -m benchmarks.recognition [WORD …] [--seed N] [--storage DIRECTORY] [--failed DIRECTORY]

prints the kinds whose name contains one of the words. With seeds from 10,000 on, it draws other
fonts and digits; methods are chosen with these.
"""

from __future__ import annotations

import argparse
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cache, partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks import nondigits
from benchmarks.bench import DATA, Bench
from benchmarks.commands import ensure_run
from benchmarks.handwriting import Box, Example, Picture, fonts, pens, scenes, strange
from benchmarks.table import Table, share
from mnist_pipeline import read
from mnist_pipeline.data.corruptions import CORRUPTIONS
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.handwriting.doubt import Reading, headline
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.finder.search import Page
from mnist_pipeline.handwriting.recognizer import Recognizer

SEED = 2_026
BLOCK_PICTURES, BLOCK_PIXELS = 64, 4_000_000  # that are read at a time
PENS = {
    "single": "single digits, pens of many kinds",
    "line": "digits in lines",
    "page": "digits in pages of lines",
    "pasted": "MNIST test digits pasted onto photographed paper",
}
FORMS = {
    "row": "printed forms: a row of boxes",
    "grid": "printed forms: a grid",
    "box": "printed forms: single boxes",
}
SCENES = "Scenes"
STRANGE = "Strange pictures"
OWN = "A person's own digits"
CORRUPTED = "MNIST test digits as pictures, plain and with eight corruptions of MNIST-C"
UNCHANGED = "MNIST test digits, 28×28"
HEADER = (
    "pictures",
    "read correctly",
    "correctly and surely",
    "marked: does not look like a digit",
    "wrong without doubt",
    "pictures with unread ink",
)
Examples = Callable[[], Iterable[Example]]
Pictures = Callable[[], Iterable[Picture]]


@dataclass
class Score:
    """Counts over pictures of one kind."""

    pictures: int = 0
    digits: int = 0
    right: int = 0  # digits that are read correctly
    sure: int = 0  # digits that are read correctly, without doubt
    flagged: int = 0  # digits that are read correctly and do not look like one
    wrong: int = 0  # digits that are read incorrectly or lost, without any doubt
    extra: int = 0  # answers without doubt at places without a digit
    nothing: int = 0  # digits in pictures of which the answer is that there are none
    unread: int = 0  # pictures with a warning

    @property
    def silent(self) -> int:
        """All faults without doubt."""
        return self.wrong + self.extra + self.nothing

    def add(self, other: Score) -> None:
        """Add the counts of other pictures."""
        for field in fields(self):
            count = getattr(self, field.name) + getattr(other, field.name)
            setattr(self, field.name, count)

    def row(self) -> tuple[str, ...]:
        """The cells of a table."""
        silent = [str(self.silent)]
        silent += [f"{self.extra} too many"] if self.extra else []
        silent += [f"{self.nothing} in pictures with no digit found"] if self.nothing else []
        return (
            share(self.right, self.digits),
            share(self.sure, self.digits),
            share(self.flagged, max(self.right, 1)),
            ", ".join(silent),
            share(self.unread, self.pictures),
        )


def measure(bench: Bench) -> list[Table]:
    """A row per kind of picture."""
    ensure_run(bench)
    return tables(bench, bench.storage, SEED)


def tables(
    bench: Bench,
    storage: Path,
    seed: int,
    words: Sequence[str] = (),
    failed: Path | None = None,
) -> list[Table]:
    """The tables with the kinds whose name contains one of the words, or all kinds."""
    is_wanted = re.compile("|".join(map(re.escape, words)), re.IGNORECASE).search
    scores: dict[str, dict[str, Score]] = {}
    others = Table("Pictures without a digit", ("pictures", "no digit", "a digit without doubt"))
    pool = ProcessPoolExecutor(
        os.cpu_count(), get_context("spawn"), _load_recognizer, (storage, failed)
    )
    with pool:
        for title, kinds in _kinds(bench.test, seed).items():
            function = _score_unchanged if title == UNCHANGED else _read_and_score
            for kind in filter(is_wanted, kinds):
                score = _sum(_in_parallel(pool, function, kind, kinds[kind]()))
                scores.setdefault(title, {})[kind] = score
                bench.say(f"  {kind}: {' | '.join(score.row())}")
        other_pictures = _other_pictures(seed)
        for kind in filter(is_wanted, other_pictures):
            examples = (Example(kind, (), (), picture) for picture in other_pictures[kind]())
            answers = list(chain(*_in_parallel(pool, _answers, kind, examples)))
            cells = [share(sum(column), len(answers)) for column in zip(*answers, strict=True)]
            others.rows.append((kind, *cells))
            bench.say(f"  {kind}: {' | '.join(cells)}")
    num_fonts = len(fonts.installed(seed >= scenes.DEVELOPMENT))
    others.notes.append(f"{num_fonts} handwriting fonts were installed.")
    rows = {title: [(kind, *own.row()) for kind, own in of.items()] for title, of in scores.items()}
    measured = [Table(title, HEADER, own) for title, own in rows.items()]
    silent = Table("Wrong without doubt", ("pictures", "digits"), _silent_rows(scores))
    for row in silent.rows:
        bench.say(f"  wrong without doubt, {': '.join(row)}")
    return [*measured, silent, others]


def _silent_rows(scores: dict[str, dict[str, Score]]) -> list[tuple[str, str]]:
    """Faults without doubt of each table and of all tables but the unchanged images."""
    totals = {title: _sum(own.values()) for title, own in scores.items() if title != UNCHANGED}
    totals["all of these"] = _sum(totals.values())
    rows = [(title, own.silent, own.digits) for title, own in totals.items()]
    own = _sum(totals[title] for title in (OWN, CORRUPTED) if title in totals)
    rows.append(
        ("without scenes, and without digits too many or no digit found", own.wrong, own.digits)
    )
    return [(title, share(silent, digits)) for title, silent, digits in rows if digits]


def _sum(scores: Iterable[Score]) -> Score:
    total = Score()
    for score in scores:
        total.add(score)
    return total


def _kinds(test: DigitSet, seed: int) -> dict[str, dict[str, Examples]]:
    """The titles of tables, and functions that draw pictures whose digits are known."""
    development = seed >= scenes.DEVELOPMENT
    images, labels = test
    offset = 3_000 if development else 0
    kinds: dict[str, Examples] = {}
    for kind, title in PENS.items():
        kinds[title] = partial(_with_pens, kind, seed, offset)
    for kind, title in FORMS.items():
        kinds[title] = partial(_forms, kind, seed)
    files = fonts.installed(development)
    plain: dict[str, Examples] = {}
    if files:
        plain["single digits in handwriting fonts"] = partial(fonts.single_digits, 20, seed, files)
        plain["lines of six digits in handwriting fonts"] = partial(fonts.lines, 200, seed, files)
        kinds["digits on paper in a dark picture"] = partial(
            fonts.pages_on_a_table, 50, seed, files
        )
    plain["8×8 digits of scikit-learn, enlarged"] = partial(_eight_by_eight, development)
    for kind, draw in plain.items():
        dark = partial(_every, 4 if kind.startswith("single") else 1, draw)
        light = partial(_altered, fonts.in_light_ink, dark)
        kinds[kind] = draw
        kinds[f"{kind}, light ink"] = light
        kinds[f"{kind}, ruled"] = partial(_altered, fonts.on_ruled_paper, dark, seed)
        kinds[f"{kind}, light ink, ruled"] = partial(_altered, fonts.on_ruled_paper, light, seed)
        kinds[f"{kind}, dark mode"] = partial(_altered, fonts.in_dark_mode, dark, seed)
    zeros = images[offset:][labels[offset:] == 0][:200]
    round_digits: dict[str, Examples] = {
        "thick zeros, pens up to a quarter of the height": partial(fonts.thick_zeros, zeros, seed),
        "8×8 zeros": partial(_eight_by_eight, development, 0),
    }
    for kind, draw in round_digits.items():
        kinds[kind] = draw
        kinds[f"{kind}, light ink"] = partial(_altered, fonts.in_light_ink, draw)
    own = slice(offset + 2_000, offset + 2_200)
    written = DigitSet(images[offset:][:3_000], labels[offset:][:3_000])
    return {
        OWN: kinds,
        CORRUPTED: {
            f"MNIST-C: {name.replace('_', ' ')}": partial(
                fonts.corrupted, images[own], labels[own], name
            )
            for name in ("plain", *CORRUPTIONS)
        },
        SCENES: {kind: partial(scenes.scene, kind, seed) for kind in scenes.kinds(seed)},
        STRANGE: {
            kind: partial(strange.examples, kind, seed, written) for kind in strange.WITH_DIGITS
        },
        UNCHANGED: {UNCHANGED: partial(_unchanged, test)},
    }


def _with_pens(kind: str, seed: int, offset: int) -> Iterator[Example]:
    """Scripted handwriting of one kind; `offset` is the first test digit that is pasted."""
    return (example for example in _evaluation_set(seed, offset) if example.kind == kind)


@cache
def _evaluation_set(seed: int, offset: int) -> list[Example]:
    pasted = (part[offset : offset + 500] for part in load_digits(DATA, "test"))
    return list(pens.evaluation_set(50, seed, tuple(pasted)))


def _eight_by_eight(development: bool, digit: int | None = None) -> Iterator[Example]:
    """A thousand digits of all kinds, or all of one kind."""
    examples = fonts.eight_by_eight(development)
    if digit is None:
        return islice(examples, 1_000)
    return (example for example in examples if example.digits == (digit,))


def _every(step: int, draw: Examples) -> Iterator[Example]:
    return islice(draw(), 0, None, step)


def _altered(
    alter: Callable[..., Iterator[Example]], draw: Examples, *arguments: int
) -> Iterator[Example]:
    return alter(draw(), *arguments)


def _unchanged(test: DigitSet) -> Iterator[Example]:
    """Test digits as they are."""
    for image, label in zip(*test, strict=True):
        yield Example(UNCHANGED, (int(label),), ((0, 0, *image.shape),), image)


def _forms(kind: str, seed: int) -> Iterator[Example]:
    """Forms with 300 digits."""
    rng = np.random.default_rng((seed, *kind.encode()))
    num_digits = 0
    while num_digits < 300:
        form = pens.form_picture(kind, rng)
        num_digits += len(form.digits)
        yield form


def _other_pictures(seed: int) -> dict[str, Pictures]:
    """Functions that draw pictures without a digit."""
    return {
        **{f"letter {letter}": partial(_letters, letter, seed) for letter in pens.LETTERS},
        f"letters {' '.join(pens.DISTINCT)}": partial(_letters, pens.DISTINCT, seed),
        "noise, textures, scribbles, objects, blank paper": partial(_no_letters, seed),
        **{kind: partial(strange.pictures, kind, seed) for kind in strange.WITHOUT_DIGITS},
    }


def _letters(letters: str, seed: int) -> Iterator[Picture]:
    for letter in letters:
        rng = np.random.default_rng((seed, ord(letter)))
        for _ in range(50):
            yield pens.glyph_picture(letter, rng)


def _no_letters(seed: int) -> Iterator[Picture]:
    return (picture for _, picture in nondigits.nondigit_pictures(50, seed))


def _in_parallel(
    pool: ProcessPoolExecutor,
    function: Callable[[str, list[Example]], Any],
    kind: str,
    examples: Iterable[Example],
) -> Iterator[Any]:
    """Apply a function to blocks of pictures in other processes; few blocks wait in memory."""
    waiting: deque[Future[Any]] = deque()
    block: list[Example] = []
    for example in examples:
        block.append(example)
        num_pixels = sum(own.picture.size for own in block)
        if len(block) == BLOCK_PICTURES or num_pixels > BLOCK_PIXELS:
            waiting.append(pool.submit(function, kind, block))
            block = []
        if len(waiting) > 4:
            yield waiting.popleft().result()
    if block:
        waiting.append(pool.submit(function, kind, block))
    for future in waiting:
        yield future.result()


RECOGNIZER: Recognizer
FAILED: Path | None = None


def _load_recognizer(storage: Path, failed: Path | None) -> None:
    """Prepare a process, which uses one thread."""
    global RECOGNIZER, FAILED
    os.environ["MNIST_PIPELINE_STORAGE"] = str(storage)
    threadpool_limits(1)
    RECOGNIZER = read("recognizer")
    FAILED = failed


def _read_and_score(kind: str, examples: list[Example]) -> Score:
    """Read pictures, and count."""
    total = Score()
    for example, (page, readings) in zip(examples, _read(examples), strict=True):
        counts = score(example, page, readings)
        total.add(counts)
        if FAILED and (counts.silent or counts.sure < counts.digits or counts.unread):
            _save(FAILED, kind, example, _headline(page, readings), counts)
    return total


def _score_unchanged(kind: str, examples: list[Example]) -> Score:
    """Recognize images of 28×28 without a search for digits."""
    images = np.array([example.picture for example in examples])
    boxes = [example.boxes[0] for example in examples]
    answers = RECOGNIZER.recognize(images)
    return _sum(
        score(example, Page(image), [Reading(box, image, answer)])
        for example, image, box, answer in zip(examples, images, boxes, answers, strict=True)
    )


def score(example: Example, page: Page, readings: list[Reading]) -> Score:
    """Count what was read in a picture."""
    counts = Score(1, len(example.digits), unread=int(len(page.warnings) > 0))
    is_certain = not page.warnings and not any(own.recognition.is_doubtful for own in readings)
    claimed = set()
    for digit, box in zip(example.digits, example.boxes, strict=True):
        places = [place for place, own in enumerate(readings) if _holds_middle(own.box, box)]
        if not places:
            counts.wrong += is_certain and len(readings) > 0
            continue
        best = max(places, key=lambda place: _overlap(readings[place].box, box))
        answer = readings[best].recognition
        is_right = answer.digit == digit
        counts.right += is_right
        counts.sure += is_right and not answer.is_doubtful
        counts.flagged += is_right and not answer.looks_like_digit
        counts.wrong += not (is_right or answer.is_doubtful or page.warnings)
        claimed.add(best)
    counts.extra = sum(
        not (place in claimed or reading.recognition.is_doubtful or page.warnings)
        for place, reading in enumerate(readings)
    )
    if not readings and not page.warnings:
        counts.nothing = len(example.digits)
    return counts


def _headline(page: Page, readings: list[Reading]) -> str:
    return headline(readings, RECOGNIZER.known, page.warnings)


def _holds_middle(own: Box, box: Box) -> bool:
    left, top, own_width, own_height = own
    x, y, width, height = box
    return left <= x + width / 2 <= left + own_width and top <= y + height / 2 <= top + own_height


def _overlap(first: Box, second: Box) -> float:
    """The common area, as a share of the area of both."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    common = max(0, width) * max(0, height)
    return common / max(1, first[2] * first[3] + second[2] * second[3] - common)


def _save(directory: Path, kind: str, example: Example, headline: str, counts: Score) -> None:
    """Write a picture with the fault, its digits and the answer in its name."""
    fault = "silent" if counts.silent else "doubted" if counts.right < counts.digits else "unsure"
    if counts.unread:
        fault += "_unread"
    digits = "".join(map(str, example.digits))
    name = re.sub(r"[^\w.,×°-]+", "_", f"{kind} {fault} {digits} as {headline}")[:160]
    directory.mkdir(parents=True, exist_ok=True)
    number = sum(1 for _ in directory.iterdir())
    Image.fromarray(example.picture).save(directory / f"{name}_{os.getpid()}_{number}.png")


def _answers(kind: str, examples: list[Example]) -> list[tuple[bool, bool]]:
    """Whether nothing in a picture looks like a digit, and whether anything does without doubt."""
    return [
        (
            not any(reading.recognition.looks_like_digit for reading in readings),
            any(not (reading.recognition.is_doubtful or page.warnings) for reading in readings),
        )
        for page, readings in _read(examples)
    ]


def _read(examples: list[Example]) -> list[tuple[Page, list[Reading]]]:
    pages = [_page(example.picture) for example in examples]
    return list(zip(pages, RECOGNIZER.read_pages(pages), strict=True))


def _page(picture: Picture) -> Page:
    if picture.ndim == 2:
        return search.page_of(picture)
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return search.read_page(content.getvalue())


def main() -> None:
    """Print the rows of the tables, or a part of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recognition", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="part of the names of kinds")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--storage", type=Path, default=Path("storage"))
    parser.add_argument("--failed", type=Path, help="a directory for pictures that are not read")
    arguments = parser.parse_args()
    storage = arguments.storage.resolve()
    tables(Bench.load(), storage, arguments.seed, arguments.words, arguments.failed)


if __name__ == "__main__":
    main()
