"""The assets of the two networks, called as functions on stored values."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from support.calls import call

from assets import cnn
from mnist_pipeline import read
from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.table import MODELS

NETWORKS = ("mlp", "cnn")


@pytest.mark.parametrize("name", NETWORKS)
def test_every_recipe_can_be_configured_and_compared_in_experiments(name):
    assert set(MODELS[name].settings["recipe"].choices) == training.RECIPES[name].keys()


@pytest.mark.parametrize(("recipe", "adapts"), [("default", True), ("notebook", False)])
def test_a_configuration_reaches_the_training_and_only_the_default_recipe_adapts(
    recipe, adapts, finished, small_train
):
    few = small_train._replace(images=small_train.images[:240], labels=small_train.labels[:240])
    settings = {"epochs": 2, "batch_size": 17, "learning_rate": 0.0123}
    result = call("mlp_model", train_digits=few, config={"recipe": recipe, **settings}, seed=0)
    expected = replace(training.RECIPES["mlp"][recipe], **settings)
    if adapts:
        expected = replace(expected, later=1.0)
    recorded = result.metadata["recipe"].data
    assert recorded == {**asdict(expected), "betas": list(expected.betas)}
    curves = ("loss", "accuracy", "validation_accuracy")
    assert [len(getattr(result.value, curve)) for curve in curves] == [2, 2, 2]


def test_the_kernels_are_those_of_the_first_layer(finished):
    weights = read("cnn_model").weights["conv1.weight"]
    in_color = np.random.default_rng(0).normal(size=(4, 9, 5, 5))  # colours and gradients
    np.testing.assert_array_equal(call("cnn_kernels").value, weights[:, 0])
    colored = read("cnn_model")._replace(weights={"conv1.weight": in_color})
    shown = call("cnn_kernels", cnn_model=colored).value
    np.testing.assert_array_equal(np.moveaxis(shown, 3, 1), in_color[:, :3])


def test_the_captions_of_errors_have_the_true_class_first(finished, monkeypatch):
    captions, draw = [], cnn.figures.image_grid

    def image_grid(images, columns, texts, title):
        captions.extend(texts)
        return draw(images, columns, texts, title)

    monkeypatch.setattr(cnn.figures, "image_grid", image_grid)
    errors = call("cnn_errors").value.head(len(captions))
    assert captions
    assert captions == [f"{row.true_label} → {row.predicted_label}" for row in errors.itertuples()]


def test_a_network_without_errors_has_an_empty_table(finished):
    right = read("cnn_predictions")._replace(labels=read("test_digits").labels)
    result = call("cnn_errors", cnn_predictions=right)
    assert len(result.value) == 0
    assert "true_label" in result.value.columns
