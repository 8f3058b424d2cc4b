"""Digits that touch: their common ink is cut in two where the judge sees a digit on both sides."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.handwriting.doubt import PROBABLE, Reading, Recognition
from mnist_pipeline.handwriting.finder.cuts import cuts_of
from mnist_pipeline.handwriting.finder.scan import Box
from mnist_pipeline.handwriting.finder.search import Found
from mnist_pipeline.handwriting.judge import network
from mnist_pipeline.handwriting.judge.classes import CLASSES, OTHER, PART

# Chosen on pages with held-out digits that the pipeline drew.
SURELY_ONE = 0.7  # with this probability of a digit by the judge, ink is not cut
MAYBE_SEVERAL = 0.05  # nor with a lower probability of a part of a digit, or of several
MOST = 32  # shapes of a page that are cut, so that a page of letters does not take seconds
LEAST = 0.05  # with a lower agreement of model and judge on one side, a cut does not count
SURE = 0.5  # with a lower agreement on one side, both answers are in doubt

Shares = NDArray[np.float32]  # probabilities of `classes.CLASSES` by the judge, (12,)


class Side(NamedTuple):
    """The ink on one side of a cut."""

    box: Box
    image: NDArray[np.uint8]  # (28, 28)
    shares: Shares


class Cut(NamedTuple):
    """Ink that may be two digits."""

    position: int  # of the shape among all that were found
    shares: Shares  # of the whole
    sides: tuple[Side, Side]  # left and right


def cuts_of_page(digits: Sequence[Found], judged: Sequence[Shares | None]) -> list[Cut]:
    """The best cut of each shape that may be several digits, in the order of the shapes.

    `judged` has the judge's word on each shape, None where it has none.
    """
    several = {
        index: shares
        for index, (digit, shares) in enumerate(zip(digits, judged, strict=True))
        if shares is not None
        and not digit.is_sign
        and shares[PART] >= MAYBE_SEVERAL
        and network.digit_probabilities(shares) < SURELY_ONE
    }
    tried = sorted(several, key=lambda index: -several[index][PART])[:MOST]
    return [
        Cut(index, several[index], sides)
        for index in sorted(tried)
        if (sides := _best_cut(digits[index])) is not None
    ]


def with_cuts(
    readings: Sequence[Reading], cuts: Sequence[Cut], answers: Sequence[Recognition]
) -> list[Reading]:
    """The readings of shapes, with two instead of one where the ink is more probably two digits.

    `answers` are the model's answers to all sides. Model and judge agree on a digit by the product
    of their probabilities of the model's answer. A cut counts if they agree at least by `LEAST` on
    both sides, and there no less than on the whole.
    """
    divided = [[reading] for reading in readings]
    for cut, *both in zip(cuts, answers[::2], answers[1::2], strict=True):
        whole = readings[cut.position].recognition.agreement(cut.shares)
        agreement = min(map(Recognition.agreement, both, (side.shares for side in cut.sides)))
        if agreement >= max(LEAST, whole):
            divided[cut.position] = [
                _of_side(readings[cut.position], side, answer, agreement)
                for side, answer in zip(cut.sides, both, strict=True)
            ]
    return list(itertools.chain(*divided))


def _of_side(whole: Reading, side: Side, answer: Recognition, agreement: float) -> Reading:
    is_agreed = agreement >= SURE
    recognition = replace(
        answer,
        looks_like_digit=True,
        models_disagree=answer.models_disagree and not is_agreed,
        is_certain=answer.claim >= PROBABLE and is_agreed,
        judge_agrees=is_agreed,
    )
    return whole._replace(
        box=side.box,
        image=side.image,
        recognition=recognition,
        judged=side.shares,
    )


def _best_cut(found: Found) -> tuple[Side, Side] | None:
    """The cut whose less probable digit is the most probable by the judge; None without a cut."""
    cuts = cuts_of(found)
    if not cuts:
        return None
    seen = np.array([part.surroundings for cut in cuts for part in cut])
    shares = network.shipped().probabilities(seen).reshape(len(cuts), 2, len(CLASSES))
    best = int(shares[..., :OTHER].max(axis=2).min(axis=1).argmax())
    (left, right), (of_left, of_right) = cuts[best], shares[best]
    images = left.image(), right.image()
    if images[0] is None or images[1] is None:
        return None
    return Side(left.box, images[0], of_left), Side(right.box, images[1], of_right)
