"""The assets of softmax regression, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.methods.softmax import method

pytestmark = pytest.mark.usefixtures("finished")


def test_the_model_is_what_the_method_fits_with_the_same_seed_and_settings(small_train):
    held_out = np.arange(100)
    digits = DigitSet(small_train.images[:300], small_train.labels[:300], held_out)
    config = {"epochs": 3, "learning_rate": 2e-3}
    result = call("softmax_model", train_digits=digits, seed=7, config=config)
    fitted = method.fit(digits, config, seed=7, kind=ImageKind())
    np.testing.assert_equal(result.value, fitted)
    assert result.metadata["config"].data == config
