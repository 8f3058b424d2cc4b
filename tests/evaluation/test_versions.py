"""Versions of models from the records of their assets."""

from typing import Any

import numpy as np
import pytest

from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import Record


def training(number: int) -> dict[str, Record]:
    """The records of a run that trained and evaluated the MLP."""

    def record(asset: str, version: str, inputs: dict[str, str], **metadata: Any) -> Record:
        return Record(asset, f"{version}{number}", number, f"run{number}", "code", inputs, metadata)

    fit = {
        "config": {"epochs": number},
        "seed": 7,
        "seconds": 1.0,
        "libraries": {"torch": f"2.{number}"},
    }
    scores = {
        "accuracy": number / 10,
        "errors": 10 - number,
        "interval_low": 0.0,
        "interval_high": 1.0,
    }
    test_set = {"test_digits": "t"}
    return {
        "mlp_model": record("mlp_model", "m", {"train_digits": "d"}, **fit),
        "mlp_predictions": record(
            "mlp_predictions", "p", {"mlp_model": f"m{number}", **test_set}, seconds=0.5
        ),
        "mlp_evaluation": record(
            "mlp_evaluation", "e", {"mlp_predictions": f"p{number}", **test_set}, **scores
        ),
    }


def recorded(*runs: dict[str, Record]) -> dict[str, list[Record]]:
    return {asset: [run[asset] for run in runs] for asset in runs[0]}


def test_a_version_has_the_result_of_its_own_predictions() -> None:
    first, second = training(1), training(2)
    del second["mlp_evaluation"]
    found = versions.of_models(
        {**recorded(first), "mlp_model": [first["mlp_model"], second["mlp_model"]]}
    )
    assert [(each.version, each.accuracy, each.seconds) for each in found] == [
        ("m2", None, None),
        ("m1", 0.1, 1.5),
    ]


def test_the_state_after_a_run_has_what_was_computed_until_then() -> None:
    records = recorded(training(1), training(2))
    assert [each.version for each in versions.after_run("run1", records)] == ["m1"]
    assert versions.last_runs(records) == ["run1", "run2"]


@pytest.mark.parametrize("name", ["", "m", "run", "other"])
def test_a_name_that_is_not_that_of_exactly_one_version_or_run_is_refused(name: str) -> None:
    with pytest.raises(versions.NotFoundError):
        versions.find(name, recorded(training(1), training(2)))


def test_two_versions_differ_in_what_was_recorded_and_in_their_answers() -> None:
    (before,), (after,) = (
        versions.after_run(run, recorded(training(1), training(2))) for run in ("run1", "run2")
    )
    labels = {"m1": np.array([0, 1, 2, 0]), "m2": np.array([0, 1, 1, 2])}
    found = versions.compare(
        [before], [after], lambda each: labels[each.version], np.array([0, 1, 2, 2])
    )
    assert found["configuration"] == [{"name": "mlp_model.epochs", "before": 1, "after": 2}]
    assert found["libraries"] == [{"name": "torch", "before": "2.1", "after": "2.2"}]
    (pair,) = found["models"]
    assert (pair["fixed"], pair["broken"], pair["difference"], pair["disagreements"]) == (
        1,
        1,
        0,
        [2, 3],
    )


def test_versions_without_stored_answers_for_these_images_are_not_compared_in_pairs() -> None:
    (before,), (after,) = (
        versions.after_run(run, recorded(training(1), training(2))) for run in ("run1", "run2")
    )
    (pair,) = versions.compare([before], [after], lambda _: None, np.arange(4))["models"]
    assert "fixed" not in pair
