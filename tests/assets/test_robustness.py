"""The robustness of the models, measured by the asset called as a function on stored values."""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from support.calls import call
from support.resources import DATA_SET

from assets import robustness
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation.robustness import DISTURBANCES, disturb, sample
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.storage.storage import read

SMALL = {"shift": [1], "rotation": [5, 10], "scale": [0.9, 1.1], "stroke": [-0.5, 0.5]}


@pytest.fixture
def measured(finished: Path) -> dg.MaterializeResult[pd.DataFrame]:
    return call("robustness", config={"num_images": 100})


def test_each_model_is_measured_under_each_disturbance(measured: dg.MaterializeResult[pd.DataFrame]) -> None:
    table = measured.value
    assert list(table.columns) == ["disturbance", "amount", "model", "accuracy", "count", "answers"]
    conditions = sum(len(found.amounts) for found in DISTURBANCES.values())
    assert table.groupby("model").size().to_dict() == dict.fromkeys(MODELS, conditions)
    assert set(table["count"]) == {100}


def test_a_model_reads_disturbed_images_as_it_reads_the_test_images(
    measured: dg.MaterializeResult[pd.DataFrame],
) -> None:
    digits = read("test_digits")
    drawn = sample(len(digits.labels), 100)
    few = DigitSet(*(array[drawn] for array in digits))
    turned = DigitSet(disturb(few.images, "rotation", 30), few.labels)
    accuracies = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    for model in MODELS:
        undisturbed = read(f"{model}_predictions").labels[drawn] == few.labels
        assert accuracies["rotation", 0, model] == undisturbed.mean()
        predictions = call(f"{model}_predictions", test_digits=turned).value
        assert accuracies["rotation", 30, model] == np.mean(predictions.labels == few.labels)
    least = min(accuracies[name, amount, "cnn"] for name, amounts in SMALL.items() for amount in amounts)
    assert measured.metadata["small_disturbances"] == least
    assert f"{least:.1%} under small disturbances of 100 images" in measured.metadata[HEADLINE]


def test_on_mnist_the_floor_is_a_known_one(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = DigitSet(np.zeros((200, 28, 28), np.uint8), np.arange(200, dtype=np.uint8) % 10)
    assert robustness.above_floor(0.9, digits, DATA_SET).passed  # another data set: better than one in ten
    assert not robustness.above_floor(0.11, digits, DATA_SET).passed
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    assert not robustness.above_floor(0.9, digits, DATA_SET).passed
    assert robustness.above_floor(0.99, digits, DATA_SET).passed
