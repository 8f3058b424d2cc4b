"""The assets of k-nearest neighbours, called as functions on stored values."""

import pytest
from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.runtime.graph.results import HEADLINE

pytestmark = pytest.mark.usefixtures("finished")


def test_the_configured_number_of_neighbours_votes_and_at_least_ten_are_kept():
    model = call("knn_model", config={"num_neighbors": 12}).value
    predictions = call("knn_predictions", knn_model=model).value
    assert predictions.nearest.indices.shape == (500, 12)
    counted = call("knn_votes", knn_predictions=predictions)
    votes = counted.value
    right = predictions.labels == read("test_digits").labels
    assert votes["nearest"][11] == right.mean()
    assert f"k = {votes['k'][votes['nearest'].argmax()]}:" in counted.metadata[HEADLINE]
