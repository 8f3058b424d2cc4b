"""Each check of stored values fails on values that are wrong: called as a function."""

import dataclasses
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.checks import judge, methods, models
from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.data.values import DataSet, DigitSet, Nearest, Predictions, RawData
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.evaluation.scores import Comparison, Score, evaluate
from mnist_pipeline.methods.knn.method import FittedKNN
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.utils.measured import Measured


def changed(name: str, **changes: Callable[[Any], Any]) -> Any:
    """A stored value of which some fields are other values, made from the stored ones."""
    value = read(name)
    fields = {field: change(getattr(value, field)) for field, change in changes.items()}
    is_dataclass = dataclasses.is_dataclass(value)
    return dataclasses.replace(value, **fields) if is_dataclass else value._replace(**fields)


def other(labels: Any) -> np.ndarray:
    """A wrong label instead of each."""
    return (np.asarray(labels) + 1) % 10


def index_of_other_images() -> FittedKNN:
    return changed("knn_model", images=lambda images: np.roll(images, 1, axis=0))


def useless_under_disturbances() -> pd.DataFrame:
    table = read("robustness")
    return table.assign(accuracy=table["accuracy"].where(table["amount"] == 0, 0))


def held_out_labels(answer: Callable[[Any], Any]) -> pd.DataFrame:
    """The table in which all models give this answer to a true label."""
    table = read("held_out_labels")
    return table.assign(**dict.fromkeys(MODELS, answer(table["label"])))


def useless(scores: dict[str, Score]) -> dict[str, Score]:
    """Scores of models that hardly read a digit."""
    return {name: dataclasses.replace(score, interval=[0, 0.1]) for name, score in scores.items()}


def darker_training_images() -> dict[str, Any]:
    """Values of k-nearest neighbours with darker training images as the test images."""
    images, labels = read("train_digits")
    nearest = Nearest(np.arange(10)[:, np.newaxis], labels[:10], np.ones((10, 1)))
    predictions = read("knn_predictions")._replace(nearest=nearest)
    return {
        "knn_predictions": predictions,
        "train_digits": DigitSet(images, labels),
        "test_images": images[:10] - images[:10] // 10,
    }


def accepted(digits: int = 10, others: int = 0) -> pd.DataFrame:
    """What a judge accepts of ten digits, and of ten times other ink."""
    counts = {"digits": 10, "accepted_digits": digits, "others": 10, "accepted_others": others}
    return pd.DataFrame([{"kind": "numbers", **counts}])


TEN = np.arange(10, dtype=np.uint8)
FAILING: dict[str, Callable[[], Measured]] = {
    "mean_zero": lambda: methods.mean_zero(read("centered_data") + 1),
    "symmetric": lambda: methods.symmetric(np.triu(read("covariance"))),
    "positive_semidefinite": lambda: methods.positive_semidefinite(-read("covariance")),
    "diagonal": lambda: methods.diagonal(2 * read("covariance"), read("centered_data")),
    "trace": lambda: methods.trace(read("eigendecomposition"), 2 * read("covariance")),
    "orthonormal": lambda: methods.orthonormal(
        changed("eigendecomposition", eigenvectors=lambda vectors: 2 * vectors)
    ),
    "variance_is_eigenvalue": lambda: methods.variance_is_eigenvalue(
        2 * read("projections"), read("eigendecomposition")
    ),
    "error_is_left_out": lambda: methods.error_is_left_out(
        2 * read("projections"), read("centered_data"), read("eigendecomposition")
    ),
    "error_falls": lambda: methods.error_falls(
        changed("reconstructions", test_rmse=lambda errors: errors[::-1])
    ),
    "equals_pca": lambda: methods.equals_pca(
        changed("harris_corners", gram_difference=lambda difference: difference + 1e-9)
    ),
    "equals_brute_force": lambda: methods.equals_brute_force(
        index_of_other_images(), read("knn_predictions"), read("test_images")
    ),
    "not_in_training": lambda: methods.not_in_training(**darker_training_images()),
    "gradient": lambda: methods.gradient(changed("softmax_model", gradient_error=lambda _: 1e-4)),
    "held_out_labels": lambda: models.held_out_better_than_guessing(held_out_labels(other)),
    "evaluation": lambda: models.better_than_guessing(
        changed("cnn_evaluation", errors=lambda errors: 450), read("test_digits")
    ),
    "small_disturbances": lambda: models.small_disturbances(useless_under_disturbances()),
    "champion": lambda: models.champion_better_than_guessing(
        changed("champion", num_held_out=lambda number: number // 10), read("held_out_labels")
    ),
    "test_as_held_out": lambda: models.test_as_held_out(
        held_out_labels(np.array),
        changed("model_comparison", models=useless),
    ),
    "agrees_with_predictions": lambda: models.agrees_with_predictions(
        read("recognizer"), changed("champion", labels=other), read("test_images")
    ),
    "digits_accepted": lambda: judge.digits_accepted(accepted(digits=2)),
    "others_refused": lambda: judge.others_refused(accepted(others=5)),
    "experiment_trials": lambda: models.trial_better_than_guessing(
        {"held_out": np.full(len(read("held_out_labels")), 11)}, read("train_digits")
    ),
}


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("name", FAILING)
def test_a_check_fails_on_values_that_are_wrong(name):
    assert not FAILING[name]().passed


@pytest.mark.parametrize(
    ("loss", "passed"),
    [
        ([1.0, 0.5], True),
        ([0.5, 1.0], False),
        ([2.302], True),
        ([2.303], False),
        ([1.0, np.nan], False),
    ],
)
def test_the_last_loss_is_compared_with_the_first_and_with_guessing_after_one_epoch(loss, passed):
    ten_classes = DigitSet(np.zeros((10, 28, 28), np.uint8), np.arange(10, dtype=np.uint8))
    assert methods.loss_falls(SimpleNamespace(loss=np.array(loss)), ten_classes).passed is passed


def test_accuracies_under_disturbances_are_compared_with_that_of_the_undisturbed_images(finished):
    assert models.small_disturbances(read("robustness").assign(accuracy=0.5)).passed


def test_a_single_entry_makes_a_matrix_asymmetric():
    matrix = np.eye(3)
    assert methods.symmetric(matrix).passed
    matrix[2, 0] = 1e-12
    assert not methods.symmetric(matrix).passed


def test_one_model_that_does_worse_on_test_images_is_enough_for_a_warning():
    guesses = {"cnn": TEN, "mlp": TEN, "label": TEN}
    held_out = pd.DataFrame({name: np.tile(labels, 10) for name, labels in guesses.items()})
    good, bad = Score(1.0, 0, [0.9, 1.0]), Score(0.1, 9, [0.0, 0.2])
    assert models.test_as_held_out(held_out, Comparison({"cnn": good}, [], [])).passed
    assert not models.test_as_held_out(
        held_out, Comparison({"cnn": good, "mlp": bad}, [], [])
    ).passed


def test_a_blank_test_image_that_is_a_training_image_is_counted():
    # It has no near-duplicate, because it has no variance.
    blank = np.zeros((1, 28, 28), np.uint8)
    nearest = Nearest(*np.zeros((3, 1, 1), np.int64))
    predictions = Predictions(np.zeros(1, np.uint8), np.ones((1, 10)), nearest)
    found = methods.not_in_training(predictions, DigitSet(blank, np.zeros(1, np.uint8)), blank)
    assert found.value == 1
    assert found.warns


@pytest.mark.parametrize(
    "measure",
    [
        lambda: models.better_than_guessing(
            evaluate(TEN, np.zeros(10, int), np.eye(10)[[0] * 10]),
            DigitSet(np.zeros((10, 28, 28), np.uint8), TEN),
        ),
        lambda: models.champion_better_than_guessing(
            Champion("cnn", "", 9, 1.0, 10, 0.1, 9, TEN.tolist(), ""), pd.DataFrame({"label": TEN})
        ),
        lambda: models.test_as_held_out(
            pd.DataFrame({"label": TEN, "cnn": TEN}),
            Comparison({"cnn": Score(0.1, 9, [0.0, 0.2])}, [], []),
        ),
    ],
    ids=["evaluation", "champion", "test_as_held_out"],
)
def test_what_few_images_or_poor_models_fail_is_a_warning(measure):
    found = measure()
    assert not found.passed
    assert found.warns


@pytest.mark.parametrize(("highest", "passed"), [(0.99, True), (0.5, False)])
def test_accuracies_on_test_and_held_out_images_may_differ_by_their_intervals(
    highest, passed, finished
):
    scores = read("model_comparison").models
    lower = {
        name: dataclasses.replace(score, interval=[highest - 0.1, highest])
        for name, score in scores.items()
    }
    comparison = changed("model_comparison", models=lambda _: lower)
    assert models.test_as_held_out(held_out_labels(np.array), comparison).passed is passed


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_repeated_image_is_named_by_its_file(split):
    (checks,) = [
        each for each in defs.asset_checks or () if each.node_def.name == f"{split}_digits__checks"
    ]
    paths = {each: (f"{each}/a.png", f"{each}/b.png") for each in ("train", "test")}
    raw = RawData((), DataSet(), paths)
    images = np.full((2, 28, 28), 200, np.uint8)
    images[:, 5:20, 9] = 0
    found = checks(
        dg.build_asset_check_context(),
        **{f"{split}_digits": DigitSet(images, np.array([0, 1])), "raw_mnist": raw},
    )
    (repeated,) = [each for each in found if each.check_name == "no_duplicates"]
    assert f"{split}/b.png" in (repeated.description or "")
