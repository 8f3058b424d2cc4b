"""The robustness of the models, measured by the asset called as a function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from support.resources import DATA_SET

from assets import knn, networks, robustness, softmax
from assets.knn import KNNConfig, TieBreak
from assets.networks import NetworkConfig
from assets.robustness import RobustnessConfig
from assets.softmax import SoftmaxConfig
from mnist_pipeline import pca
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn.model import tie_break_of
from mnist_pipeline.robustness import DISTURBANCES
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.graph.seed import Seed

MODELS = ("knn", "softmax", "mlp", "cnn")
Inputs = dict[str, Any]


@pytest.fixture(scope="module")
def inputs(small_train: DigitSet, small_test: DigitSet) -> Inputs:
    """Four models, quickly trained, and their predictions."""
    few = DigitSet(small_train.images[:1_000], small_train.labels[:1_000])
    test = DigitSet(small_test.images[:300], small_test.labels[:300])
    seed = Seed(value=0)
    mean = pca.mean(few.images)
    decomposition = pca.eigendecomposition(pca.covariance(pca.center(few.images, mean)))
    quick = NetworkConfig(epochs=3, batch_size=50, learning_rate=2e-3)
    found: Inputs = {
        "test_digits": test,
        "knn_index": knn.knn_index(few, mean, decomposition).value,
        "softmax_model": softmax.softmax_model(few, data_set=DATA_SET, config=SoftmaxConfig(epochs=3), seed=seed).value,
        "mlp_model": networks.mlp_model(few, config=quick, seed=seed).value,
        "cnn_model": networks.cnn_model(few, config=quick, seed=seed).value,
    }
    voting = KNNConfig(num_neighbors=4, tie_break=TieBreak.SMALLEST)
    found["knn_predictions"] = knn.knn_predictions(
        found["knn_index"], test, few, data_set=DATA_SET, config=voting, seed=seed
    ).value
    found["softmax_predictions"] = softmax.softmax_predictions(found["softmax_model"], test).value
    for name, asset in (("mlp", networks.mlp_predictions), ("cnn", networks.cnn_predictions)):
        found[f"{name}_predictions"] = asset(model=found[f"{name}_model"], test_digits=test).value
    return found


@pytest.fixture(scope="module")
def measured(inputs: Inputs) -> dg.MaterializeResult[pd.DataFrame]:
    return robustness.robustness(**inputs, data_set=DATA_SET, config=RobustnessConfig(num_images=100))


def checked(result: dg.MaterializeResult[Any], name: str) -> dg.AssetCheckResult:
    (found,) = (check for check in result.check_results if check.check_name == name)
    return found


def test_each_model_is_measured_under_each_disturbance(measured: dg.MaterializeResult[pd.DataFrame]) -> None:
    table = measured.value
    assert list(table.columns) == ["disturbance", "amount", "model", "accuracy", "count"]
    conditions = sum(len(found.amounts) for found in DISTURBANCES.values())
    assert table.groupby("model").size().to_dict() == dict.fromkeys(MODELS, conditions)
    assert set(table["count"]) == {100}
    np.testing.assert_allclose(table["accuracy"] * 100, np.rint(table["accuracy"] * 100))


@pytest.mark.parametrize("model", MODELS)
def test_undisturbed_a_model_reads_what_its_predictions_say(
    model: str, measured: dg.MaterializeResult[pd.DataFrame], inputs: Inputs
) -> None:
    labels = inputs["test_digits"].labels[:100]
    expected = np.mean(inputs[f"{model}_predictions"].labels[:100] == labels)
    table = measured.value[measured.value["model"] == model]
    neutral = table[table["amount"] == table["disturbance"].map(lambda name: DISTURBANCES[name].neutral)]
    assert neutral["accuracy"].tolist() == [expected] * len(DISTURBANCES)
    assert checked(measured, "undisturbed_as_evaluated").passed


def test_a_disturbed_image_is_read_by_the_stored_network(
    measured: dg.MaterializeResult[pd.DataFrame], inputs: Inputs
) -> None:
    few = DigitSet(*(array[:100] for array in inputs["test_digits"]))
    turned = DigitSet(DISTURBANCES["rotation"].apply(few.images, 30), few.labels)
    expected = networks.cnn_predictions(model=inputs["cnn_model"], test_digits=turned).value.labels == few.labels
    table = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    assert table["rotation", 30, "cnn"] == expected.mean()


def test_the_least_accuracy_under_small_disturbances_is_told(measured: dg.MaterializeResult[pd.DataFrame]) -> None:
    table = measured.value.set_index(["disturbance", "amount", "model"])["accuracy"]
    small = (
        ("shift", 1),
        ("rotation", 5),
        ("rotation", 10),
        ("scale", 0.9),
        ("scale", 1.1),
        ("stroke", -0.5),
        ("stroke", 0.5),
    )
    least = min(table[name, amount, "cnn"] for name, amount in small)
    assert measured.metadata["small_disturbances"] == least
    assert f"at least {least:.1%} under small disturbances of 100 images" in measured.metadata[HEADLINE]
    assert measured.metadata["robustness"].value.startswith("![robustness](data:image/png;base64,")


@pytest.mark.parametrize("rule", TieBreak)
def test_the_rule_for_ties_is_found_again_from_the_votes(rule: TieBreak, inputs: Inputs, small_train: DigitSet) -> None:
    few = DigitSet(small_train.images[:1_000], small_train.labels[:1_000])
    voting = KNNConfig(num_neighbors=4, tie_break=rule)
    found = knn.knn_predictions(
        inputs["knn_index"], inputs["test_digits"], few, data_set=DATA_SET, config=voting, seed=Seed(value=0)
    ).value
    assert tie_break_of(found, few.labels) == rule.value


def test_on_mnist_the_floor_is_a_known_one(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = DigitSet(np.zeros((200, 28, 28), np.uint8), np.arange(200, dtype=np.uint8) % 10)
    assert robustness.above_floor(0.9, digits, DATA_SET).passed  # another data set: better than one in ten
    assert not robustness.above_floor(0.11, digits, DATA_SET).passed
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    assert not robustness.above_floor(0.9, digits, DATA_SET).passed
    assert robustness.above_floor(0.99, digits, DATA_SET).passed
