"""The assets of k-nearest neighbours, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from assets.checks.methods import not_in_training
from mnist_pipeline import read
from mnist_pipeline.data.values import DigitSet

pytestmark = pytest.mark.usefixtures("finished")


def test_the_configured_number_of_neighbours_votes_and_at_least_ten_are_kept() -> None:
    model = call("knn_model", config={"num_neighbors": 12}).value
    predictions = call("knn_predictions", knn_model=model).value
    assert predictions.nearest["indices"].shape == (500, 12)
    votes = call("knn_votes", knn_predictions=predictions).value
    right = predictions.labels == read("test_digits").labels
    assert votes["nearest"][11] == right.mean()


def test_training_digits_are_their_own_neighbours_and_are_counted(small_train: DigitSet) -> None:
    images = small_train.images[:50].copy()
    images[25:] -= images[25:] // 10  # another light
    model = call("knn_model", config={"num_neighbors": 1}).value
    predictions = call("knn_predictions", knn_model=model, test_images=images).value
    np.testing.assert_array_equal(predictions.nearest["indices"][:, 0], np.arange(50))
    check = not_in_training(predictions, read("train_digits"), images)
    assert (check.passed, check.value) == (False, 50)
