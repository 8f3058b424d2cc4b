"""The assets of k-nearest neighbours, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.runtime.graph.results import HEADLINE

pytestmark = pytest.mark.usefixtures("finished")


def test_the_configured_number_of_neighbours_votes_and_at_least_ten_are_kept():
    model = call("knn_model", config={"num_neighbors": 12}).value
    predictions = call("knn_predictions", knn_model=model).value
    assert predictions.nearest.indices.shape == (500, 12)
    assert predictions.probabilities.dtype == np.float32
    counted = call("knn_votes", knn_predictions=predictions)
    votes = counted.value
    right = predictions.labels == read("test_digits").labels
    assert votes["nearest"][11] == right.mean()
    assert f"k = {votes['k'][votes['nearest'].argmax()]}:" in counted.metadata[HEADLINE]


def test_colours_are_searched_without_the_components_of_grey_images(small_train):
    colours = np.stack([small_train.images[:60]] * 3, axis=-1)
    model = call(
        "knn_model",
        train_digits=DigitSet(colours, small_train.labels[:60]),
        image_kind=ImageKind(),
    ).value
    np.testing.assert_array_equal(model.images, colours.reshape(60, -1))
