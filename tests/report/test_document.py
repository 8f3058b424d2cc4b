"""The document is strict JSON, which a report stores next to its page, also where facts are
missing.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.table import assets_of_models, by_model
from mnist_pipeline.report import assembly
from mnist_pipeline.report.content import Values


def test_errors_and_points_are_listed_with_their_places(
    composed: dict[str, Any], values: Values
) -> None:
    for model, errors in composed["errors"].items():
        found, true = values[f"{model}_predictions"], values["test_digits"].labels
        assert [error["index"] for error in errors] == np.flatnonzero(found.labels != true).tolist()
        assert all(
            error["true_label"] == true[error["index"]] != error["predicted_label"]
            for error in errors
        )
        assert all(
            error["probability"] == found.probabilities[error["index"]].max() for error in errors
        )
    scatter = composed["pca"]["scatter"]
    np.testing.assert_array_equal(scatter["label"], values["train_digits"].labels[scatter["index"]])
    np.testing.assert_array_equal(
        np.stack([scatter["x"], scatter["y"]], 1), values["projections"][scatter["index"], :2]
    )
    assert np.bincount(scatter["label"]).tolist() == [50] * 10


def test_tables_have_the_numbers_of_the_stored_values(
    html: str, text_of: Callable[[str], str], values: Values
) -> None:
    text = text_of(html)
    for found in by_model(values, "evaluation").values():
        low, high = (f"{100 * end:.2f}" for end in found.interval)
        assert f" {found.total - found.errors:,} {low}– {high}% " in text
        for k, measures in enumerate(zip(found.precision, found.recall, found.f1)):
            assert f" {k} " + " ".join(f"{100 * measure:.1f}" for measure in measures) in text


def test_a_class_that_is_never_predicted_leaves_no_nan(values: Values) -> None:
    one_sided = scores.evaluate(np.arange(10), np.zeros(10, int), np.eye(10)[np.zeros(10, int)])
    json.dumps(
        assembly.merged(
            "numbers", {**values, **dict.fromkeys(assets_of_models("evaluation"), one_sided)}
        ),
        allow_nan=False,
    )
