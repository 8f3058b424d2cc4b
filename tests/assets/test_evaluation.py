"""The assets of the evaluation, called as functions on predictions with `WRONG` errors."""

from typing import Any

import dagster as dg
import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.records import Predictions
from mnist_pipeline.evaluation.scores import Comparison, Evaluation
from mnist_pipeline.runtime.graph.results import HEADLINE
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")
WRONG = {"knn": 13, "softmax": 40, "mlp": 13, "cnn": 5}


def predicted(wrong: int) -> Predictions:
    """Predictions of which a number are wrong, among them the first two."""
    labels, generator = read("test_digits").labels.copy(), np.random.default_rng(wrong)
    missed = np.r_[0, 1, generator.choice(np.arange(2, len(labels)), wrong - 2, replace=False)]
    labels[missed] = (labels[missed] + generator.integers(1, 10, wrong)) % 10
    return Predictions(labels, np.eye(10, dtype=np.float32)[labels] * 0.5 + np.float32(0.05))


def compare(wrong: dict[str, int]) -> dg.MaterializeResult[Comparison]:
    inputs: dict[str, Any] = {f"{model}_predictions": predicted(count) for model, count in wrong.items()}
    for model in wrong:
        of_model = {f"{model}_predictions": inputs[f"{model}_predictions"]}
        inputs[f"{model}_evaluation"] = call(f"{model}_evaluation", **of_model).value
    return call("model_comparison", **inputs)


@pytest.mark.parametrize("model", WRONG)
def test_accuracy_is_correct_by_total_with_an_interval_and_a_table_of_the_classes(model: str) -> None:
    result = call(f"{model}_evaluation", **{f"{model}_predictions": predicted(WRONG[model])})
    found: Evaluation = result.value
    assert (found.total, found.errors, found.accuracy) == (500, WRONG[model], 1 - WRONG[model] / 500)
    low, high = found.interval
    assert 0 < low < found.accuracy < high < 1
    names = ("interval_low", "interval_high", "accuracy", "errors")
    assert [result.metadata[name] for name in names] == pytest.approx(
        [low, high, found.accuracy, found.errors], rel=1e-5
    )
    rows = [record.data for record in result.metadata["classes"].records]
    assert [row["class"] for row in rows] == [str(label) for label in range(10)]
    for name in ("precision", "recall", "f1"):
        assert [row[name] for row in rows] == pytest.approx(getattr(found, name), rel=1e-5)


def test_the_models_are_compared_best_first() -> None:
    result = compare(WRONG)
    assert [(name, score.errors) for name, score in result.value.models.items()] == sorted(
        WRONG.items(), key=lambda item: item[1]
    )
    rows = [record.data for record in result.metadata["models"].records]
    assert {row["model"]: row["errors"] for row in rows} == WRONG
    assert result.metadata["best"] == rows[0]["model"] == "cnn"
    assert "cnn" in result.metadata[HEADLINE]
    assert result.value.missed_by_all[:2] == [0, 1]


def test_models_are_identified_by_name_and_not_by_place() -> None:
    assert next(iter(compare({**WRONG, "cnn": 40, "softmax": 5}).value.models)) == "softmax"
