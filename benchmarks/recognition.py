"""A person's own digits: how many are read correctly, in pictures that scripts draw. It takes about
half an hour.

There are 500 digits of each kind in scripted handwriting, and 200 in each of 20 handwriting fonts,
where they are installed. The digits in fonts and the 8×8 digits are measured again in light ink on
dark paper, on ruled paper with shadows, and in dark mode. Test digits 2,000 to 2,199 are corrupted
as in MNIST-C. Other fonts, digits and seeds were used to choose methods. Letters and pictures
without a digit should be marked as doubtful; of digits, only those that are read correctly count as
marked. The recognizer is that of one run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from support import handwriting, reading
from support.handwriting import Example

from benchmarks import nondigits, other_hands
from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.table import Table, share
from mnist_pipeline import read

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
    table = Table(
        "A person's own digits",
        ("pictures", "read correctly", "marked: does not look like a digit"),
    )
    for kind, examples in _examples(bench).items():
        for score in reading.scores(recognizer, examples).values():
            table.rows.append(
                (kind, share(score.right, score.digits), share(score.flagged, max(score.right, 1)))
            )
            bench.say(f"  {kind}: {table.rows[-1][1]}")
    for kind, pictures in _other_pictures(bench).items():
        flagged = sum(reading.holds_no_digit(recognizer, picture) for picture in pictures)
        table.rows.append((kind, "", share(flagged, len(pictures))))
        bench.say(f"  {kind}: {table.rows[-1][2]}")
    table.rows.append(("MNIST test digits", *_test_digits(bench, recognizer)))
    table.notes.append(f"{len(other_hands.installed())} handwriting fonts were installed.")
    return table


def _examples(bench: Bench) -> dict[str, list[Example]]:
    """Pictures whose digits are known."""
    pasted = 500
    scripted = list(
        handwriting.evaluation_set(
            pasted // 10, SEED, (bench.test.images[:pasted], bench.test.labels[:pasted])
        )
    )
    found = {
        title: [each for each in scripted if each.kind == kind] for kind, title in KINDS.items()
    }
    fonts, count = other_hands.installed(), 200
    if fonts:
        found["single digits in handwriting fonts"] = list(
            other_hands.single_digits(count // 10, SEED, fonts)
        )
        found["lines of six digits in handwriting fonts"] = list(
            other_hands.lines(count, SEED, fonts)
        )
        found["digits on paper in a dark picture"] = list(
            other_hands.pages_on_a_table(count // 4, SEED, fonts)
        )
    small = "8×8 digits of scikit-learn, enlarged"
    found[small] = list(other_hands.eight_by_eight())[:1_000]
    for kind in [kind for kind in found if "fonts" in kind or kind == small]:
        light = list(other_hands.in_light_ink(found[kind]))
        found[f"{kind}, light ink"] = light
        found[f"{kind}, ruled"] = list(other_hands.on_ruled_paper(found[kind], SEED))
        found[f"{kind}, light ink, ruled"] = list(other_hands.on_ruled_paper(light, SEED))
        found[f"{kind}, dark mode"] = list(other_hands.in_dark_mode(found[kind], SEED))
    chosen = slice(2_000, 2_200)
    for example in other_hands.corrupted(bench.test.images[chosen], bench.test.labels[chosen]):
        found.setdefault(
            f"MNIST test digits as pictures, {example.kind.replace('_', ' ')}", []
        ).append(example)
    return found


def _other_pictures(bench: Bench) -> dict[str, list[handwriting.Picture]]:
    """Pictures without a digit."""
    rng, number = np.random.default_rng(SEED), 100
    letters = [
        handwriting.letter_picture(letter, rng)
        for letter in handwriting.LETTERS
        for _ in range(number)
    ]
    no_digits = [picture for _, picture in nondigits.nondigit_pictures(number // 2, SEED)]
    return {
        f"letters {' '.join(handwriting.LETTERS)}": letters,
        "noise, textures, scribbles, objects, blank paper": no_digits,
    }


def _test_digits(bench: Bench, recognizer: object) -> tuple[str, str]:
    images, labels = (each[:10_000] for each in bench.test)

    def answers() -> Iterator[tuple[int, bool]]:
        for start in range(0, len(images), BLOCK):
            for answer in recognizer.recognize(images[start : start + BLOCK]):  # type: ignore[attr-defined]
                yield answer.digit, answer.looks_like_digit

    digits, look_like_digits = np.array(list(answers())).T
    return share(int(np.sum(digits == labels)), len(labels)), share(
        int(np.sum(1 - look_like_digits)), len(labels)
    )
