"""How many digits are read correctly in pictures of many kinds, how many of them are not marked as
doubtful, and how many digits are confidently wrong: wrong, lost or added, without such a mark. Rows
without a digit count pictures. A picture is correct if nothing in it looks like a digit, and
confidently wrong if an answer is not in doubt. The last columns compare programs on every eighth
picture, by the shares of correct and of confidently wrong digits. tesseract and RapidOCR are sure
of an answer if their own confidence is at least 90%. A picture in which nothing is found counts as
confidently wrong for this project only.
Scripts drew the pictures (`benchmarks/handwriting` in commit eaf4547b), and no method was chosen on
them. The 8×8 digits are scikit-learn's.

    python -m benchmarks --only recognition --pictures DIRECTORY

reads all pictures of a directory with `truth.json`, see `benchmarks.archive`, and prints the table.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from difflib import SequenceMatcher
from functools import partial
from multiprocessing import get_context

import numpy as np
from PIL import Image

from benchmarks import archive, readers
from benchmarks.archive import Box, Example
from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.readers import OURS, Answer, Answers
from benchmarks.table import Table, share
from mnist_pipeline.data.corruptions import CORRUPTIONS, corrupt
from mnist_pipeline.data.datasets import DigitSet

STEP = 8  # the others read every eighth picture of the archive
NUM_EIGHT = 500
CORRUPTED = slice(2_000, 2_050)  # of the test digits
SOURCES = "8×8 digits of scikit-learn", "MNIST test digits with eight corruptions of MNIST-C"


@dataclass(frozen=True)
class Score:
    """Counts of digits, or of pictures without a digit."""

    total: int = 0
    right: int = 0
    sure: int = 0  # right, and not in doubt
    wrong: int = 0  # wrong, lost or added, and not in doubt

    def __add__(self, other: Score) -> Score:
        return Score(*map(sum, zip(astuple(self), astuple(other))))


def measure(bench: Bench) -> Table:
    """A row per kind of picture."""
    ensure_run(bench)
    if bench.pictures is not None:
        return compare(bench, archive.examples(bench.pictures), step=1)
    drawn = (own for own in archive.examples() if own.kind != archive.DRAWINGS)
    table = compare(bench, [*drawn, *_eight_by_eight(), *_corrupted(bench.test)], STEP)
    readers.prepare(bench.storage)
    row = ("MNIST test digits, 28×28", *_cells(_unchanged(bench.test)))
    table.rows.append((*row, *[""] * (len(table.header) - len(row))))
    return table


def compare(bench: Bench, examples: Iterable[Example], step: int) -> Table:
    """Let this project read all pictures, and the others every `step`-th picture of a kind."""
    kinds: dict[str, list[Example]] = {}
    for example in examples:
        kinds.setdefault(example.kind, []).append(example)
    names = readers.installed()
    table = Table(
        "A person's own digits",
        ("pictures", "correct", "surely", "confidently wrong", *names),
        notes=[reason for name, reason in readers.MISSING.items() if name not in names],
    )
    total = Score()
    spawn = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, readers.prepare, (bench.storage,)) as pool:
        for kind, pictures in kinds.items():
            scores = list(pool.map(partial(read_and_score, OURS), pictures, chunksize=8))
            samples = [_sum(scores[::step])]
            for name in names[1:]:
                chosen = pictures[::step]
                samples.append(_sum(pool.map(partial(read_and_score, name), chosen, chunksize=8)))
            own = _sum(scores)
            table.rows.append((kind, *_cells(own), *map(_both, samples)))
            total += own if pictures[0].digits else Score()
            _report(bench, pictures, scores)
            bench.say("  " + " | ".join(table.rows[-1]))
    table.rows.append(("all digits above", *_cells(total), *[""] * len(names)))
    return table


def read_and_score(name: str, example: Example) -> Score:
    """Let a program read a picture, and count."""
    return score(example, readers.READERS[name](example.content), name == OURS)


def score(example: Example, found: Answers, is_empty_wrong: bool) -> Score:
    """Count what was read in a picture.

    `is_empty_wrong` says whether no answer counts as a confidently wrong answer.
    """
    answers, is_warned, sees_digit = found
    if not example.digits:
        is_right = not sees_digit
        return Score(1, is_right, is_right, any(answer.is_sure for answer in answers))
    is_certain = all(answer.is_sure for answer in answers) and not is_warned
    if not answers:
        num_wrong = len(example.digits) if is_certain and is_empty_wrong else 0
        return Score(len(example.digits), wrong=num_wrong)
    right = surely = wrong = 0
    for digits, group in _groups(example, answers):
        read = "".join(answer.digits for answer in group)
        sure = [answer.is_sure for answer in group for _ in answer.digits]
        steps = SequenceMatcher(None, digits, read, autojunk=False).get_opcodes()
        for operation, start, end, read_start, read_end in steps:
            num_sure = sum(sure[read_start:read_end])
            if operation == "equal":
                right += end - start
                surely += num_sure
            else:
                num_lost = max(0, end - start - (read_end - read_start))
                wrong += num_sure + num_lost * (all(sure) if sure else is_certain)
    return Score(len(example.digits), right, surely, wrong)


def _groups(example: Example, answers: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """The digits within each answer, and those that are lost.

    Without known boxes, all answers are compared with all digits.
    """
    if not example.boxes:
        yield example.digits, answers
        return
    digits = [""] * len(answers)
    lost = ""
    for digit, box in zip(example.digits, example.boxes, strict=True):
        owners = [i for i, answer in enumerate(answers) if _holds_middle(answer.box, box)]
        if owners:
            best = max(owners, key=lambda i: _overlap(answers[i].box, box))
            digits[best] += digit
        else:
            lost += digit
    for answer, inside in zip(answers, digits, strict=True):
        yield inside, [answer]
    yield lost, []


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


def _report(bench: Bench, pictures: list[Example], scores: list[Score]) -> None:
    """Print the counts of each condition, and which of its pictures are confidently wrong."""
    for condition in dict.fromkeys(own.condition for own in pictures):
        chosen = [i for i, own in enumerate(pictures) if own.condition == condition]
        wrong = [pictures[i].name for i in chosen if scores[i].wrong]
        cells = ", ".join(map(str, astuple(_sum(scores[i] for i in chosen))))
        bench.say(f"    {condition} ({cells}) {' '.join(wrong)}")


def _sum(scores: Iterable[Score]) -> Score:
    return sum(scores, Score())


def _cells(own: Score) -> tuple[str, ...]:
    """The shares that are right, sure, and confidently wrong."""
    total = max(own.total, 1)
    return share(own.right, total), f"{own.sure / total:.1%}", f"{own.wrong / total:.2%}"


def _both(own: Score) -> str:
    total = max(own.total, 1)
    return f"{own.right / total:.1%}, {own.wrong / total:.1%}"


def _eight_by_eight() -> Iterator[Example]:
    """The last of scikit-learn's 8×8 digits, enlarged on paper; every second one in light ink."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for number, (image, label) in enumerate(zip(images[-NUM_EIGHT:], labels[-NUM_EIGHT:])):
        small = np.pad(np.uint8(15 * image.reshape(8, 8)), 2)
        side = 120 + 20 * (number % 5)
        large = np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))
        yield _example(SOURCES[0], large if number % 2 else 245 - 0.88 * large, label)


def _corrupted(test: DigitSet) -> Iterator[Example]:
    """Test digits, black on white and eight times as large, plain and with each corruption."""
    images, labels = test.images[CORRUPTED], test.labels[CORRUPTED]
    for name in ("plain", *CORRUPTIONS):
        for image, label in zip(images if name == "plain" else corrupt(images, name), labels):
            yield _example(SOURCES[1], np.kron(255 - image, np.ones((8, 8))), label, name)


def _example(kind: str, levels: np.ndarray, label: int, condition: str = "") -> Example:
    file = io.BytesIO()
    Image.fromarray(np.uint8(levels)).save(file, "PNG")
    return Example("", file.getvalue(), str(label), [], kind, condition)


def _unchanged(digits: DigitSet) -> Score:
    """Images of 28×28, which are recognized without a search for digits."""
    answers = readers.recognizer().recognize(digits.images)
    is_right = np.array([own.digit for own in answers]) == digits.labels
    is_sure = ~np.array([own.is_doubtful for own in answers])
    counts = (np.sum(chosen) for chosen in (is_right, is_right & is_sure, ~is_right & is_sure))
    return Score(len(answers), *map(int, counts))
