"""The assets of softmax regression, called as functions."""

from __future__ import annotations

import dagster as dg
import numpy as np
import pytest
from support.resources import DATA_SET

from assets import softmax
from assets.softmax import SoftmaxConfig
from mnist_pipeline import softmax as methods
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.records import SoftmaxModel
from mnist_pipeline.runtime.graph.results import HEADLINE, ROW_COUNT
from mnist_pipeline.runtime.graph.seed import Seed


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    return DigitSet(small_train.images[:300], small_train.labels[:300])


@pytest.fixture(scope="module")
def held_out(small_test: DigitSet) -> DigitSet:
    return DigitSet(small_test.images[:100], small_test.labels[:100])


def fit(digits: DigitSet, seed: int = 0, **config: float) -> dg.MaterializeResult[SoftmaxModel]:
    return softmax.softmax_model(digits, data_set=DATA_SET, config=SoftmaxConfig(**config), seed=Seed(value=seed))


@pytest.fixture(scope="module")
def fitted(digits: DigitSet) -> dg.MaterializeResult[SoftmaxModel]:
    return fit(digits, epochs=4)


def test_the_model_is_what_sgd_gives_from_the_same_seed(digits: DigitSet) -> None:
    model = fit(digits, seed=7, epochs=3, learning_rate=2e-3).value
    weights, bias = methods.sgd(digits.images, digits.labels, epochs=3, learning_rate=2e-3, seed=7)
    np.testing.assert_array_equal(model.weights, weights)
    np.testing.assert_array_equal(model.bias, bias)
    assert (model.weights.shape, model.bias.shape) == ((10, 784), (10,))


def test_the_default_configuration_is_the_defaults_of_sgd(digits: DigitSet) -> None:
    few = DigitSet(digits.images[:50], digits.labels[:50])
    np.testing.assert_array_equal(fit(few).value.weights, methods.sgd(few.images, few.labels)[0])


def test_the_loss_falls_epoch_by_epoch_and_the_last_is_told(fitted: dg.MaterializeResult[SoftmaxModel]) -> None:
    model = fitted.value
    assert len(model.loss) == len(model.accuracy) == 4
    assert (np.diff(model.loss) < 0).all()
    assert fitted.metadata["loss"] == model.loss[-1]
    assert fitted.metadata["training_accuracy"] == model.accuracy[-1]
    assert f"{model.loss[-1]:.4f}" in fitted.metadata[HEADLINE]


def test_the_configuration_is_recorded(digits: DigitSet) -> None:
    assert fit(digits, epochs=1, learning_rate=0.01).metadata["config"].data == {"epochs": 1, "learning_rate": 0.01}


def test_predictions_are_the_probabilities_of_the_method_and_the_most_probable_class(
    fitted: dg.MaterializeResult[SoftmaxModel], held_out: DigitSet
) -> None:
    model = fitted.value
    found = softmax.softmax_predictions(model, held_out)
    labels, probabilities = found.value
    assert (probabilities.shape, probabilities.dtype, labels.dtype) == ((100, 10), np.float32, np.uint8)
    scores = held_out.images.reshape(100, 784) / 255 @ model.weights.T + model.bias
    np.testing.assert_allclose(probabilities, methods.softmax(scores), atol=1e-6)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(labels, scores.argmax(axis=1))
    assert found.metadata[ROW_COUNT] == 100
    assert found.metadata["mean_confidence"] == pytest.approx(probabilities.max(axis=1).mean())
