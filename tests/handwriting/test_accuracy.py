"""A recognizer trained on a third of MNIST reads pictures of digits, and marks pictures of
something else.
"""

import numpy as np
import pytest
from support.handwriting import (
    DISTINCT,
    Example,
    blank_picture,
    evaluation_set,
    letter_picture,
    scribble_picture,
)
from support.reading import Score, holds_no_digit, scores
from support.recognizing import recognizer_of

from mnist_pipeline.data.corruptions import CORRUPTIONS, corrupt
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.networks.modules import CNN

SEED = 7
NUM_TRAINING, NUM_HELD_OUT = 20_000, 2_000
NUM_PASTED = 100
NUM_CORRUPTED = 10
ENLARGED = np.ones((8, 8), np.uint8)
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def recognizer(train: DigitSet) -> Recognizer:
    """The convolutional network of the default recipe as champion."""
    digits = DigitSet(train.images[:NUM_TRAINING], train.labels[:NUM_TRAINING])
    recipe, cnn = training.RECIPES["cnn"]["default"], training.build(CNN, seed=0)
    history = training.train(cnn, *digits, recipe, validation_size=NUM_HELD_OUT)
    state = {**training.weights(cnn), "temperature": np.array(history.temperature)}
    return recognizer_of(digits, "cnn", cnn=state)


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


def test_corrupted_digits_are_read_in_pictures_and_few_are_marked(
    recognizer: Recognizer, train: DigitSet
) -> None:
    others = slice(NUM_TRAINING, NUM_TRAINING + NUM_CORRUPTED)
    examples = [
        Example(name, (int(label),), ((0, 0, 224, 224),), np.kron(255 - image, ENLARGED))
        for name in CORRUPTIONS
        for image, label in zip(corrupt(train.images[others], name), train.labels[others])
    ]
    found = scores(recognizer, examples).values()
    assert min(score.accuracy for score in found) >= 0.6
    assert np.mean([score.accuracy for score in found]) >= 0.9
    assert np.mean([score.flagged / score.right for score in found]) <= 0.15


def test_letters_and_pictures_without_a_digit_are_marked(recognizer: Recognizer) -> None:
    rng = np.random.default_rng(3)
    kinds = {
        "letters": [letter_picture(letter, rng) for letter in DISTINCT for _ in range(4)],
        "noise": [rng.integers(0, 256, (200, 120), np.uint8) for _ in range(4)],
        "scribbles": [scribble_picture(rng) for _ in range(60)],
        "blank paper": [blank_picture(rng) for _ in range(8)],
    }
    marked = {
        kind: np.mean([holds_no_digit(recognizer, picture) for picture in pictures])
        for kind, pictures in kinds.items()
    }
    assert marked["letters"] >= 0.85
    assert min(marked.values()) >= 0.6, marked
    assert np.mean(list(marked.values())) >= 0.85
