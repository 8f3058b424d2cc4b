"""A recognizer trained on a third of MNIST reads pictures of digits, and marks pictures of
something else.
"""

from itertools import islice

import numpy as np
import pytest
from support.handwriting import LETTERS, evaluation_set, letter_picture
from support.nondigits import KINDS, nondigit_pictures
from support.other_hands import corrupted, eight_by_eight, in_light_ink
from support.reading import Score, holds_no_digit, scores
from support.recognizing import recognizer_of

from mnist_pipeline import training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.networks import CNN

SEED = 7
NUM_TRAINING, NUM_HELD_OUT = 20_000, 2_000
NUM_PASTED = 100
NUM_CORRUPTED = 10
NUM_SMALL = 50
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def recognizer(train: DigitSet) -> Recognizer:
    """The convolutional network of the default recipe as champion."""
    digits, cnn = (
        DigitSet(train.images[:NUM_TRAINING], train.labels[:NUM_TRAINING]),
        training.build(CNN, seed=0),
    )
    history = training.train(
        cnn, *digits, training.RECIPES["cnn"]["default"], validation_size=NUM_HELD_OUT
    )
    return recognizer_of(
        digits, "cnn", cnn={**training.weights(cnn), "temperature": np.array(history.temperature)}
    )


@pytest.fixture(scope="module")
def read(recognizer: Recognizer, test: DigitSet) -> dict[str, Score]:
    pasted = (test.images[:NUM_PASTED], test.labels[:NUM_PASTED])
    return scores(recognizer, evaluation_set(10, SEED, pasted))


@pytest.mark.parametrize(
    ("kind", "least"), [("single", 0.97), ("pasted", 0.97), ("line", 0.95), ("page", 0.95)]
)
def test_handwritten_digits_are_read_in_order(
    read: dict[str, Score], kind: str, least: float
) -> None:
    assert read[kind].digits >= 100
    assert read[kind].accuracy >= least
    assert read[kind].in_order == read[kind].pictures


def test_light_digits_on_dark_paper_are_read_as_well_as_dark_ones(recognizer: Recognizer) -> None:
    dark = list(islice(eight_by_eight(), NUM_SMALL))
    of_dark, of_light = (
        scores(recognizer, examples)["8×8"].accuracy for examples in (dark, in_light_ink(dark))
    )
    assert of_light >= of_dark - 0.02


def test_corrupted_digits_are_read_in_pictures_and_few_are_marked(
    recognizer: Recognizer, train: DigitSet
) -> None:
    others = slice(NUM_TRAINING, NUM_TRAINING + NUM_CORRUPTED)
    found = scores(recognizer, corrupted(train.images[others], train.labels[others]))
    assert found.pop("plain").accuracy >= 0.95
    marked = [score.flagged / score.right for score in found.values()]
    assert min(score.accuracy for score in found.values()) >= 0.6
    assert np.mean([score.accuracy for score in found.values()]) >= 0.9
    assert np.mean(marked) <= 0.15


def test_letters_and_pictures_without_a_digit_are_marked(recognizer: Recognizer) -> None:
    rng = np.random.default_rng(3)
    letters = [
        holds_no_digit(recognizer, letter_picture(letter, rng))
        for letter in LETTERS
        for _ in range(4)
    ]
    assert np.mean(letters) >= 0.85
    others = [holds_no_digit(recognizer, picture) for _, picture in nondigit_pictures(4, seed=2)]
    assert np.mean(others) >= 0.85
    assert np.reshape(others, (len(KINDS), -1)).mean(axis=1).min() >= 0.6
