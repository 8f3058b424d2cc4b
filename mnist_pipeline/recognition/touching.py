"""Two digits that touch: the candidate cuts between them, and the decision of the models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_pipeline.data.decoding import Grey

if TYPE_CHECKING:
    from mnist_pipeline.recognition.page import Found

Mask = NDArray[np.bool_]

LEAST_WIDTH = 0.7  # of two digits that touch, as a share of their height; most digits are narrower
LEAST_HEIGHT = 0.5  # of a digit, as a share of the height of both
MAX_GLYPHS = 8  # of a picture for which cuts are searched, the widest first: each takes up to 40 ms
MAX_SEAMS = 8
SIDE = 48  # the height of a glyph while seams are searched
STEP_COST = 0.05  # of each pixel of a seam; a pixel of full ink costs 1
ASLANT_COST = 1.0  # of a step to the side, in addition; crossing strokes is better than following their outline
SPACING = 0.1  # between seams, as a share of the height

# Weights of two logistic regressions. The first finds the right one among the cuts of a pair, the second tells pairs
# from single digits by the score of the best cut and by the whole. They were fitted on touching pairs and single digits
# of the development fonts, of scripted glyphs, and of MNIST's training digits that the network did not see.
OF_A_CUT = (2.69, -3.49, 2.27, 3.97)  # log probabilities of both sides, their mean novelty, least height, least width
OF_A_PAIR = (1.62, 16.4, -2.2)  # the score of the cut; novelty and log probability of the whole
BIAS = -17.0  # 2 lower than fitted, because few digits touch


def may_be_two(width: float) -> bool:
    """Whether a glyph is wide enough for two digits; the width is a share of the height."""
    return width >= LEAST_WIDTH


class Answer(Protocol):
    """What the models answer to an image."""

    @property
    def probability(self) -> float:
        """The probability of the answer."""

    @property
    def novelty(self) -> float:
        """The percentile of how unlike a digit the image is."""

    @property
    def looks_like_digit(self) -> bool:
        """Whether the image looks like any digit."""


def is_unusual(found: "Found", answer: Answer) -> bool:
    """Whether a digit would count as two if a cut read perfectly."""
    return _score_of_pair(float(np.dot(OF_A_CUT, (0, 0, 1, found.box[2] / found.box[3] / 2))), answer) > 0


def best_cut(found: "Found", whole: Answer, sides: Sequence[Answer]) -> int | None:
    """Which cut of a digit reads better as two than as one, by the models; None if the whole reads better.

    `sides` has the answers to both sides of each cut.
    """
    lengths = np.array([[side.box[2:] for side in cut] for cut in found.cuts]) / found.box[3]  # (n, 2, 2)
    least_width, least_height = lengths.min(axis=1).T
    certain = np.log([side.probability for side in sides]).reshape(-1, 2).sum(axis=1)
    unusual = np.reshape([side.novelty for side in sides], (-1, 2)).mean(axis=1) / 100
    scores = np.column_stack([certain, unusual, least_height, least_width]) @ OF_A_CUT
    are_digits = np.reshape([side.looks_like_digit for side in sides], (-1, 2)).all(axis=1)
    scores[~are_digits] = -np.inf  # a scribble is not two digits
    best = int(scores.argmax())
    return best if _score_of_pair(float(scores[best]), whole) > 0 else None


def _score_of_pair(cut: float, whole: Answer) -> float:
    """Log odds of two digits."""
    return float(np.dot(OF_A_PAIR, (cut, whole.novelty / 100, np.log(whole.probability)))) + BIAS


def seams(strength: Grey) -> list[Mask]:
    """What is left of each of the paths from top to bottom that cross the least ink, bool, of the same shape.

    A path goes down by one pixel per step, and at most one to the side. It has the least cost of all paths that cross
    the middle row in the same column [1]_. The paths with the lowest costs count, at a distance from each other, if
    what they cut off on both sides is high enough for a digit.

    References
    ----------
    .. [1] S. Avidan, A. Shamir, "Seam carving for content-aware image resizing", ACM Transactions on Graphics 26(3),
       2007.
    """
    columns = max(3, min(4 * SIDE, round(strength.shape[1] * SIDE / strength.shape[0])))
    small = np.asarray(Image.fromarray(strength).resize((columns, SIDE), Image.Resampling.BOX))
    cost, middle, ink = small + STEP_COST, SIDE // 2, small > 0.5
    (least_above, above), (least_below, below) = _paths(cost[: middle + 1]), _paths(cost[middle:][::-1])
    chosen: list[int] = []
    found: list[Mask] = []
    for column in map(int, np.argsort(least_above + least_below - cost[middle], kind="stable")):
        if all(abs(column - other) >= SPACING * SIDE for other in chosen):
            seam = np.array([*_traced(above, column)[::-1], *_traced(below, column)[1:]])
            left = np.arange(columns)[None] < seam[:, None]
            if min(_height(ink & left), _height(ink & ~left)) >= LEAST_HEIGHT * _height(ink):
                chosen.append(column)
                found.append(_enlarged(seam, strength.shape, columns))
        if len(found) == MAX_SEAMS:
            break
    return found


def _height(ink: Mask) -> int:
    return int(np.count_nonzero(ink.any(axis=1)))


def _paths(cost: Grey) -> tuple[Grey, NDArray[np.intp]]:
    """The least cost of a path from the first row to each column of the last, and its column in each row before."""
    rows, columns = cost.shape
    best, came = cost[0], np.zeros((rows, columns), np.intp)
    for row in range(1, rows):
        before = np.pad(best, 1, constant_values=np.inf)
        choices = np.stack([before[1:-1], before[:-2] + ASLANT_COST, before[2:] + ASLANT_COST])
        came[row] = np.arange(columns) + np.array([0, -1, 1])[choices.argmin(axis=0)]
        best = cost[row] + choices.min(axis=0)
    return best, came


def _traced(came: NDArray[np.intp], column: int) -> list[int]:
    """The columns of a path, from the last row to the first."""
    path = [column]
    for row in range(len(came) - 1, 0, -1):
        path.append(int(came[row, path[-1]]))
    return path


def _enlarged(seam: NDArray[np.intp], shape: tuple[int, ...], columns: int) -> Mask:
    """What is left of a seam, in the pixels of the glyph."""
    rows = np.arange(shape[0]) * len(seam) // shape[0]
    return np.asarray(np.arange(shape[1])[None] + 0.5 < (seam[rows][:, None] + 0.5) * shape[1] / columns)
