"""A recognizer trained on a sixth of MNIST reads pictures of digits, and marks pictures of
something else.
"""

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import pytest
from PIL import Image
from support.drawing import handwritten
from support.networks import fitted_network
from support.recognizing import recognizer_of

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.doubt import Reading, text_of
from mnist_pipeline.handwriting.finder.search import page_of
from mnist_pipeline.handwriting.reading import read_digits
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.networks.modules import CNN

NUM_TRAINING = 10_000
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def recognizer(train) -> Recognizer:
    """The convolutional network of the default recipe as champion."""
    digits = DigitSet(train.images[:NUM_TRAINING], train.labels[:NUM_TRAINING])
    recipe, cnn = training.RECIPES["cnn"]["default"], training.build(CNN, seed=0)
    _, held_out = digits.divided()
    history = training.train(cnn, *digits, recipe, held_out=held_out, drawn=True)
    fitted = fitted_network(training.weights(cnn), temperature=history.temperature)
    return recognizer_of(digits, "cnn", cnn=fitted)


def read(recognizer: Recognizer, pictures: Sequence[np.ndarray]) -> list[list[Reading]]:
    """The readings of grey pictures."""
    return [read_digits(page_of(picture), recognizer) for picture in pictures]


@pytest.mark.parametrize("kind", ["single", "pasted", "line", "page", "form"])
def test_handwritten_digits_are_read_in_order(kind, recognizer):
    texts, pictures = zip(*handwritten(kind))
    found = ["-".join(text_of(readings)) for readings in read(recognizer, pictures)]
    letters = zip_longest("|".join(texts), "|".join(found))
    num_wrong = sum(expected != found for expected, found in letters)
    assert num_wrong <= 1, dict(zip(texts, found))


def touching(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """A picture of two digits that are moved together until they touch."""
    first, second = (image[:, (image > 127).any(axis=0)] for image in (left, right))
    rows, width = first.shape
    for overlap in range(1, min(width, second.shape[1])):
        if ((first[:, -overlap:] > 127) & (second[:, :overlap] > 127)).any():
            break
    pair = np.zeros((rows, width + second.shape[1] - overlap), np.uint8)
    pair[:, :width] = first
    pair[:, width - overlap :] = np.maximum(pair[:, width - overlap :], second)
    paper = Image.fromarray(255 - np.pad(pair, 12))
    return np.asarray(paper.resize((3 * paper.width, 3 * paper.height)))


def test_most_digits_that_touch_are_read(recognizer, test):
    firsts = range(0, 80, 2)
    pictures = [touching(test.images[k], test.images[k + 1]) for k in firsts]
    found = [text_of(readings) for readings in read(recognizer, pictures)]
    expected = [[f"{test.labels[k]}{test.labels[k + 1]}"] for k in firsts]
    assert np.mean([a == b for a, b in zip(found, expected)]) > 0.4


def test_letters_and_pictures_without_a_digit_are_marked(recognizer):
    noise = np.random.default_rng(3).integers(0, 256, (20, 200, 120), np.uint8)
    others = [
        picture for kind in ("letter", "scribble", "blank") for _, picture in handwritten(kind)
    ]
    marked = [
        not any(reading.recognition.looks_like_digit for reading in readings)
        for readings in read(recognizer, [*noise, *others])
    ]
    assert np.mean(marked) >= 0.85
