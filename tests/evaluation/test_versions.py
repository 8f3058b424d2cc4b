"""Versions of models from the records of their assets."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import RECORDED, Answers, Record

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
    return {asset: [run[asset] for run in runs if asset in run] for asset in RECORDED}


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


def test_a_version_has_the_evaluation_that_only_a_later_run_computed() -> None:
    records = recorded(training(1), training(2))
    late = records["mlp_evaluation"][0]
    records["mlp_evaluation"] = [records["mlp_evaluation"][1], late._replace(time=3, run="run3")]
    after = [versions.after_run(run, records) for run in ("run1", "run2")]
    assert [version.accuracy for (version,) in after] == [0.1, 0.2]


@pytest.mark.parametrize("name", ["", "p", "run", "other"])
def test_a_name_that_is_not_that_of_exactly_one_version_or_run_is_refused(name: str) -> None:
    with pytest.raises(versions.NotFoundError):
        versions.find(name, recorded(training(1), training(2)))


def compared(before: Answers | None, after: Answers | None) -> dict[str, Any]:
    """The comparison of versions with these answers."""
    new, old = versions.of_models(recorded(training(1), training(2)))
    return versions.compare([old], [new], lambda side: before if side is old else after)


def answers(
    labels: list[int], true: list[int], images: Sequence[int], names: str = "abc"
) -> Answers:
    """Answers to images that are named by numbers."""
    pixels = np.array(images, np.uint8).reshape(-1, 1, 1)
    return Answers(np.array(labels), DigitSet(pixels, np.array(true, np.uint8)), names)


def test_two_versions_differ_in_what_was_recorded_and_in_their_answers() -> None:
    true = [0, 1, 2, 2]
    comparison = compared(
        answers([0, 1, 2, 0], true, range(4)), answers([0, 1, 1, 2], true, range(4))
    )
    assert comparison["configuration"] == [{"name": "mlp_model.epochs", "before": 1, "after": 2}]
    assert comparison["libraries"] == [{"name": "torch", "before": "2.1", "after": "2.2"}]
    (pair,) = comparison["models"]
    assert (pair["fixed"], pair["broken"], pair["difference"]) == (1, 1, 0)
    assert pair["disagreements"] == [2, 3]


def test_test_sets_that_overlap_are_compared_on_the_images_that_both_have() -> None:
    # Image 1 occurs twice in both, image 4 gets another label, 5 is removed and 6 is added.
    before = answers([0, 2, 1, 2, 0], [0, 1, 1, 2, 2], [0, 1, 1, 4, 5])
    after = answers([2, 1, 1, 0, 0], [2, 1, 1, 0, 1], [6, 1, 1, 0, 4])
    (pair,) = compared(before, after)["models"]
    assert pair["images"] == {"before": 5, "after": 5, "common": 3}
    assert (pair["fixed"], pair["broken"], pair["difference"]) == (1, 0, 1 / 3)
    assert pair["errors_by_class"] == {"before": [0, 1], "after": [0, 0]}
    assert pair["disagreements"] == [1]  # of the test set after
    assert pair["labels"] == {"before": [2], "after": [1]}


@pytest.mark.parametrize(
    "other",
    [None, answers([0], [0], [9]), answers([0], [0], [0], names="abd")],
    ids=["not stored", "no common image", "other classes"],
)
def test_versions_without_a_common_image_or_with_other_classes_are_not_compared(
    other: Answers | None,
) -> None:
    for pair in ((answers([0], [0], [0]), other), (other, answers([0], [0], [0]))):
        assert "fixed" not in compared(*pair)["models"][0]
