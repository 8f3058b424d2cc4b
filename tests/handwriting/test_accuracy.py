"""A recognizer trained on all of MNIST reads synthetic handwriting and flags pictures without a digit."""

import numpy as np
import pytest
from support.handwriting import LETTERS, evaluation_set, letter_picture
from support.nondigits import nondigit_pictures
from support.reading import Score, holds_no_digit, scores
from support.recognizing import recognizer_of

from mnist_pipeline import training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.handwriting.novelty import POINT, Novelty
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.networks import CNN

SEED = 7
NUM_PASTED = 200
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def recognizer(train: DigitSet, test: DigitSet) -> Recognizer:
    """The convolutional network of the default recipe as champion."""
    cnn = training.build(CNN, seed=0)
    history = training.train(cnn, train.images, train.labels, training.RECIPES["cnn"]["default"], validation_size=5_000)
    return recognizer_of(
        train, test, "cnn", cnn={**training.weights(cnn), "temperature": np.array(history.temperature)}
    )


@pytest.fixture(scope="module")
def read(recognizer: Recognizer, test: DigitSet) -> dict[str, Score]:
    pasted = (test.images[:NUM_PASTED], test.labels[:NUM_PASTED])
    return scores(recognizer, evaluation_set(20, SEED, pasted))


@pytest.mark.parametrize(("kind", "least"), [("single", 0.97), ("pasted", 0.97), ("line", 0.95), ("page", 0.95)])
def test_handwritten_digits_are_read_in_order(read: dict[str, Score], kind: str, least: float) -> None:
    assert read[kind].digits >= 200
    assert read[kind].accuracy >= least
    assert read[kind].in_order == read[kind].pictures


def test_pictures_without_a_digit_are_flagged_and_few_test_digits(recognizer: Recognizer, test: DigitSet) -> None:
    rng = np.random.default_rng(SEED)
    letters = [holds_no_digit(recognizer, letter_picture(letter, rng)) for letter in LETTERS for _ in range(10)]
    assert np.mean([holds_no_digit(recognizer, picture) for _, picture in nondigit_pictures(10, SEED)]) >= 0.9
    assert np.mean(letters) >= 0.7
    assert np.mean(Novelty(**recognizer.novelty).percentile(test.images) > POINT) <= 0.02
