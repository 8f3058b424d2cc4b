"""A person's own digits: how many are read correctly, in pictures that scripts draw.

This takes about a quarter of an hour, with the recognizer of one run. There are 500 digits of each
kind in scripted handwriting, 300 in each kind of form, and 200 in each handwriting font that is
installed. Digits in fonts, a quarter of the single ones, and the 8×8 digits are measured again in
light ink on dark paper, on ruled paper with shadows, and in dark mode. Test digits 2,000 to 2,199
are corrupted as in MNIST-C. Other fonts, digits and seeds were used to choose methods. Letters and
pictures without a digit should be marked as doubtful. The marks of digits are counted among
correctly read digits only. A digit is wrong without doubt if another answer, or none, is given for
it without any of the doubts in `Recognition.headline`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks import nondigits
from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.handwriting import Example, Picture, fonts, pens
from benchmarks.table import Table, share
from mnist_pipeline import read
from mnist_pipeline.handwriting.pictures import Page, find_digits
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer
from mnist_pipeline.utils.blocks import slices

SEED = 2_026
BLOCK = 500  # images that are recognized at a time
KINDS = {
    "single": "single digits, pens of many kinds",
    "line": "digits in lines",
    "page": "digits in pages of lines",
    "pasted": "MNIST test digits pasted onto photographed paper",
}


@dataclass
class Score:
    """Counts over pictures of one kind."""

    digits: int = 0
    right: int = 0  # digits that are read correctly
    flagged: int = 0  # digits that are read correctly and do not look like one
    silent: int = 0  # digits that are read incorrectly or lost, without any doubt


def measure(bench: Bench) -> Table:
    """A row per kind of picture."""
    ensure_run(bench)
    os.environ["MNIST_PIPELINE_STORAGE"] = str(bench.storage)
    recognizer = read("recognizer")
    header = (
        "pictures",
        "read correctly",
        "marked: does not look like a digit",
        "wrong without doubt",
    )
    table = Table("A person's own digits", header)
    num_digits = num_silent = 0
    for kind, examples in _examples(bench).items():
        for score in _scores(recognizer, examples).values():
            right = share(score.right, score.digits)
            marked = share(score.flagged, max(score.right, 1))
            table.rows.append((kind, right, marked, str(score.silent)))
            bench.say(f"  {kind}: {right}, {score.silent} wrong without doubt")
            num_digits += score.digits
            num_silent += score.silent
    table.rows.append(("all of these", "", "", share(num_silent, num_digits)))
    for kind, pictures in _other_pictures(bench).items():
        flagged = sum(_holds_no_digit(recognizer, picture) for picture in pictures)
        table.rows.append((kind, "", share(flagged, len(pictures)), ""))
        bench.say(f"  {kind}: {table.rows[-1][2]}")
    table.rows.append(("MNIST test digits", *_test_digits(bench, recognizer), ""))
    table.notes.append(f"{len(fonts.installed())} handwriting fonts were installed.")
    return table


def _examples(bench: Bench) -> dict[str, list[Example]]:
    """Pictures whose digits are known."""
    images, labels = bench.test
    examples: dict[str, list[Example]] = {title: [] for title in KINDS.values()}
    for example in pens.evaluation_set(50, SEED, (images[:500], labels[:500])):
        examples[KINDS[example.kind]].append(example)
    files = fonts.installed()
    singles = "single digits in handwriting fonts"
    lines = "lines of six digits in handwriting fonts"
    small = "8×8 digits of scikit-learn, enlarged"
    if files:
        examples[singles] = list(fonts.single_digits(20, SEED, files))
        examples[lines] = list(fonts.lines(200, SEED, files))
        pages = fonts.pages_on_a_table(50, SEED, files)
        examples["digits on paper in a dark picture"] = list(pages)
    examples[small] = list(fonts.eight_by_eight())[:1_000]
    for kind in (singles, lines, small):
        if kind in examples:
            dark = examples[kind][:: 4 if kind == singles else 1]
            light = list(fonts.in_light_ink(dark))
            examples[f"{kind}, light ink"] = light
            examples[f"{kind}, ruled"] = list(fonts.on_ruled_paper(dark, SEED))
            examples[f"{kind}, light ink, ruled"] = list(fonts.on_ruled_paper(light, SEED))
            examples[f"{kind}, dark mode"] = list(fonts.in_dark_mode(dark, SEED))
    rng = np.random.default_rng(SEED)
    for kind in ("row", "grid", "box"):
        forms = examples[f"form, {kind}"] = []
        while sum(len(form.digits) for form in forms) < 300:
            forms.append(pens.form_picture(kind, rng))
    zeros = {
        "thick zeros": list(fonts.thick_zeros(images[labels == 0][:200], SEED)),
        "8×8 zeros": [e for e in fonts.eight_by_eight() if e.digits == (0,)],
    }
    for kind, pictures in zeros.items():
        examples[kind] = pictures
        examples[f"{kind}, light ink"] = list(fonts.in_light_ink(pictures))
    for example in fonts.corrupted(images[2_000:2_200], labels[2_000:2_200]):
        kind = f"MNIST test digits as pictures, {example.kind.replace('_', ' ')}"
        examples.setdefault(kind, []).append(example)
    return examples


def _other_pictures(bench: Bench) -> dict[str, list[Picture]]:
    """Pictures without a digit."""
    rng = np.random.default_rng(SEED)
    letters = {
        letter: [pens.glyph_picture(letter, rng) for _ in range(50)] for letter in pens.LETTERS
    }
    no_digits = [picture for _, picture in nondigits.nondigit_pictures(50, SEED)]
    return {
        **{f"letter {letter}": pictures for letter, pictures in letters.items()},
        f"letters {' '.join(pens.DISTINCT)}": [
            picture for letter in pens.DISTINCT for picture in letters[letter]
        ],
        "noise, textures, scribbles, objects, blank paper": no_digits,
    }


def _test_digits(bench: Bench, recognizer: Recognizer) -> tuple[str, str]:
    images, labels = bench.test
    num_right = 0
    num_marked = 0
    for block in slices(len(images), BLOCK):
        for answer, label in zip(recognizer.recognize(images[block]), labels[block], strict=True):
            num_right += answer.digit == label
            num_marked += not answer.looks_like_digit
    return share(int(num_right), len(labels)), share(num_marked, len(labels))


def _scores(recognizer: Recognizer, examples: Iterable[Example]) -> dict[str, Score]:
    """Compute the score for each kind of picture."""
    found: dict[str, Score] = {}
    for example in examples:
        score = found.setdefault(example.kind, Score())
        readings = _read(recognizer, example.picture)
        certain = not any(reading.recognition.is_doubtful for reading in readings)
        for digit, (x, y, width, height) in zip(example.digits, example.boxes, strict=True):
            for reading in readings:
                left, top, own_width, own_height = reading.box
                if (
                    left <= x + width / 2 <= left + own_width
                    and top <= y + height / 2 <= top + own_height
                ):
                    answer = reading.recognition
                    score.right += answer.digit == digit
                    score.flagged += answer.digit == digit and not answer.looks_like_digit
                    score.silent += answer.digit != digit and not answer.is_doubtful
                    break
            else:
                score.silent += certain and len(readings) > 0
        score.digits += len(example.digits)
    return found


def _holds_no_digit(recognizer: Recognizer, picture: Picture) -> bool:
    """Whether nothing in a picture looks like a digit."""
    readings = _read(recognizer, picture)
    return not any(reading.recognition.looks_like_digit for reading in readings)


def _read(recognizer: Recognizer, picture: Picture) -> list[Reading]:
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    (readings,) = recognizer.read_pages([Page(grey, find_digits(grey))])
    return readings
