"""The assets of the evaluation, called as functions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from support.resources import DATA_SET, STORED_RESULTS

from assets import evaluation, harris, networks, report
from assets.harris import HarrisConfig
from mnist_pipeline import robustness, training
from mnist_pipeline.data.datasets import DigitSet, first_of_each_class
from mnist_pipeline.evaluation import Champion, Comparison, Evaluation
from mnist_pipeline.models import MODELS
from mnist_pipeline.networks import CNN, MLP
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.records import Neighbors, Network, Predictions, Reconstructions, SoftmaxModel
from mnist_pipeline.report.document import Report
from mnist_pipeline.runtime.graph.results import HEADLINE, SECONDS
from mnist_pipeline.runtime.storage.storage import Storage

EVALUATIONS = dict(zip(MODELS, evaluation.evaluation_assets, strict=True))
NETWORKS = {"mlp": MLP, "cnn": CNN}
WRONG = {"knn": 13, "softmax": 40, "mlp": 13, "cnn": 5}
Predicted = dict[str, Neighbors | Predictions]
Evaluated = dict[str, dg.MaterializeResult[Evaluation]]


@pytest.fixture(scope="module")
def digits(small_test: DigitSet) -> DigitSet:
    return DigitSet(small_test.images[:400], small_test.labels[:400])


@pytest.fixture(scope="module")
def predicted(digits: DigitSet, small_train: DigitSet) -> Predicted:
    """Predictions of four models that err as often as `WRONG` says; all miss the first two digits."""
    generator = np.random.default_rng(0)
    found: Predicted = {}
    for model, wrong in WRONG.items():
        missed = np.r_[0, 1, generator.choice(np.arange(2, 400), wrong - 2, replace=False)]
        labels = digits.labels.copy()
        labels[missed] = (labels[missed] + generator.integers(1, 10, wrong)) % 10
        probabilities = np.full((400, 10), 0.05, np.float32)
        probabilities[np.arange(400), labels] = 0.55
        found[model] = Predictions(labels.astype(np.uint8), probabilities)
    indices = generator.integers(0, len(small_train.labels), (400, 10))
    distances = np.sort(generator.integers(0, 10_000, (400, 10)), axis=1)
    found["knn"] = Neighbors(found["knn"].labels, np.array(3), indices, distances)
    return found


@pytest.fixture(scope="module")
def evaluated(digits: DigitSet, predicted: Predicted) -> Evaluated:
    return {
        model: asset(predictions=predicted[model], test_digits=digits, data_set=DATA_SET)
        for model, asset in EVALUATIONS.items()
    }


@pytest.fixture(scope="module")
def evaluations(evaluated: Evaluated) -> dict[str, Evaluation]:
    return {model: result.value for model, result in evaluated.items()}


@pytest.fixture(scope="module")
def compared(
    digits: DigitSet, predicted: Predicted, evaluations: dict[str, Evaluation]
) -> dg.MaterializeResult[Comparison]:
    return compare(digits, predicted, evaluations)


def compare(
    digits: DigitSet, predicted: Predicted, evaluations: dict[str, Evaluation]
) -> dg.MaterializeResult[Comparison]:
    return evaluation.model_comparison(
        **{f"{model}_evaluation": found for model, found in evaluations.items()},
        **{f"{model}_predictions": found for model, found in predicted.items()},
        test_digits=digits,
        data_set=DATA_SET,
    )


@pytest.fixture(scope="module")
def inputs(
    digits: DigitSet,
    small_train: DigitSet,
    predicted: Predicted,
    evaluations: dict[str, Evaluation],
    compared: dg.MaterializeResult[Comparison],
) -> dict[str, Any]:
    """What the report reads."""
    images = first_of_each_class(small_train)
    generator = np.random.default_rng(1)
    epochs = np.arange(1, 4)
    return {
        "raw_mnist": pd.DataFrame({"name": ["train", "test"], "size": [16, 8], "sha256": ["ab" * 32, "cd" * 32]}),
        "train_digits": small_train,
        "test_digits": digits,
        "digit_images": images,
        "data_mean": small_train.images.reshape(-1, 784).mean(axis=0),
        "covariance": np.diag(np.geomspace(1e5, 1e-3, 784)),
        "eigendecomposition": Eigendecomposition(np.geomspace(1e5, 1e-3, 784), np.eye(784)),
        "projections": generator.normal(size=(len(small_train.labels), 2)),
        "reconstructions": Reconstructions(
            np.array([2, 50]), np.zeros((2, 10, 28, 28), np.float32), np.array([0.2, 0.8]), np.array([60.0, 25.0])
        ),
        "harris_corners": harris.harris_corners(images, config=HarrisConfig()).value,
        **{f"{model}_predictions": found for model, found in predicted.items()},
        "softmax_model": SoftmaxModel(
            generator.normal(size=(10, 784)), np.zeros(10), 1 / epochs, 1 - 0.1 / epochs, np.array(3e-10)
        ),
        **{
            f"{name}_model": Network(
                training.weights(network()), 1 / epochs, 1 - 0.1 / epochs, 1 - 0.2 / epochs, np.array(0.6)
            )
            for name, network in NETWORKS.items()
        },
        "cnn_kernels": generator.normal(size=(32, 5, 5)),
        "cnn_errors": networks.cnn_errors(predicted["cnn"], digits, data_set=DATA_SET).value,
        **{f"{model}_evaluation": found for model, found in evaluations.items()},
        "model_comparison": compared.value,
        "robustness": pd.DataFrame(
            robustness.measure(
                dict.fromkeys(WRONG, lambda images: np.zeros(len(images), np.uint8)),
                digits.images[:20],
                digits.labels[:20],
            )
        ),
        "champion": Champion("cnn", 1 - WRONG["cnn"] / 400, WRONG["cnn"], predicted["cnn"].labels.tolist()),
    }


@pytest.fixture(scope="module")
def reported(inputs: dict[str, Any]) -> dg.MaterializeResult[Report]:
    """The report where nothing was materialized."""
    return report_on(inputs)


def report_on(inputs: dict[str, Any], instance: dg.DagsterInstance | None = None) -> dg.MaterializeResult[Report]:
    read = {name: value for name, value in inputs.items() if name != "cnn_errors"}  # which is compared with only
    with dg.DagsterInstance.ephemeral() as ephemeral:
        context = dg.build_asset_context(instance=instance or ephemeral)
        return report.evaluation_report(context, **read, data_set=DATA_SET, stored_results=STORED_RESULTS)


@pytest.mark.parametrize("model", EVALUATIONS)
def test_accuracy_is_correct_by_total_with_an_interval_around_it(model: str, evaluated: Evaluated) -> None:
    result = evaluated[model]
    found = result.value
    assert (found.total, found.errors) == (400, WRONG[model])
    assert found.accuracy == 1 - WRONG[model] / 400
    low, high = found.interval
    assert 0 < low < found.accuracy < high < 1
    assert (result.metadata["interval_low"], result.metadata["interval_high"]) == (low, high)
    assert (result.metadata["accuracy"], result.metadata["errors"]) == (found.accuracy, found.errors)


@pytest.mark.parametrize("model", EVALUATIONS)
def test_precision_recall_and_f1_of_each_class_are_a_table(model: str, evaluated: Evaluated) -> None:
    found = evaluated[model].value
    rows = [record.data for record in evaluated[model].metadata["classes"].records]
    assert [row["class"] for row in rows] == [str(label) for label in range(10)]
    for name in ("precision", "recall", "f1"):
        assert [row[name] for row in rows] == pytest.approx(getattr(found, name), rel=1e-5)


def test_the_models_are_compared_best_first(compared: dg.MaterializeResult[Comparison]) -> None:
    models = compared.value.models
    assert [score.errors for score in models.values()] == sorted(WRONG.values())
    assert {model: score.errors for model, score in models.items()} == WRONG
    rows = [record.data for record in compared.metadata["models"].records]
    assert [(row["model"], row["errors"]) for row in rows] == [(model, WRONG[model]) for model in models]
    assert compared.metadata["best"] == rows[0]["model"] == "cnn"
    assert "cnn" in compared.metadata[HEADLINE]


def test_models_are_told_apart_by_name_and_not_by_place(
    digits: DigitSet, predicted: Predicted, evaluations: dict[str, Evaluation]
) -> None:
    swap = {"knn": "knn", "softmax": "cnn", "mlp": "mlp", "cnn": "softmax"}
    swapped = compare(
        digits,
        {model: predicted[other] for model, other in swap.items()},
        {model: evaluations[other] for model, other in swap.items()},
    )
    assert next(iter(swapped.value.models)) == "softmax"


def test_the_report_holds_the_numbers_of_its_inputs(
    reported: dg.MaterializeResult[Report], inputs: dict[str, Any]
) -> None:
    document = reported.value.document
    assert (document["data"]["train"], document["data"]["test"]) == (2_000, 400)
    assert [sum(counts) for counts in document["data"]["class_counts"].values()] == [2_000, 400]
    assert len(document["pca"]["eigenvalues"]) == 784
    assert document["pca"]["explained_share"] == {"2": 0.2, "50": 0.8}
    assert document["pca"]["test_rmse"] == {"2": 60.0, "50": 25.0}
    assert document["harris"]["max_relative_difference"] <= 1e-10
    assert document["harris"]["num_corners"] == np.count_nonzero(inputs["harris_corners"].corners)
    assert document["knn"]["num_neighbors"] == 3
    assert document["knn"]["accuracy_by_k"]["k"] == list(range(1, 11))
    for model, wrong in WRONG.items():
        figures = document["models"][model]
        assert (figures["errors"], figures["accuracy"]) == (wrong, 1 - wrong / 400)
        assert figures["interval"][0] < figures["accuracy"] < figures["interval"][1]
        assert len(figures["confusion_matrix"]) == len(figures["f1"]) == 10
    assert len(document["comparison"]["pairs"]) == 6
    assert document["comparison"]["missed_by_all"][:2] == [0, 1]
    assert {model: len(errors) for model, errors in document["errors"].items()} == WRONG
    found = {error["index"]: error["probability"] for error in document["errors"]["cnn"]}
    assert found == dict(zip(inputs["cnn_errors"]["index"], inputs["cnn_errors"]["probability"]))
    assert document["softmax"]["gradient_error"] == 3e-10
    for name in NETWORKS:
        network = document["networks"][name]
        assert network["parameters"] == sum(weights.numel() for weights in NETWORKS[name]().parameters())
        assert network["held_out_accuracy"] == inputs[f"{name}_model"].validation_accuracy.tolist()
    assert document["champion"]["model"] == "cnn"
    assert [file["name"] for file in document["files"]] == ["train", "test"]
    assert document["versions"].keys() >= {"dagster", "numpy", "torch"}
    assert document["machine"]["cores"] >= 1


def test_the_report_says_where_its_run_and_its_data_come_from(
    reported: dg.MaterializeResult[Report], slice_directory: Path
) -> None:
    run = reported.value.document["run"]
    assert run["canonical"] == (run["source"] == "MNIST")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run["started"])
    assert run["assets"] == len(reported.value.document["assets"])


def test_the_places_are_those_of_the_digit_with_the_largest_response(
    reported: dg.MaterializeResult[Report], inputs: dict[str, Any]
) -> None:
    found = reported.value.document["harris"]
    responses = inputs["harris_corners"].response
    assert found["places"]["corner"]["response"] == responses.max() == responses[found["place_digit"]].max()
    assert found["places"]["edge"]["response"] == responses[found["place_digit"]].min()


def test_a_network_for_which_nothing_was_held_out_is_reported_on(storage: Path, inputs: dict[str, Any]) -> None:
    spent = {
        f"{name}_model": inputs[f"{name}_model"]._replace(validation_accuracy=np.full(3, np.nan))
        for name in ("mlp", "cnn")
    }
    found = report_on({**inputs, **spent}).value
    assert not {"held_out_accuracy"} & found.document["networks"]["cnn"].keys()
    assert found.html.count("none were held out") >= 2


def test_the_document_is_plain_json(reported: dg.MaterializeResult[Report]) -> None:
    document = reported.value.document
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_assets_that_were_never_materialized_leave_their_provenance_empty(
    reported: dg.MaterializeResult[Report],
) -> None:
    document = reported.value.document
    assert document["assets"].keys() >= {"raw_mnist", "covariance", "knn_index", "cnn_model", "model_comparison"}
    for origin in document["assets"].values():
        assert origin == dict.fromkeys(("run_id", "data_version", "code_version", "seconds", "config", "seed"))
    assert {figures["seconds"] for figures in document["models"].values()} == {None}


def test_provenance_and_seconds_come_from_the_latest_materializations(storage: Path, inputs: dict[str, Any]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for asset, seconds in {"cnn_model": 9.0, "cnn_predictions": 0.25}.items():
            for run in (99.0, seconds):
                event = dg.AssetMaterialization(
                    asset, metadata={SECONDS: run}, tags={"dagster/data_version": f"version of {asset}"}
                )
                instance.report_runless_asset_event(event)
        document = report_on(inputs, instance).value.document
    assert document["assets"]["cnn_model"]["seconds"] == 9
    assert document["assets"]["cnn_model"]["data_version"] == "version of cnn_model"
    assert document["models"]["cnn"]["seconds"] == 9.25
    assert document["models"]["mlp"]["seconds"] is None


def test_the_report_survives_storage(reported: dg.MaterializeResult[Report], tmp_path: Path) -> None:
    Storage(tmp_path).write("evaluation_report", reported.value)
    assert Storage(tmp_path).read("evaluation_report") == reported.value
