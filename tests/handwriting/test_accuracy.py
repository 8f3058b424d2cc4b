"""A recognizer trained on all of MNIST reads synthetic handwriting."""

import numpy as np
import pytest
from support.handwriting import evaluation_set
from support.reading import Score, scores
from support.recognizing import recognizer_of

from mnist_pipeline import training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.networks import CNN

SEED = 7
NUM_PASTED = 200
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def recognizer(train: DigitSet) -> Recognizer:
    """The convolutional network of the default recipe as champion."""
    cnn = training.build(CNN, seed=0)
    history = training.train(cnn, train.images, train.labels, training.RECIPES["cnn"]["default"], validation_size=5_000)
    return recognizer_of(train, "cnn", cnn={**training.weights(cnn), "temperature": np.array(history.temperature)})


@pytest.fixture(scope="module")
def read(recognizer: Recognizer, test: DigitSet) -> dict[str, Score]:
    pasted = (test.images[:NUM_PASTED], test.labels[:NUM_PASTED])
    return scores(recognizer, evaluation_set(20, SEED, pasted))


@pytest.mark.parametrize(("kind", "least"), [("single", 0.97), ("pasted", 0.97), ("line", 0.95), ("page", 0.95)])
def test_handwritten_digits_are_read_in_order(read: dict[str, Score], kind: str, least: float) -> None:
    assert read[kind].digits >= 200
    assert read[kind].accuracy >= least
    assert read[kind].in_order == read[kind].pictures
