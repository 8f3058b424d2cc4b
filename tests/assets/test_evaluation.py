"""Assets that compare the models, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.evaluation.robustness import best, curves, sample, summary
from mnist_pipeline.methods.table import MODELS


def test_a_model_reads_undisturbed_images_as_it_reads_the_test_images(finished):
    measured = call("robustness", config={"num_images": 100})
    true = read("test_digits").labels
    drawn = sample(len(true), 100)
    accuracies = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    for model in MODELS:
        right = read(f"{model}_predictions").labels[drawn] == true[drawn]
        assert accuracies["rotation", 0, model] == right.mean()
    of_best = summary(curves(measured.value), best(curves(measured.value)))
    small = measured.metadata["small_disturbances"]
    assert small == pytest.approx(of_best["small_mean"], abs=1e-5)


def test_no_held_out_image_is_its_own_neighbour(finished):
    table = call("held_out_labels").value
    images = read("train_digits").images[table["index"]]
    with_itself = MODELS["knn"].method().answer(read("knn_model"), images)
    errors = table["knn"] != table["label"]
    assert errors.sum() > (with_itself.labels != table["label"]).sum()


def test_an_evaluation_compares_the_predictions_with_the_labels_of_the_test_images(finished):
    true, predictions = read("test_digits").labels, read("softmax_predictions")
    found = call("softmax_evaluation").value
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (true, predictions.labels), 1)
    np.testing.assert_array_equal(found.confusion_matrix, counts)
    is_right = predictions.probabilities.argmax(axis=1) == true
    of_bins = np.array(found.calibration.counts) @ found.calibration.accuracy
    assert of_bins == pytest.approx(is_right.sum())
