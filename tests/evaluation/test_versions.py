"""Versions of models from the records of their assets."""

from typing import Any

import numpy as np
import pytest

from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import Record

TEST_SET = {"test_digits": "t"}


def training(number: int, run: int | None = None) -> dict[str, Record]:
    """The records of a run that trained and evaluated the MLP with this number of epochs."""
    run = run or number

    def record(asset: str, version: str, inputs: dict[str, str], **metadata: Any) -> Record:
        return Record(asset, f"{version}{number}", run, f"run{run}", "code", inputs, metadata)

    fit = {"config": {"epochs": number}, "seed": 7, "libraries": {"torch": f"2.{number}"}}
    interval = {"interval_low": 0.0, "interval_high": 1.0}
    inputs = {"mlp_model": f"m{number}", **TEST_SET}
    evaluated = {"mlp_predictions": f"p{number}", **TEST_SET}
    return {
        "mlp_model": record("mlp_model", "m", {"train_digits": "d"}, seconds=1.0, **fit),
        "mlp_predictions": record("mlp_predictions", "p", inputs, seconds=0.5),
        "mlp_evaluation": record(
            "mlp_evaluation", "e", evaluated, accuracy=number / 10, errors=10 - number, **interval
        ),
    }


def recorded(*runs: dict[str, Record]) -> dict[str, list[Record]]:
    return {asset: [run[asset] for run in runs if asset in run] for asset in runs[0]}


def test_a_version_has_the_result_of_its_own_predictions() -> None:
    second = training(2)
    del second["mlp_evaluation"]
    listed = versions.of_models(recorded(training(1), second))
    assert [(version.version, version.accuracy, version.seconds) for version in listed] == [
        ("p2", None, 1.5),
        ("p1", 0.1, 1.5),
    ]


def test_the_state_after_a_run_has_what_was_computed_until_then() -> None:
    records = recorded(training(1), training(2), training(1, run=3))
    assert versions.last_runs(records) == ["run1", "run2", "run3"]
    after = [versions.after_run(run, records) for run in ("run1", "run2", "run3")]
    assert [version.version for (version,) in after] == ["p1", "p2", "p1"]
    assert versions.find("run3", records)[1] == after[2]
    assert [version.version for version in versions.of_models(records)] == ["p1", "p2"]


@pytest.mark.parametrize("name", ["", "p", "run", "other"])
def test_a_name_that_is_not_that_of_exactly_one_version_or_run_is_refused(name: str) -> None:
    with pytest.raises(versions.NotFoundError):
        versions.find(name, recorded(training(1), training(2)))


def test_two_versions_differ_in_what_was_recorded_and_in_their_answers() -> None:
    after, before = versions.of_models(recorded(training(1), training(2)))
    labels = {"p1": np.array([0, 1, 2, 0]), "p2": np.array([0, 1, 1, 2])}
    true = np.array([0, 1, 2, 2])
    compared = versions.compare([before], [after], lambda side: labels[side.version], true)
    assert compared["configuration"] == [{"name": "mlp_model.epochs", "before": 1, "after": 2}]
    assert compared["libraries"] == [{"name": "torch", "before": "2.1", "after": "2.2"}]
    (pair,) = compared["models"]
    assert (pair["fixed"], pair["broken"], pair["difference"]) == (1, 1, 0)
    assert pair["disagreements"] == [2, 3]
    # Without stored answers for these images, nothing is compared image by image.
    (pair,) = versions.compare([before], [after], lambda _: None, true)["models"]
    assert "fixed" not in pair
