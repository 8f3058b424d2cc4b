"""The assets of the two networks, called as functions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from support.resources import DATA_SET

from assets import networks
from assets.networks import NetworkConfig
from mnist_pipeline import networks as methods
from mnist_pipeline import training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.records import Network, Predictions
from mnist_pipeline.runtime.graph.results import HEADLINE, ROW_COUNT
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.runtime.storage.storage import Storage

MODELS = {"mlp": networks.mlp_model, "cnn": networks.cnn_model}
NETWORKS = {"mlp": methods.MLP, "cnn": methods.CNN}
PREDICTIONS = {"mlp": networks.mlp_predictions, "cnn": networks.cnn_predictions}
Trained = dict[str, dg.MaterializeResult[Network]]


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    return DigitSet(small_train.images[:240], small_train.labels[:240])


@pytest.fixture(scope="module")
def held_out(small_test: DigitSet) -> DigitSet:
    return DigitSet(small_test.images[:150], small_test.labels[:150])


def fit(name: str, digits: DigitSet, seed: int = 0, **config: object) -> dg.MaterializeResult[Network]:
    config = {"epochs": 1, "batch_size": 60, **config}
    return MODELS[name](digits, config=NetworkConfig(**config), seed=Seed(value=seed))


@pytest.fixture(scope="module")
def trained(digits: DigitSet) -> Trained:
    return {name: fit(name, digits) for name in MODELS}


@pytest.fixture(scope="module")
def predictions(trained: Trained, held_out: DigitSet) -> Predictions:
    """What the convolutional network, barely trained, says of the test digits."""
    return networks.cnn_predictions(model=trained["cnn"].value, test_digits=held_out).value


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("recipe", ["default", "fast", "notebook"])
def test_a_configuration_names_a_recipe_and_changes_nothing_else(name: str, recipe: str) -> None:
    assert networks.resolve_recipe(name, NetworkConfig(recipe=recipe)) == training.RECIPES[name][recipe]


@pytest.mark.parametrize(("field", "value"), [("epochs", 9), ("batch_size", 17), ("learning_rate", 0.0123)])
def test_each_override_changes_its_own_setting_of_the_recipe(field: str, value: float) -> None:
    config = NetworkConfig(recipe="notebook", **{field: value})
    expected = replace(training.RECIPES["cnn"]["notebook"], **{field: value})
    assert networks.resolve_recipe("cnn", config) == expected


@pytest.mark.parametrize("name", MODELS)
def test_overrides_take_effect_in_training(name: str, digits: DigitSet, trained: Trained) -> None:
    two = fit(name, digits, epochs=2)
    assert [len(curve) for curve in two.value[1:4]] == [2, 2, 2]
    assert [len(curve) for curve in trained[name].value[1:4]] == [1, 1, 1]
    assert two.metadata["recipe"].data["epochs"] == 2


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    name: str, digits: DigitSet, trained: Trained
) -> None:
    again, other = (fit(name, digits, seed=seed).value.weights for seed in (0, 1))
    for layer, array in trained[name].value.weights.items():
        assert again[layer].tobytes() == array.tobytes()
        assert not np.array_equal(other[layer], array)


def test_a_share_of_the_training_digits_is_held_out_and_scored_by_epoch(digits: DigitSet) -> None:
    result = fit("mlp", digits, epochs=2, validation_share=0.25)
    held_out = result.value.validation_accuracy
    np.testing.assert_allclose(held_out * 60, np.rint(held_out * 60))  # 60 of 240 digits
    assert result.metadata["validation_accuracy"] == held_out[-1]
    assert f"held-out accuracy {held_out[-1]:.2%} after 2 epochs" in result.metadata[HEADLINE]


def test_where_nothing_is_held_out_the_training_accuracy_is_told(digits: DigitSet) -> None:
    result = fit("mlp", digits, validation_share=0)
    assert np.isnan(result.value.validation_accuracy).all()
    assert result.value.temperature == result.metadata["temperature"] == 1
    assert "validation_accuracy" not in result.metadata
    assert f"training accuracy {result.value.accuracy[-1]:.2%}" in result.metadata[HEADLINE]


@pytest.mark.parametrize("name", MODELS)
def test_stored_weights_give_the_same_probabilities(
    name: str, trained: Trained, held_out: DigitSet, tmp_path: Path
) -> None:
    Storage(tmp_path).write(f"{name}_model", trained[name].value)
    reread = Storage(tmp_path).read(f"{name}_model")
    fresh, stored = (
        PREDICTIONS[name](model=model, test_digits=held_out).value for model in (trained[name].value, reread)
    )
    assert fresh.probabilities.tobytes() == stored.probabilities.tobytes()
    np.testing.assert_array_equal(fresh.labels, stored.labels)


@pytest.mark.parametrize("name", MODELS)
def test_predictions_are_probabilities_and_the_most_probable_class(
    name: str, trained: Trained, held_out: DigitSet
) -> None:
    result = PREDICTIONS[name](model=trained[name].value, test_digits=held_out)
    labels, probabilities = result.value
    assert (probabilities.shape, probabilities.dtype, labels.dtype) == ((150, 10), np.float32, np.uint8)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(labels, probabilities.argmax(axis=1))
    assert result.metadata["mean_confidence"] == pytest.approx(probabilities.max(axis=1).mean())
    assert result.metadata[ROW_COUNT] == 150


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_calibrated_by_the_temperature_that_was_fitted(
    name: str, trained: Trained, held_out: DigitSet
) -> None:
    model = trained[name].value._replace(temperature=np.array(0.5))
    uncalibrated = trained[name].value._replace(temperature=np.array(1.0))
    calibrated, plain = (PREDICTIONS[name](model=each, test_digits=held_out).value for each in (model, uncalibrated))
    squared = plain.probabilities.astype(float) ** 2
    np.testing.assert_allclose(calibrated.probabilities, squared / squared.sum(axis=1, keepdims=True), rtol=1e-3)
    assert trained[name].metadata["temperature"] == trained[name].value.temperature


def test_the_kernels_are_the_first_weights_of_the_convolutional_network(trained: Trained) -> None:
    weights = trained["cnn"].value.weights
    kernels = networks.cnn_kernels(trained["cnn"].value).value
    assert (kernels.shape, kernels.dtype) == ((32, 5, 5), np.float32)
    np.testing.assert_array_equal(kernels, weights["conv1.weight"].reshape(32, 5, 5))


def test_the_errors_are_every_wrong_prediction_with_the_worst_first(
    predictions: Predictions, held_out: DigitSet
) -> None:
    result = networks.cnn_errors(predictions, held_out, data_set=DATA_SET)
    errors = result.value
    wrong = np.flatnonzero(predictions.labels != held_out.labels)
    assert 1 < len(wrong) < 150
    assert sorted(errors["index"]) == wrong.tolist()
    assert (np.diff(errors["probability"]) <= 0).all()
    for row in errors.itertuples():
        assert row.true_label == held_out.labels[row.index] != row.predicted_label == predictions.labels[row.index]
        assert row.probability == predictions.probabilities[row.index].max() >= row.true_probability
    assert result.metadata[ROW_COUNT] == len(wrong)
    assert f"{len(wrong)} errors of 150" in result.metadata[HEADLINE]


def test_the_worst_errors_are_listed_and_shown(predictions: Predictions, held_out: DigitSet) -> None:
    result = networks.cnn_errors(predictions, held_out, data_set=DATA_SET)
    listed = [record.data["index"] for record in result.metadata["worst"].records]
    assert listed == result.value["index"].head(20).tolist()
    assert result.metadata["errors"].value.startswith("![errors](data:image/png;base64,")


def test_a_faultless_network_has_no_errors_and_no_figure(predictions: Predictions, held_out: DigitSet) -> None:
    result = networks.cnn_errors(predictions._replace(labels=held_out.labels), held_out, data_set=DATA_SET)
    assert len(result.value) == result.metadata[ROW_COUNT] == 0
    assert "true_label" in result.value.columns
    assert result.metadata["worst"].records == []
    assert "errors" not in result.metadata
