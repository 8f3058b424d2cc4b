"""Other people's digits, by this code and by the commit before it learned from them, on the same pictures.

The pictures come from generators that nothing was chosen on: their fonts and seeds, and the second part of the 8×8
digits. The earlier commit is checked out into a temporary worktree and makes a run of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.bench import ROOT, Bench
from benchmarks.environment import BenchmarkError
from benchmarks.pipeline import COMMAND, wait
from benchmarks.table import Bound, Row, at_least, at_most, interval
from generators import handwriting, other_hands
from generators.handwriting import Example
from mnist_pipeline.data.corruptions import CORRUPTIONS, corrupt

BASELINE = "61ce4e7"
SEED = 2_026
HARD = {"fog": 15, "canny_edges": 20, "translate": 6, "stripe": 8}  # percent of errors at most
ANSWERS = Path(__file__).with_name("answers.py")

Answer = list[Any]  # digit, probability, whether it looks like one, digit of the CNN


class Sets(NamedTuple):
    """Pictures with their digits by kind, letters, and images with their labels by corruption."""

    examples: Mapping[str, Sequence[Example]]
    letters: Mapping[str, Sequence[np.ndarray]]
    images: Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Answers:
    """What one side answers."""

    readings: Mapping[str, list[list[tuple[Answer, list[int]]]]]  # by kind, of each picture
    images: Mapping[str, list[Answer]]
    accuracies: Sequence[float]
    wall: float  # of an answer to a single digit, median, in ms


def rows(bench: Bench) -> Iterator[Row]:
    """The rows of the table, this code in "ours" and the earlier commit in "theirs"."""
    sets, seeds = _sets(bench), bench.pick(5, 1)
    ours = _answer(bench, sets, seeds, bench.storage, ROOT)
    with _baseline(bench) as place:
        theirs = _answer(bench, sets, seeds, place / "storage", place) if place else None
    yield from _corruption_rows(sets, ours, theirs)
    note = "the same digits trained anew with each seed"
    yield _row("MNIST test, CNN, mean of the seeds", at_least(99.4), lambda side: (
        100 * float(np.mean(side.accuracies)), (100 * min(side.accuracies), 100 * max(side.accuracies)), seeds
    ), ours, theirs, note)  # fmt: skip
    yield from _reading_rows(sets, ours, theirs)
    yield from _doubt_rows(sets, ours, theirs)
    yield _row(
        "answer to a picture of one digit", at_most(20), lambda side: (side.wall, None, 1), ours, theirs, unit=" ms"
    )


def _sets(bench: Bench) -> Sets:
    fonts, count = other_hands.installed(), bench.pick(5, 1)
    examples = {
        "single digits in handwriting fonts": other_hands.single_digits(count, SEED, fonts),
        "… on ruled, shadowed paper": other_hands.single_digits(count, SEED + 1, fonts, ruled=True),
        "lines of six digits, exact": other_hands.lines(bench.pick(200, 30), SEED, fonts),
        "… on ruled paper with a margin": other_hands.lines(bench.pick(200, 30), SEED + 1, fonts, ruled=True),
        "digits on paper in a dark picture": other_hands.pages_on_a_table(bench.pick(60, 10), SEED, fonts),
        "scikit-learn's 8×8 digits": list(other_hands.eight_by_eight())[: bench.pick(1_000, 150)],
    }
    rng = np.random.default_rng(SEED)
    number = bench.pick(100, 20)
    letters = {
        letter: [handwriting.letter_picture(letter, rng) for _ in range(number)] for letter in handwriting.LETTERS
    }
    sample = rng.choice(len(bench.test.labels), bench.pick(1_000, 100), replace=False)
    images, labels = bench.test.images[sample], bench.test.labels[sample]
    corrupted = {name: (corrupt(images, name, SEED), labels) for name in CORRUPTIONS}
    every = slice(0, bench.pick(10_000, 1_000))
    corrupted["MNIST"] = (bench.test.images[every], bench.test.labels[every])
    return Sets({kind: list(each) for kind, each in examples.items()}, letters, corrupted)


def _answer(bench: Bench, sets: Sets, seeds: int, storage: Path, code: Path) -> Answers:
    """The answers of the code in a directory with the run in a storage, from a process of its own."""
    from support.reading import grey  # `answering` has put the tests on the path

    groups = {kind: [example.picture for example in each] for kind, each in sets.examples.items()} | dict(sets.letters)
    pictures = [grey(picture) for group in groups.values() for picture in group]
    images = np.concatenate([each for each, _ in sets.images.values()])
    work, out = (Path(bench.scratch.name, name) for name in ("work.npz", "answers.json"))
    numbered = {f"picture{number}": picture for number, picture in enumerate(pictures)}
    np.savez(work, images=images, seeds=seeds, pictures=len(pictures), **numbered)
    command = [sys.executable, "-P", str(ANSWERS), str(storage), str(work), str(out)]
    subprocess.run(
        command, cwd=code, env={**os.environ, "PYTHONPATH": str(code), "OMP_WAIT_POLICY": "PASSIVE"}, check=True
    )
    given = json.loads(out.read_text())
    found, of_images = iter(given["pictures"]), iter(given["images"])
    single = len(sets.examples["single digits in handwriting fonts"])
    return Answers(
        {kind: [next(found) for _ in group] for kind, group in groups.items()},
        {name: [next(of_images) for _ in labels] for name, (_, labels) in sets.images.items()},
        given["accuracies"],
        1e3 * float(np.median(given["walls"][: single or None])),
    )


@contextlib.contextmanager
def _baseline(bench: Bench) -> Iterator[Path | None]:
    """A worktree of the earlier commit with the storage of its run; None where git does not have the commit."""
    place = Path(bench.scratch.name, "baseline")
    git = ["git", "-C", str(ROOT), "worktree"]
    try:
        subprocess.run([*git, "add", "--detach", str(place), BASELINE], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        bench.say(f"  the commit {BASELINE} can't be checked out, so its column is empty: {error}")
        yield None
        return
    try:
        environment = {**os.environ, "PYTHONPATH": str(place), "MNIST_PIPELINE_STORAGE": str(place / "storage")}
        start = time.perf_counter()
        wait(COMMAND, environment, Path(bench.scratch.name))
        bench.say(f"  a run of {BASELINE}: {time.perf_counter() - start:.1f} s")
        yield place
    except BenchmarkError as error:
        bench.say(f"  the run of {BASELINE} failed, so its column is empty: {error}")
        yield None
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=False, capture_output=True)


Count = Callable[[Example, list[tuple[Answer, list[int]]]], list[bool]]
Measure = Callable[[Answers], tuple[float, tuple[float, float] | None, int]]  # value, interval, number of samples


def _row(
    name: str,
    bound: Bound | None,
    measure: Measure,
    ours: Answers,
    theirs: Answers | None,
    note: str = "",
    unit: str = "%",
) -> Row:
    value, spread, samples = measure(ours)
    sides = [_formatted(*measure(side), unit) if side else "" for side in (ours, theirs)]
    return Row(name, value, unit, bound, spread, samples, *sides, agreement=note)


def _formatted(value: float, spread: tuple[float, float] | None, samples: int, unit: str) -> str:
    between = f" ({spread[0]:.1f} – {spread[1]:.1f})" if spread and samples > 1 else ""
    return f"{value:.1f}{unit}{between}"


def _share(outcomes: Sequence[bool]) -> tuple[float, tuple[float, float], int]:
    """Percentage with Wilson's 95% interval."""
    successes, total = int(np.count_nonzero(outcomes)), len(outcomes)
    return 100 * successes / total, interval(successes, total), total


def _corruption_rows(sets: Sets, ours: Answers, theirs: Answers | None) -> Iterator[Row]:
    def wrong(side: Answers, name: str) -> list[bool]:
        return [answer[3] != label for answer, label in zip(side.images[name], sets.images[name][1], strict=True)]

    yield _row("MNIST-C, mean error of the CNN", at_most(6.5), lambda side: _share(
        [each for name in CORRUPTIONS for each in wrong(side, name)]
    ), ours, theirs)  # fmt: skip
    worst = max(CORRUPTIONS, key=lambda name: sum(wrong(ours, name)))
    yield _row("… the worst of the fifteen", at_most(20), lambda side: max(
        (_share(wrong(side, name)) for name in CORRUPTIONS), key=lambda share: share[0]
    ), ours, theirs, f"now {worst}")  # fmt: skip
    for name, limit in HARD.items():
        yield _row(f"… {name}", at_most(limit), lambda side, name=name: _share(wrong(side, name)), ours, theirs)


LEAST = {
    "single digits in handwriting fonts": 98,
    "… on ruled, shadowed paper": 97,
    "lines of six digits, exact": 96,
    "… on ruled paper with a margin": 92,
    "digits on paper in a dark picture": 97,
    "scikit-learn's 8×8 digits": 97,
}


def _reading_rows(sets: Sets, ours: Answers, theirs: Answers | None) -> Iterator[Row]:
    fonts = f"{len(other_hands.installed())} of {len(other_hands.FONTS['evaluation'].split())} fonts are installed"
    for kind, examples in sets.examples.items():
        if not examples:
            yield Row(kind, None, "%", at_least(LEAST[kind]), agreement=fonts)
            continue
        count = _digits_right if "dark" in kind else _exactly_right

        def right(
            side: Answers, kind: str = kind, count: Count = count
        ) -> tuple[float, tuple[float, float] | None, int]:
            pairs = zip(sets.examples[kind], side.readings[kind], strict=True)
            return _share([each for example, found in pairs for each in count(example, found)])

        yield _row(kind, at_least(LEAST[kind]), right, ours, theirs, "" if "8×8" in kind else fonts)


def _exactly_right(example: Example, found: list[tuple[Answer, list[int]]]) -> list[bool]:
    return [[answer[0] for answer, _ in found] == list(example.digits)]


def _digits_right(example: Example, found: list[tuple[Answer, list[int]]]) -> list[bool]:
    """For each digit whether a reading whose box contains its middle is right."""
    outcomes = []
    for digit, (x, y, width, height) in zip(example.digits, example.boxes, strict=True):
        across, down = x + width / 2, y + height / 2
        outcomes.append(
            any(
                answer[0] == digit and left <= across <= left + wide and top <= down <= top + high
                for answer, (left, top, wide, high) in found
            )
        )
    return outcomes


def _doubt_rows(sets: Sets, ours: Answers, theirs: Answers | None) -> Iterator[Row]:
    singles = [kind for kind in sets.examples if "single" in kind or "shadowed" in kind or "8×8" in kind]

    def gap(side: Answers) -> tuple[float, tuple[float, float], int]:
        differences = [
            100 * (found[0][0][1] - (found[0][0][0] == example.digits[0]))
            for kind in singles
            for example, found in zip(sets.examples[kind], side.readings[kind], strict=True)
            if len(found) == 1
        ]
        mean, error = float(np.mean(differences)), 1.96 * float(np.std(differences)) / len(differences) ** 0.5
        return mean, (mean - error, mean + error), len(differences)

    value, spread, samples = gap(ours)
    texts = [_formatted(*gap(side), " points") if side else "" for side in (ours, theirs)]
    foreign = "over the single digits in fonts and the 8×8 digits; target: within ±1"
    yield Row("stated probability minus accuracy", abs(value), " points", at_most(1), spread, samples, *texts, foreign)

    def flagged(side: Answers, letters: Sequence[str]) -> tuple[float, tuple[float, float], int]:
        return _share([not any(answer[2] for answer, _ in found) for each in letters for found in side.readings[each]])

    yield _row("a drawn A, said to look like no digit", at_least(80), lambda side: flagged(side, "A"), ours, theirs)
    yield _row(
        "all letters", at_least(85), lambda side: flagged(side, list(sets.letters)), ours, theirs, "".join(sets.letters)
    )
    yield _row("MNIST test digits, flagged", at_most(2), lambda side: _share(
        [not answer[2] for answer in side.images["MNIST"]]
    ), ours, theirs, "the limit was not set on them")  # fmt: skip
    yield _row("digits in handwriting fonts, flagged", None, lambda side: _share(
        [not answer[2] for kind in singles[:2] for found in side.readings[kind] for answer, _ in found]
    ), ours, theirs)  # fmt: skip
