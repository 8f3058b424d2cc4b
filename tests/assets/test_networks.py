"""The assets of the two networks, called as functions on stored values."""

from dataclasses import replace

import dagster as dg
import numpy as np
import pytest
from support.calls import call

from assets.networks import NetworkConfig, RecipeName, resolve_recipe
from mnist_pipeline import training
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.records import Network
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.results import HEADLINE, ROW_COUNT
from mnist_pipeline.runtime.storage.storage import read

NETWORKS = ("mlp", "cnn")
pytestmark = pytest.mark.usefixtures("finished")


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> DigitSet:
    return DigitSet(small_train.images[:240], small_train.labels[:240])


def fit(name: str, digits: DigitSet, seed: int = 0, **config: object) -> dg.MaterializeResult[Network]:
    config = {"epochs": 1, "batch_size": 60, **config}
    return call(f"{name}_model", train_digits=digits, config=config, seed=seed)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("recipe", ["default", "fast", "longer", "notebook", "thorough"])
def test_a_configuration_names_a_recipe_and_changes_nothing_else(name: str, recipe: str) -> None:
    assert resolve_recipe(name, NetworkConfig(recipe=recipe)) == training.RECIPES[name][recipe]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_recipe_can_be_configured_and_compared_in_experiments(name: str) -> None:
    assert {recipe.value for recipe in RecipeName} == training.RECIPES[name].keys()
    assert set(MODELS[name].settings["recipe"].choices) == training.RECIPES[name].keys()


@pytest.mark.parametrize(("field", "value"), [("epochs", 9), ("batch_size", 17), ("learning_rate", 0.0123)])
def test_each_override_changes_its_own_setting_of_the_recipe(field: str, value: float) -> None:
    config = NetworkConfig(recipe="notebook", **{field: value})
    expected = replace(training.RECIPES["cnn"]["notebook"], **{field: value})
    assert resolve_recipe("cnn", config) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_overrides_take_effect_in_training(name: str, digits: DigitSet) -> None:
    result = fit(name, digits, epochs=2)
    assert [len(curve) for curve in result.value[1:4]] == [2, 2, 2]
    assert result.metadata["recipe"].data["epochs"] == 2


def test_the_default_recipe_records_what_it_tried_and_the_others_try_nothing(digits: DigitSet) -> None:
    tried = fit("cnn", digits).metadata["adaptation"].data
    assert {trial["deformations"] for trial in tried["trials"]} >= {0, 1}
    assert [cycle["epochs"] for cycle in tried["cycles"]] == [1]
    assert "adaptation" not in fit("cnn", digits, recipe="fast").metadata
    assert "adaptation" not in fit("cnn", digits, validation_share=0).metadata


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(name: str, digits: DigitSet) -> None:
    first, again, other = (fit(name, digits, seed=seed).value.weights for seed in (0, 0, 1))
    for layer, array in first.items():
        assert again[layer].tobytes() == array.tobytes()
        assert not np.array_equal(other[layer], array)


def test_a_share_of_the_training_digits_is_held_out_and_scored_by_epoch(digits: DigitSet) -> None:
    result = fit("mlp", digits, epochs=2, validation_share=0.25)
    held_out = result.value.validation_accuracy
    np.testing.assert_allclose(held_out * 60, np.rint(held_out * 60))  # 60 of 240 digits
    assert result.metadata["validation_accuracy"] == held_out[-1]
    assert f"{held_out[-1]:.2%} after 2 epochs" in result.metadata[HEADLINE]


def test_without_held_out_images_the_headline_has_the_training_accuracy(digits: DigitSet) -> None:
    result = fit("mlp", digits, validation_share=0)
    assert np.isnan(result.value.validation_accuracy).all()
    assert result.value.temperature == result.metadata["temperature"] == 1
    assert "validation_accuracy" not in result.metadata
    assert f"{result.value.accuracy[-1]:.2%}" in result.metadata[HEADLINE]


@pytest.mark.parametrize("name", NETWORKS)
def test_probabilities_are_calibrated_by_the_temperature_that_was_fitted(name: str) -> None:
    calibrated, plain = (
        call(f"{name}_predictions", **{f"{name}_model": read(f"{name}_model")._replace(temperature=np.array(each))})
        for each in (0.5, 1.0)
    )
    squared = plain.value.probabilities.astype(float) ** 2
    expected = squared / squared.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibrated.value.probabilities, expected, rtol=1e-3, atol=1e-12)
    np.testing.assert_array_equal(plain.value.labels, plain.value.probabilities.argmax(axis=1))


def test_the_kernels_are_the_first_weights_of_the_convolutional_network() -> None:
    expected = read("cnn_model").weights["conv1.weight"].reshape(32, 5, 5)
    np.testing.assert_array_equal(read("cnn_kernels"), expected)


def test_the_errors_are_every_wrong_prediction_with_the_worst_first() -> None:
    result, predicted = call("cnn_errors"), read("cnn_predictions")
    errors, labels = result.value, read("test_digits").labels
    wrong = np.flatnonzero(predicted.labels != labels)
    assert sorted(errors["index"]) == wrong.tolist()
    assert errors["probability"].is_monotonic_decreasing
    for row in errors.itertuples():
        assert (row.true_label, row.predicted_label) == (labels[row.index], predicted.labels[row.index])
        assert row.probability == predicted.probabilities[row.index].max() >= row.true_probability
    assert result.metadata[ROW_COUNT] == len(wrong)
    assert [record.data["index"] for record in result.metadata["worst"].records] == errors["index"].head(20).tolist()


def test_a_network_without_errors_has_an_empty_table_and_no_figure() -> None:
    right = read("cnn_predictions")._replace(labels=read("test_digits").labels)
    result = call("cnn_errors", cnn_predictions=right)
    assert len(result.value) == result.metadata[ROW_COUNT] == 0
    assert "true_label" in result.value.columns
    assert result.metadata["worst"].records == []
    assert "errors" not in result.metadata
