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

import numpy as np
from support import handwriting, reading
from support.handwriting import Example

from benchmarks import nondigits, other_hands
from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.table import Table, share
from mnist_pipeline import read
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.utils.blocks import slices

SEED = 2_026
BLOCK = 500  # images that are recognized at a time
KINDS = {
    "single": "single digits, pens of many kinds",
    "line": "digits in lines",
    "page": "digits in pages of lines",
    "pasted": "MNIST test digits pasted onto photographed paper",
}


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
        for score in reading.scores(recognizer, examples).values():
            right = share(score.right, score.digits)
            marked = share(score.flagged, max(score.right, 1))
            table.rows.append((kind, right, marked, str(score.silent)))
            bench.say(f"  {kind}: {right}, {score.silent} wrong without doubt")
            num_digits += score.digits
            num_silent += score.silent
    table.rows.append(("all of these", "", "", share(num_silent, num_digits)))
    for kind, pictures in _other_pictures(bench).items():
        flagged = sum(reading.holds_no_digit(recognizer, picture) for picture in pictures)
        table.rows.append((kind, "", share(flagged, len(pictures)), ""))
        bench.say(f"  {kind}: {table.rows[-1][2]}")
    table.rows.append(("MNIST test digits", *_test_digits(bench, recognizer), ""))
    table.notes.append(f"{len(other_hands.installed())} handwriting fonts were installed.")
    return table


def _examples(bench: Bench) -> dict[str, list[Example]]:
    """Pictures whose digits are known."""
    images, labels = bench.test
    examples: dict[str, list[Example]] = {title: [] for title in KINDS.values()}
    for example in handwriting.evaluation_set(50, SEED, (images[:500], labels[:500])):
        examples[KINDS[example.kind]].append(example)
    fonts = other_hands.installed()
    singles = "single digits in handwriting fonts"
    lines = "lines of six digits in handwriting fonts"
    small = "8×8 digits of scikit-learn, enlarged"
    if fonts:
        examples[singles] = list(other_hands.single_digits(20, SEED, fonts))
        examples[lines] = list(other_hands.lines(200, SEED, fonts))
        pages = other_hands.pages_on_a_table(50, SEED, fonts)
        examples["digits on paper in a dark picture"] = list(pages)
    examples[small] = list(other_hands.eight_by_eight())[:1_000]
    for kind in (singles, lines, small):
        if kind in examples:
            dark = examples[kind][:: 4 if kind == singles else 1]
            light = list(other_hands.in_light_ink(dark))
            examples[f"{kind}, light ink"] = light
            examples[f"{kind}, ruled"] = list(other_hands.on_ruled_paper(dark, SEED))
            examples[f"{kind}, light ink, ruled"] = list(other_hands.on_ruled_paper(light, SEED))
            examples[f"{kind}, dark mode"] = list(other_hands.in_dark_mode(dark, SEED))
    rng = np.random.default_rng(SEED)
    for kind in ("row", "grid", "box"):
        forms = examples[f"form, {kind}"] = []
        while sum(len(form.digits) for form in forms) < 300:
            forms.append(handwriting.form_picture(kind, rng))
    zeros = {
        "thick zeros": list(other_hands.thick_zeros(images[labels == 0][:200], SEED)),
        "8×8 zeros": [e for e in other_hands.eight_by_eight() if e.digits == (0,)],
    }
    for kind, pictures in zeros.items():
        examples[kind] = pictures
        examples[f"{kind}, light ink"] = list(other_hands.in_light_ink(pictures))
    for example in other_hands.corrupted(images[2_000:2_200], labels[2_000:2_200]):
        kind = f"MNIST test digits as pictures, {example.kind.replace('_', ' ')}"
        examples.setdefault(kind, []).append(example)
    return examples


def _other_pictures(bench: Bench) -> dict[str, list[handwriting.Picture]]:
    """Pictures without a digit."""
    rng = np.random.default_rng(SEED)
    letters = {
        letter: [handwriting.letter_picture(letter, rng) for _ in range(50)]
        for letter in handwriting.LETTERS
    }
    no_digits = [picture for _, picture in nondigits.nondigit_pictures(50, SEED)]
    return {
        **{f"letter {letter}": pictures for letter, pictures in letters.items()},
        f"letters {' '.join(handwriting.DISTINCT)}": [
            picture for letter in handwriting.DISTINCT for picture in letters[letter]
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
