"""The assets of k-nearest neighbours, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn.model import accuracy_by_k, tie_break_of
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


@pytest.mark.parametrize("rule", ["nearest", "smallest"])
def test_ties_are_broken_as_configured(rule: str) -> None:
    result = call("knn_predictions", config={"num_neighbors": 2, "tie_break": rule})
    two = read("train_digits").labels[result.value.indices[:, :2]]
    np.testing.assert_array_equal(
        result.value.labels, two[:, 0] if rule == "nearest" else two.min(axis=1)
    )
    train, test = read("train_digits").labels, read("test_digits").labels
    assert tie_break_of(result.value, train) == rule
    assert accuracy_by_k(result.value, train, test)[rule][1] == np.mean(result.value.labels == test)


def test_more_than_ten_neighbours_are_kept_if_more_vote() -> None:
    found = call("knn_predictions", config={"num_neighbors": 12}).value
    assert found.indices.shape == found.squared_distances.shape == (500, 12)


def test_fewer_than_ten_training_digits_are_all_kept(small_train: DigitSet) -> None:
    few = DigitSet(small_train.images[:6], small_train.labels[:6])
    index = call("knn_index", train_digits=few).value
    found = call("knn_predictions", train_digits=few, knn_index=index).value
    np.testing.assert_array_equal(np.sort(found.indices, axis=1), np.tile(np.arange(6), (500, 1)))


def test_training_digits_find_themselves_and_leave_no_error_to_draw(small_train: DigitSet) -> None:
    same = DigitSet(small_train.images[:50], small_train.labels[:50])
    result = call("knn_predictions", test_digits=same, config={"num_neighbors": 1})
    np.testing.assert_array_equal(result.value.indices[:, 0], np.arange(50))
    assert "errors" not in result.metadata
