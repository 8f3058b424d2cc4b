"""The document holds every number of the report as JSON; `test_report_numbers.py` recomputes those of a real run."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np

from mnist_pipeline import evaluation
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import document
from mnist_pipeline.report.document import Facts


def test_the_document_is_strict_json_and_comes_back_the_same(composed: dict[str, Any]) -> None:
    assert json.loads(json.dumps(composed, allow_nan=False)) == composed


def test_a_report_comes_back_from_its_files(composed: dict[str, Any]) -> None:
    report = document.Report("<p>page</p>", composed)
    assert document.Report.from_files(report.to_files()) == report


def test_the_document_repeats_its_inputs(composed: dict[str, Any], facts: Facts) -> None:
    assert {model: found["seconds"] for model, found in composed["models"].items()} == facts.seconds
    assert composed["models"]["knn"]["calibration"] is None
    assert composed["champion"].items() <= dataclasses.asdict(facts.champion).items()
    assert (composed["run"]["seconds"], composed["run"]["assets"]) == (0.375, 2)


def test_a_share_that_takes_every_component_leaves_nothing(facts: Facts) -> None:
    at = document.compose(facts._replace(eigenvalues=np.ones(4)))["pca"]["at_component"]["0.95"]
    assert at == {"share_of_next": 0, "times_smaller_than_first": 1, "left": 0}


def test_the_document_has_no_nan_where_a_class_is_never_predicted(facts: Facts) -> None:
    one_sided = evaluation.evaluate(np.arange(10), np.zeros(10, int), 10, np.eye(10)[np.zeros(10, int)])
    evaluations = dict.fromkeys(MODELS, one_sided)
    json.dumps(document.compose(facts._replace(evaluations=evaluations)), allow_nan=False)


def test_the_scatter_takes_the_first_images_of_each_class_in_ascending_order() -> None:
    labels = np.array([0] * 9 + [2] * 3 + [0] * 9, np.uint8)
    assert document.scattered(labels, 5).tolist() == [0, 1, 2, 3, 4, 9, 10, 11]


def test_the_models_are_ranked_on_each_data_set_where_there_are_several(composed: dict[str, Any], facts: Facts) -> None:
    assert list(composed["across"]) == ["mnist", "fashion-mnist"]
    assert list(composed["across"]["mnist"]["models"]) == ["cnn", "mlp", "knn", "softmax"]
    score = composed["across"]["fashion-mnist"]["models"]["knn"]
    interval = list(evaluation.wilson_interval(436, 500))
    assert score == {"accuracy": 436 / 500, "interval": interval, "errors": 64, "total": 500}
    one = {name: column[:4] for name, column in (facts.across or {}).items()}
    for across in (None, one, {name: [] for name in one}):
        assert document.compose(facts._replace(across=across))["across"] == {}
