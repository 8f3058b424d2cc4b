"""The assets of k-nearest neighbours, called as functions on stored values."""

from typing import Any

import dagster as dg
import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn.model import accuracy_by_k, tie_break_of
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def predictions(**given: Any) -> dg.MaterializeResult[Any]:
    return call("knn_predictions", **given)


def test_every_algorithm_finds_the_same_neighbours(small_test: DigitSet) -> None:
    few = DigitSet(small_test.images[:100], small_test.labels[:100])
    found = predictions(test_digits=few, config={"algorithm": "brute"}).value
    for field in ("indices", "squared_distances"):
        np.testing.assert_array_equal(getattr(found, field), getattr(read("knn_predictions"), field)[:100])


@pytest.mark.parametrize("rule", ["nearest", "smallest"])
def test_ties_are_broken_as_configured_in_one_search_for_every_k(rule: str) -> None:
    result = predictions(config={"num_neighbors": 2, "tie_break": rule})
    train, test = read("train_digits").labels, read("test_digits").labels
    two = train[result.value.indices[:, :2]]
    np.testing.assert_array_equal(result.value.labels, two[:, 0] if rule == "nearest" else two.min(axis=1))
    assert tie_break_of(result.value, train) == rule
    table = accuracy_by_k(result.value, train, test)
    assert table["k"] == list(range(1, 11))
    assert table[rule][1] == np.mean(result.value.labels == test)
    shown = [record.data for record in result.metadata["accuracy_by_k"].records]
    np.testing.assert_allclose([row[rule] for row in shown], table[rule], rtol=1e-5)


def test_more_than_ten_neighbours_are_kept_if_more_vote() -> None:
    found = predictions(config={"num_neighbors": 12}).value
    assert found.indices.shape == found.squared_distances.shape == (500, 12)


def test_fewer_than_ten_training_digits_are_all_kept(small_train: DigitSet) -> None:
    few = DigitSet(small_train.images[:6], small_train.labels[:6])
    index = call("knn_index", train_digits=few).value
    found = predictions(train_digits=few, knn_index=index).value
    np.testing.assert_array_equal(np.sort(found.indices, axis=1), np.tile(np.arange(6), (500, 1)))


def test_training_digits_find_themselves_and_leave_no_error_to_draw(small_train: DigitSet) -> None:
    same = DigitSet(small_train.images[:50], small_train.labels[:50])
    result = predictions(test_digits=same, config={"num_neighbors": 1})
    np.testing.assert_array_equal(result.value.indices[:, 0], np.arange(50))
    assert not result.value.squared_distances[:, 0].any()
    assert "errors" not in result.metadata


def test_the_configuration_is_recorded() -> None:
    config = {"algorithm": "brute", "num_neighbors": 5, "tie_break": "smallest"}
    metadata = predictions(config=config).metadata
    assert metadata["config"].data == config
    assert "k = 5" in metadata[HEADLINE]
