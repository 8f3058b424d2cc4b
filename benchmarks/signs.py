"""Signs that people teach the page by a few drawings. Each of 20 drawers teaches 3 of 16 signs, and
then draws every sign 20 times; a drawer has a pen, a slant, proportions, shapes and an unsteadiness
of their own. A drawing of a taught sign is read if the answer is its sign; a test digit is read if
it is not taken for a sign and the CNN reads it. The second table has drawings of signs that the
drawer did not teach, and drawings of the archive on which one thing is found. An answer is in doubt
before teaching if `predict` doubts it. After teaching, a drawing that is taken for a sign is in
doubt unless the page is sure of the sign. The rule was tried on other drawers.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks import archive
from benchmarks.bench import Bench
from benchmarks.commands import ensure_run
from benchmarks.table import Table, share
from mnist_pipeline.data.color import Images
from mnist_pipeline.data.conversion import DIGIT_SIDE, STROKE_WIDTHS, fitted
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.networks.method import cnn_features
from mnist_pipeline.runtime.storage.storage import Storage

# The first eight were known when the rule was proposed. Strokes are separated by "|"; points are
# x,y in hundredths of the height, with y downwards.
SIGNS = {
    "heart": "50,28 36,5 10,5 0,30 18,60 50,100 82,60 100,30 90,5 64,5 50,28",
    "star": "20,100 50,0 80,100 0,38 100,38 20,100",
    "A": "0,100 40,0 80,100 | 16,62 64,62",
    "R": "0,100 0,0 40,0 58,14 58,34 40,48 0,50 | 26,50 62,100",
    "house": "0,100 0,42 50,0 100,42 100,100 0,100 | 38,100 38,66 62,66 62,100",
    "arrow": "0,50 120,50 | 84,20 120,50 84,80",
    "tick": "0,60 30,100 90,0",
    "smiley": "50,0 15,15 0,50 15,85 50,100 85,85 100,50 85,15 50,0 | 34,30 34,40 | 66,30 66,40 "
    "| 26,62 50,80 74,62",
    "cross": "0,0 90,100 | 90,0 0,100",
    "lightning": "56,0 10,56 46,52 16,100",
    "fish": "120,70 84,30 50,16 16,26 0,42 16,60 50,70 84,56 120,14 120,70 | 22,36 24,38",
    "moon": "60,0 20,16 0,50 20,84 60,100 36,76 30,50 36,24 60,0",
    "tree": "30,60 6,50 6,24 30,6 44,0 60,6 82,24 82,50 58,60 30,60 | 44,60 44,100",
    "@": "66,36 48,28 32,44 34,62 50,68 64,56 68,34 68,62 82,66 94,48 86,14 50,0 12,14 0,50 14,88 "
    "50,100 80,92",
    "flower": "50,34 36,14 50,0 64,14 50,34 72,30 80,44 66,52 50,34 34,52 20,44 28,30 50,34 50,100",
    "umbrella": "0,46 14,14 50,0 86,14 100,46 0,46 | 50,46 50,90 40,100 30,90",
}
NUM_DRAWERS, NUM_TAUGHT = 20, 3
TAUGHT = (1, 3, 5)  # drawings of each sign
NUM_FURTHER = 20
SEED = 2_026  # development: 1
DIGITS = slice(1_000)  # of the test digits
# Drawings of the archive that are not a digit, and the signs that they show: a drawer who teaches
# one of these does so without it.
NOT_DIGITS = {
    "letters": {"A", "R", "cross"},
    "hearts, smileys, stars, arrows, letters and scribbles": {
        *("heart", "smiley", "star", "arrow", "A", "R", "cross")
    },
    "other symbols": {"house", "moon", "fish", "tree"},
}

# As in report/script/signs.js.
NUM_TRAINING = 300
SURE = 0.75

# Standard deviations, or least and greatest values.
HABIT = 0.04  # of a drawer's points from the shape, as a share of the height
UNSTEADINESS = (0.015, 0.045)  # of the points of a drawing from the drawer's, likewise
SLANT, TURN = 0.12, 5.0  # of a drawer: heights, degrees
OWN_TURN = 3.0  # degrees, of a drawing
ASPECTS = (0.75, 1.3)
SHEET = 200  # pixels
BLOCK = 200  # images whose features are computed together


class Drawer:
    """A person's hand, which draws each sign again and again."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.pen = generator.uniform(*STROKE_WIDTHS)  # pixels of the 28×28 image
        self.unsteadiness = generator.uniform(*UNSTEADINESS)
        self.slant = generator.normal(0, SLANT)
        self.turn = generator.normal(0, TURN)
        self.aspect = generator.uniform(*ASPECTS)
        self.shapes = {name: self._own(shape) for name, shape in SIGNS.items()}

    def draw(self, name: str, count: int) -> Images:
        """Images of a sign, (count, 28, 28), converted as handwriting is."""
        return np.stack([self._drawn(self.shapes[name]) for _ in range(count)])

    def _own(self, shape: str) -> list[NDArray[np.float64]]:
        strokes = [
            np.array([point.split(",") for point in stroke.split()], float) / 100
            for stroke in shape.split(" | ")
        ]
        for stroke in strokes:
            stroke += self.generator.normal(0, HABIT, stroke.shape)
            stroke[:, 0] *= self.aspect
            stroke[:, 0] -= self.slant * stroke[:, 1]
        return strokes

    def _drawn(self, strokes: list[NDArray[np.float64]]) -> NDArray[np.uint8]:
        normal = self.generator.normal
        points = np.concatenate(strokes) + normal(0, self.unsteadiness, (sum(map(len, strokes)), 2))
        angle = np.radians(self.turn + normal(0, OWN_TURN))
        points @= [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        points -= points.min(axis=0)
        pen = self.pen * SHEET / DIGIT_SIDE
        points = points * (SHEET - pen) / points.max() + pen
        sheet = Image.new("L", (SHEET + round(2 * pen),) * 2, 255)
        ink = ImageDraw.Draw(sheet)
        ends = np.cumsum([len(stroke) for stroke in strokes])
        for stroke in np.split(points, ends[:-1]):
            ink.line(list(map(tuple, stroke)), 0, round(pen), "curve")
            for x, y in (stroke[0], stroke[-1]):
                ink.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), 0)
        return fitted(np.asarray(sheet), "mnist")


def features(weights: dict[str, np.ndarray], images: Images) -> NDArray[np.float32]:
    """The features behind the CNN's second pooling, of length 1, (n, 1024)."""
    blocks = [
        cnn_features(weights, images[start : start + BLOCK])
        for start in range(0, len(images), BLOCK)
    ]
    found = np.concatenate(blocks)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


class Answers(NamedTuple):
    """Of each image: the nearest drawing, or −1 if a training digit is nearer, and its cosine."""

    drawings: NDArray[np.int64]
    cosines: NDArray[np.float32]

    @property
    def are_taken(self) -> NDArray[np.bool_]:
        """Whether an image is taken for a sign."""
        return self.drawings >= 0

    @property
    def are_sure(self) -> NDArray[np.bool_]:
        """Whether an image is surely taken for a sign."""
        return self.are_taken & (self.cosines > SURE)


def answers(
    drawings: NDArray[np.float32], digits: NDArray[np.float32], images: NDArray[np.float32]
) -> Answers:
    """What the page answers to images, given the features of all of them."""
    cosines = images @ drawings.T
    nearest = cosines.argmax(axis=1)
    best = cosines.max(axis=1)
    is_digit = (images @ digits.T).max(axis=1, initial=-1) > best
    return Answers(np.where(is_digit, -1, nearest), best)


class Symbols(NamedTuple):
    """Images that are not a digit: their features, and whether `predict` doubts its answers."""

    features: NDArray[np.float32]
    are_doubted: NDArray[np.bool_]


def measure(bench: Bench) -> list[Table]:
    """A row per number of drawings; then, per kind of drawings that were not taught."""
    ensure_run(bench)
    storage = Storage(str(bench.storage))
    recognizer, weights = storage.read("recognizer"), storage.read("cnn_model").weights
    chosen = np.random.default_rng(0).permutation(len(bench.train.images))[:NUM_TRAINING]
    digits = features(weights, bench.train.images[chosen])
    test = features(weights, bench.test.images[DIGITS])
    is_right = storage.read("cnn_predictions").labels[DIGITS] == bench.test.labels[DIGITS]
    archived = {kind: _symbols(weights, recognizer, images) for kind, images in _archived().items()}
    counts: dict[tuple[int, str], NDArray[np.int64]] = defaultdict(lambda: np.zeros(5, int))
    kept: dict[int, list[int]] = defaultdict(list)
    for number in range(NUM_DRAWERS):
        generator = np.random.default_rng([SEED, number])
        drawer = Drawer(generator)
        taught, others = np.split(generator.permutation(list(SIGNS)), [NUM_TAUGHT])
        drawings = [features(weights, drawer.draw(name, max(TAUGHT))) for name in taught]
        further = [features(weights, drawer.draw(name, NUM_FURTHER)) for name in taught]
        images = np.concatenate([drawer.draw(name, NUM_FURTHER) for name in others])
        untaught = {"the other signs": _symbols(weights, recognizer, images), **archived}
        for count in TAUGHT:
            known = np.concatenate([own[:count] for own in drawings])
            for index, own in enumerate(further):
                answer = answers(known, digits, own)
                is_read = answer.are_taken & (answer.drawings // count == index)
                is_sure = is_read & answer.are_sure
                counts[count, "taught"] += [len(own), is_read.sum(), is_sure.sum(), 0, 0]
            for kind, symbols in untaught.items():
                shown = NOT_DIGITS.get(kind, set())
                usable = [own[:count] for name, own in zip(taught, drawings) if name not in shown]
                if usable:
                    answer = answers(np.concatenate(usable), digits, symbols.features)
                    counts[count, kind] += _counts(answer, symbols)
            kept[count].append(int(np.sum(is_right & ~answers(known, digits, test).are_taken)))
        bench.say(f"  drawer {number + 1}: {', '.join(taught)}")
    header = ("drawings of a sign", "read", "surely", "test digits read", "by the worst drawer's")
    first = Table("Signs that are taught", header)
    for count in TAUGHT:
        total, num_read, num_sure, *_ = map(int, counts[count, "taught"])
        size = len(is_right)
        shares = (f"{np.mean(kept[count]) / size:.2%}", f"{min(kept[count]) / size:.1%}")
        first.rows.append((str(count), share(num_read, total), f"{num_sure / total:.1%}", *shares))
    first.notes.append(f"Without signs, the CNN reads {is_right.mean():.1%} of these digits.")
    header = ("not taught", "drawings of a sign", "taken for a taught sign", "surely")
    second = Table("Not taught", (*header, "in doubt before", "after"))
    for kind in untaught:
        for count in TAUGHT:
            total, *numbers = map(int, counts[count, kind])
            cells = [f"{number / total:.2%}" for number in numbers]
            second.rows.append((f"{kind}, {total:,} answers", str(count), *cells))
    return [first, second]


def _symbols(weights: dict[str, np.ndarray], recognizer: Recognizer, images: Images) -> Symbols:
    found = recognizer.recognize(images)
    return Symbols(features(weights, images), np.array([own.is_doubtful for own in found]))


def _counts(answer: Answers, symbols: Symbols) -> list[int]:
    """All; those taken for a sign, and surely; those in doubt before and after."""
    before = symbols.are_doubted
    after = np.where(answer.are_taken, ~answer.are_sure, before)
    numbers = (answer.are_taken, answer.are_sure, before, after)
    return [len(before), *(int(np.sum(own)) for own in numbers)]


def _archived() -> dict[str, Images]:
    """The archive's drawings of other things than digits in which one thing is found."""
    images = defaultdict(list)
    for drawing in archive.examples():
        if drawing.kind == archive.DRAWINGS and drawing.condition in NOT_DIGITS:
            found = search.read_page(drawing.content).digits
            if len(found) == 1:
                images[drawing.condition].append(found[0].image)
    return {kind: np.stack(own) for kind, own in images.items()}
