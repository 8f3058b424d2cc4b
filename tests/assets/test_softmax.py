"""The assets of softmax regression, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.softmax import method, on_gradients

pytestmark = pytest.mark.usefixtures("finished")


def test_the_model_is_what_the_method_fits_with_the_same_seed_and_settings(small_train):
    held_out = np.arange(100)
    digits = DigitSet(small_train.images[:300], small_train.labels[:300], held_out)
    config = {"epochs": 3, "learning_rate": 2e-3}
    result = call("softmax_model", train_digits=digits, seed=7, config=config)
    fitted = method.fit(digits, config, seed=7, kind=ImageKind())
    np.testing.assert_equal(result.value, fitted)
    assert result.metadata["config"].data == config


def test_both_features_are_measured_on_the_test_images(small_train):
    train = DigitSet(small_train.images[:500], small_train.labels[:500])
    test = DigitSet(small_train.images[500:800], small_train.labels[500:800])
    result = call("softmax_on_gradients", train_digits=train, test_digits=test, seed=7)
    np.testing.assert_equal(result.value, on_gradients.fit(train, test.images, seed=7))
    of_pixels, of_gradients = (result.value.answers == test.labels).mean(axis=1)
    metadata = result.metadata
    assert metadata["accuracy_on_pixels"] == pytest.approx(of_pixels, abs=1e-4)
    assert metadata["accuracy_on_gradients"] == pytest.approx(of_gradients, abs=1e-4)
    assert metadata["trained_on"] == 500
    assert "arrows" in metadata
    assert 0.7 < of_pixels < of_gradients
