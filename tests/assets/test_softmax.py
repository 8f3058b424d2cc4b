"""The assets of softmax regression, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import softmax
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def test_the_model_is_what_sgd_gives_with_the_same_seed_and_settings(small_train: DigitSet) -> None:
    digits = DigitSet(small_train.images[:300], small_train.labels[:300])
    config = {"epochs": 3, "learning_rate": 2e-3}
    result = call("softmax_model", train_digits=digits, seed=7, config=config)
    weights, bias = softmax.sgd(*digits, seed=7, **config)
    np.testing.assert_array_equal(result.value.weights, weights)
    np.testing.assert_array_equal(result.value.bias, bias)
    assert result.metadata["config"].data == config
    assert result.metadata["loss"] == pytest.approx(result.value.loss[-1], rel=1e-5)
    assert f"{result.value.loss[-1]:.4f} after 3 epochs" in result.metadata[HEADLINE]


def test_the_default_configuration_is_the_defaults_of_sgd() -> None:
    np.testing.assert_array_equal(read("softmax_model").weights, softmax.sgd(*read("train_digits"))[0])


def test_predictions_are_the_most_probable_class() -> None:
    labels, probabilities = read("softmax_predictions")
    model, images = read("softmax_model"), read("test_digits").images
    scores = images.reshape(len(images), -1) / 255 @ model.weights.T + model.bias
    np.testing.assert_allclose(probabilities, softmax.softmax(scores), atol=1e-6)
    np.testing.assert_array_equal(labels, scores.argmax(axis=1))
