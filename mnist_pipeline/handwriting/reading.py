"""A person's picture from its file to its readings: find digits, recognise them, judge them.

`search_picture` and then `read_digits` are the whole way, from top to bottom. `finder` proposes,
`Recognizer` answers for images, `judge` decides what is a digit among other ink, `touching` divides
two digits, and `doubt` says so in words.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mnist_pipeline.data.conversion import fitted, on_ground
from mnist_pipeline.data.decoding import SMALL, decode, opened
from mnist_pipeline.data.values import CLASS_NAMES, DataSet
from mnist_pipeline.handwriting.direction import direction_warning
from mnist_pipeline.handwriting.doubt import (
    PROBABLE,
    Reading,
    Recognition,
    only_ordinary,
    with_least_certain,
    without_specks,
)
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.finder.search import Found, Page
from mnist_pipeline.handwriting.judge import network
from mnist_pipeline.handwriting.novelty import ORDINARY, looks_like_digit
from mnist_pipeline.handwriting.recognizer import CNN, Recognizer
from mnist_pipeline.handwriting.touching import Shares, cuts_of_page, with_cuts

CERTAIN = 0.99  # with a lower probability, the whole picture is read too
DIGIT = 0.1  # with a lower probability of a digit by the judge, ink does not look like one
AGREED = 0.25  # with a lower agreement of model and judge, an answer is in doubt
FEW = 5  # on a page with so few shapes, the judge sees little around them, and novelty counts too
CONVINCED = (
    0.5  # least probability of a digit for ink on such a page that looks like none by novelty
)


def search_picture(source: Path | bytes, known: DataSet) -> Page:
    """Read a picture, a file or its content: its digits, or the picture as a whole.

    `known` is the data set that the models have learned. Raises an ImageError as `decoding.decode`
    does, which names the picture.
    """
    if not known.whole_pictures:
        return search.read_page(source)
    with opened(source) as content:
        width, height = decode(content)[0].size
        image = fitted(np.asarray(decode(content, SMALL)[0]), "whole")
    (shown,) = on_ground([image], known.ground, color=known.color)
    return Page(image, [Found((0, 0, width, height), shown)])


def read_digits(page: Page, recognizer: Recognizer) -> list[Reading]:
    """Recognise the digits of a page in reading order, or the picture as a whole.

    If the only digit is in doubt, the whole picture is read too, and the more certain answer
    counts. The search for ink may lose strokes in noise or under other strokes, but none on paper
    that is blank around the digit. The convolutional network has learned to read digits
    anywhere in an image, of any size; the other models have not.
    """
    known = recognizer.known
    judged = _judged_classes(page.digits, known)
    cuts = cuts_of_page(page.digits, judged)
    images = [digit.image for digit in page.digits]
    images += [side.image for cut in cuts for side in cut.sides]
    answers = recognizer.recognize(np.array(images, np.uint8).reshape(-1, *known.shape))
    are_few = len(page.digits) <= FEW
    readings = [
        Reading(
            digit.box,
            digit.image,
            _judged(answer, shares, are_few, digit.is_sign),
            digit.line,
            judged=shares,
        )
        for digit, answer, shares in zip(page.digits, answers, judged)
    ]
    if known.whole_pictures:
        return readings
    readings = with_cuts(readings, cuts, answers[len(page.digits) :])
    readings = without_specks(readings)
    doubted = _only_doubted(readings)
    if doubted is not None and recognizer.champion == CNN:
        whole = search.whole_picture(page.picture, doubted.box)
        if whole is not None:
            (answer,) = recognizer.recognize(whole.image[np.newaxis])
            if answer.probability > doubted.recognition.probability:
                readings = _with_whole(readings, doubted, whole, answer)
    if all(shares is None for shares in judged):
        readings = only_ordinary(readings)
    return with_least_certain(readings)


def warnings_of(page: Page, readings: Sequence[Reading], recognizer: Recognizer) -> list[str]:
    """Why the whole picture is in doubt, in words: what was not read, and its direction."""
    known = recognizer.known
    if known.whole_pictures:
        return page.warnings
    images = np.array([reading.image for reading in readings], np.uint8).reshape(-1, *known.shape)
    return [*page.warnings, *filter(None, [direction_warning(images, recognizer)])]


def _judged_classes(digits: Sequence[Found], known: DataSet) -> list[Shares | None]:
    """The judge's probabilities of its classes; None for ink that it does not judge.

    It has learned the ten digits, and needs the surroundings of the ink.
    """
    seen = [digit.surroundings for digit in digits if digit.surroundings is not None]
    if known.class_names != CLASS_NAMES or not seen:
        return [None] * len(digits)
    shares = iter(network.shipped().probabilities(np.array(seen)))
    return [None if digit.surroundings is None else next(shares) for digit in digits]


def _judged(
    answer: Recognition, shares: Shares | None, are_few: bool, is_sign: bool = False
) -> Recognition:
    """An answer with what the judge and the finder say of its ink.

    On a page with few shapes, the doubts of the models stay, as on the report's sheet, and an
    ordinary digit needs no judge. On other pages an answer on which model and judge agree is
    certain, also if other models outvote the model.
    """
    if shares is not None:
        is_ordinary = are_few and answer.novelty <= ORDINARY
        least = CONVINCED if are_few and not answer.looks_like_digit else DIGIT
        is_agreed = answer.agreement(shares) >= AGREED
        answer = replace(
            answer,
            looks_like_digit=is_ordinary or bool(network.digit_probabilities(shares) >= least),
            models_disagree=answer.models_disagree and (are_few or not is_agreed),
            is_certain=(is_ordinary or is_agreed)
            and (answer.is_certain if are_few else answer.claim >= PROBABLE),
            judge_agrees=is_agreed or is_ordinary,
        )
    return replace(answer, looks_like_digit=answer.looks_like_digit and not is_sign)


def _only_doubted(readings: Sequence[Reading]) -> Reading | None:
    """The largest shape if no other looks like a digit, unless its answer is certain."""
    num_digits = sum(reading.recognition.looks_like_digit for reading in readings)
    if not readings or num_digits > 1:
        return None
    largest = max(readings, key=lambda reading: reading.box[2] * reading.box[3])
    answer = largest.recognition
    return None if answer.looks_like_digit and answer.probability >= CERTAIN else largest


def _with_whole(
    readings: Sequence[Reading], doubted: Reading, whole: Found, answer: Recognition
) -> list[Reading]:
    """The readings with the whole picture instead of the one in doubt, and without other shapes.

    The ink that was found says how unusual the digit is.
    """
    novelty = doubted.recognition.novelty
    looks = looks_like_digit(novelty, answer.probability)
    answer = replace(answer, novelty=novelty, looks_like_digit=looks)
    answer = _judged(answer, doubted.judged, are_few=True)
    again = doubted._replace(box=whole.box, image=whole.image, recognition=answer)
    return [
        again if reading is doubted else reading
        for reading in readings
        if reading is doubted or reading.recognition.looks_like_digit
    ]
