"""Accuracy by number of training images: the parts are those of trials, whose points may join."""

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.evaluation import experiments, training_sizes
from mnist_pipeline.evaluation.scores import accuracy, evaluate
from mnist_pipeline.methods.table import MODELS

SETTINGS = {
    name: {key: setting.default for key, setting in model.settings.items()}
    for name, model in MODELS.items()
}


@pytest.fixture(scope="module")
def measured(small_train: DigitSet, small_test: DigitSet) -> pd.DataFrame:
    evaluation = evaluate(small_test.labels, small_test.labels, np.eye(10)[small_test.labels])
    evaluations = dict.fromkeys(("knn", "cnn"), evaluation)
    return training_sizes.measure(small_train, small_test, {}, evaluations, 0)


def test_a_part_gives_the_accuracy_of_the_trial_of_its_size_and_all_images_that_of_the_run(
    measured: pd.DataFrame, small_train: DigitSet, small_test: DigitSet
) -> None:
    found = measured.set_index(["model", "size"])["test_accuracy"]
    for model, tolerance in (("knn", 0), ("softmax", 0.02)):  # which takes larger steps
        trial = experiments.Trial(model, 1_000, 0, SETTINGS[model])
        labels = experiments.run(trial, small_train, small_test)["test"]
        expected = accuracy(small_test.labels, labels)
        assert found[model, 1_000] == pytest.approx(expected, abs=tolerance)
    assert found["knn", len(small_train.labels)] == found["cnn", 1_833] == 1


def test_points_of_a_sweep_with_default_settings_join_the_curves(measured: pd.DataFrame) -> None:
    row = {"model": "cnn", "settings": "default", "size": 100, "seed": 1, "test_accuracy": 0.9}
    others = [{"seed": 2, "test_accuracy": 0.8}, {"settings": "recipe fast"}]
    sweep = pd.DataFrame([row, *(row | other for other in others)]).assign(trial="")
    curves = {curve.model: curve for curve in training_sizes.all_curves(measured, sweep)}
    assert curves["cnn"].accuracies == [[0.9, 0.8], [1]]
    assert curves["knn"].sizes == [100, 1_000, 2_000]
    (alone,) = [curve for curve in training_sizes.all_curves(measured) if curve.model == "cnn"]
    assert alone.sizes == [1_833]
