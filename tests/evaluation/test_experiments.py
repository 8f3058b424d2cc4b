"""Experiments: sweeps are validated, trials are fair, and their summary answers the question."""

from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from assets.experiments import SWEEP
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.evaluation.experiments import (
    Curve,
    SweepError,
    Trial,
    read_sweep,
)
from mnist_pipeline.methods.softmax import method
from mnist_pipeline.methods.table import MODELS

DEFAULTS = {
    model.name: {name: each.default for name, each in model.settings.items()}
    for model in MODELS.values()
}


def trial(model: str, size: int | None, seed: int = 0, **settings: object) -> Trial:
    return Trial(model, size, seed, {**DEFAULTS[model], **settings})


def test_a_grid_stands_for_each_combination_of_its_values():
    grid = {"model": ["mlp", "cnn"], "size": [50, "all"], "seed": [0, 3]}
    found = read_sweep([{**grid, "learning_rate": [None, 0.01]}, {"model": "cnn", "size": 50}])
    assert len(found) == 16  # the second grid repeats a trial
    assert all(key == each.key for key, each in found.items())
    assert found["mlp-size_50-seed_0"] == trial("mlp", 50)
    # The key of a trial is a name that files and partitions of Dagster can have.
    assert found["cnn-size_all-seed_3-learning_rate_0_01"] == trial(
        "cnn", None, 3, learning_rate=0.01
    )


KNN, SOFTMAX = {"model": "knn", "size": 100}, {"model": "softmax", "size": 100}


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ([], ["no trials"]),
        (["knn"], ["entry 1", "'knn'"]),
        ([KNN, {"model": {"knn": 1}, "size": 100}], ["entry 2", "value"]),
        ([{"model": "svm", "size": 100}], ["entry 1", "model"]),
        ([KNN, {**KNN, "learning_rate": 1}], ["entry 2", "learning_rate"]),
        ([{"model": "knn"}], ["entry 1", "size is missing"]),
        ([KNN, {**KNN, "size": []}], ["entry 2", "size"]),
        ([{**KNN, "size": 9}], ["entry 1", "size is 9"]),
        ([{**KNN, "num_neighbors": [1, 1_001]}], ["entry 1", "num_neighbors is 1001"]),
        ([{**SOFTMAX, "epochs": [3, True]}], ["entry 1", "epochs is True"]),
        ([{**SOFTMAX, "size": True}], ["entry 1", "size is True"]),
        ([{**SOFTMAX, "seed": -1}], ["entry 1", "seed is -1"]),
        ([{**SOFTMAX, "seed": 4_294_967_296}], ["entry 1", "seed is 4294967296"]),
        ([{"model": "cnn", "size": 100, "recipe": "slow"}], ["entry 1", "recipe"]),
        ([KNN, {**KNN, "seed": [*range(1_000)]}], ["entry 2", "1,000 trials"]),
    ],
)
def test_an_entry_that_is_not_valid_is_refused_in_one_line_that_names_it(sweep, words):
    with pytest.raises(SweepError) as refused:
        read_sweep(sweep)
    (line,) = str(refused.value).splitlines()
    assert len(line) < 400
    assert all(word in line for word in words)


def test_the_sweep_of_the_graph_tries_all_models():
    assert {each.model for each in read_sweep(SWEEP).values()} == set(MODELS)


def test_a_trial_learns_from_no_held_out_image_and_no_test_label(small_train, small_test):
    _, held_out = split(small_train.labels)
    blind = small_train._replace(images=small_train.images.copy())
    blind.images[held_out] = 0
    expected = experiments.run(trial("knn", 500), small_train, small_test, MNIST.kind)
    unlabelled = small_test._replace(labels=np.zeros(500, np.uint8))
    found = experiments.run(trial("knn", 500), blind, unlabelled, MNIST.kind)
    assert expected["held_out"].shape == held_out.shape
    assert np.array_equal(found["test"], expected["test"])


def test_a_trial_on_few_images_is_trained_as_long_as_on_all_and_if_it_diverges_has_a_result(
    small_train, small_test, monkeypatch
):
    monkeypatch.setattr(method, "fit", fit := Mock(side_effect=FloatingPointError))
    found = experiments.run(trial("softmax", 100), small_train, small_test, MNIST.kind)
    assert fit.call_args.kwargs["repeats"] == 1_833 / 100
    assert not found["test"].any()
    assert len(found["held_out"]) == 167


def test_a_trial_may_have_all_images_that_are_not_held_out_and_no_more(small_train, small_test):
    with pytest.raises(SweepError, match="1,833"):
        experiments.run(trial("knn", 1_834), small_train, small_test, MNIST.kind)
    found = experiments.run(trial("knn", 1_833), small_train, small_test, MNIST.kind)
    assert len(found["test"]) == len(small_test.labels)


def test_the_summary_ranks_by_held_out_accuracy_with_the_intervals_of_the_differences(small_train):
    trials = [trial("knn", 100), trial("mlp", 100), trial("cnn", None, recipe="notebook")]
    first, second, third = keys = [each.key for each in trials]
    test = DigitSet(np.zeros((500, 28, 28), np.uint8), (np.arange(500) % 10).astype(np.uint8))
    true = small_train.labels[split(small_train.labels)[1]]
    labels = {
        key: {"held_out": np.where(np.arange(167) < wrong, 9 - true, true), "test": test.labels}
        for key, wrong in {first: 60, second: 8, third: 5}.items()
    }
    table = experiments.summarize(dict(zip(keys, trials)), labels, small_train, test).set_index(
        "trial"
    )
    assert table.index.tolist() == [third, second, first]
    assert (table["behind_high"] >= 0).tolist() == [True, True, False]
    assert table.loc[third, ["size", "settings"]].tolist() == [1_833, "recipe notebook"]
    assert table.loc[third, ["behind_low", "behind_high"]].tolist() == [0, 0]
    assert table.loc[second, "behind"] == pytest.approx(-3 / 167)
    assert (table["behind_low"] <= table["behind"]).all()
    assert (table["behind"] <= table["behind_high"]).all()
    assert (table["test_accuracy"] == 1).all()
    assert not experiments.curves(table.reset_index())


def test_curves_have_sizes_and_seeds_in_order_and_the_best_with_the_most_images_comes_first():
    rows = [
        ("softmax", 1_000, 0, 0.82),
        ("softmax", 100, 0, 0.75),
        ("knn", 1_000, 1, 0.9),
        ("knn", 1_000, 0, 0.8),
        ("knn", 100, 0, 0.7),
        ("mlp", 100, 0, 0.99),
    ]
    table = pd.DataFrame(rows, columns=["model", "size", "seed", "test_accuracy"])
    knn, softmax = experiments.curves(table.assign(settings="default"))
    assert knn == Curve("knn", "default", [100, 1_000], [[0.7], [0.8, 0.9]])
    assert softmax == Curve("softmax", "default", [100, 1_000], [[0.75], [0.82]])


def test_a_curve_has_the_mean_of_the_seeds():
    curve = Curve("knn", "default", [100, 1_000, 10_000], [[0.78, 0.82], [0.92], [0.98]])
    assert curve.means == pytest.approx([0.8, 0.92, 0.98])
