"""The document holds every number of the report as JSON; `test_report_numbers.py` recomputes those of a real run."""

import json
from typing import Any

import numpy as np

from mnist_pipeline.evaluation import scores
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import document
from mnist_pipeline.report.document import Values


def test_the_document_is_strict_json_and_comes_back_the_same(composed: dict[str, Any]) -> None:
    assert json.loads(json.dumps(composed, allow_nan=False)) == composed


def test_a_report_comes_back_from_its_files(composed: dict[str, Any]) -> None:
    report = document.Report("<p>page</p>", composed)
    assert document.Report.from_files(report.to_files()) == report


def test_seconds_are_those_of_the_assets_and_of_a_model_with_its_predictions(composed: dict[str, Any]) -> None:
    assert {model: found["seconds"] for model, found in composed["models"].items()} == {
        **dict.fromkeys(MODELS),
        "knn": 0.75,
    }
    assert (composed["run"]["seconds"], composed["run"]["assets"]) == (0.75, 2 * len(MODELS))


def test_a_share_that_takes_every_component_leaves_nothing(values: Values) -> None:
    equal = values.eigendecomposition._replace(eigenvalues=np.ones(4))
    at = document.compose(values._replace(eigendecomposition=equal))["pca"]["at_component"]["0.95"]
    assert at == {"share_of_next": 0, "times_smaller_than_first": 1, "left": 0}


def test_the_document_has_no_nan_where_a_class_is_never_predicted(values: Values) -> None:
    one_sided = scores.evaluate(np.arange(10), np.zeros(10, int), 10, np.eye(10)[np.zeros(10, int)])
    evaluations = dict.fromkeys(MODELS, one_sided)
    json.dumps(document.compose(values._replace(evaluations=evaluations)), allow_nan=False)
