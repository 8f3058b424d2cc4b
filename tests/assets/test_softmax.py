"""The assets of softmax regression, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods import softmax

pytestmark = pytest.mark.usefixtures("finished")


def test_the_model_is_what_sgd_gives_with_the_same_seed_and_settings(small_train: DigitSet) -> None:
    held_out = np.arange(100)
    digits = DigitSet(small_train.images[:300], small_train.labels[:300], held_out)
    config = {"epochs": 3, "learning_rate": 2e-3}
    result = call("softmax_model", train_digits=digits, seed=7, config=config)
    weights, bias = softmax.sgd(*digits, seed=7, **config)
    np.testing.assert_array_equal(result.value["weights"], weights)
    np.testing.assert_array_equal(result.value["bias"], bias)
    kept, _ = digits.divided()
    weights, bias = softmax.sgd(digits.images[kept], digits.labels[kept], seed=7, **config)
    np.testing.assert_array_equal(result.value["held_out_weights"], weights)
    assert result.metadata["config"].data == config
