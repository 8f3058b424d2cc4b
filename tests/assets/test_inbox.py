"""Pictures in the inbox: the sensor requests a run for each file, and the asset recognizes its
digits.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from support.drawing import on_paper

from assets.automation import MAX_RUNS, inbox_sensor
from assets.definitions import defs
from assets.inbox import inbox_predictions
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.handwriting.inbox import make_key
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.runtime.inbox import InboxResource


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inbox, which the environment names."""
    directory = tmp_path / "inbox"
    directory.mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(directory))
    return directory


def put(path: Path, content: bytes, changed: int = 1_000) -> str:
    """Put a file into the inbox; return its key."""
    path.write_bytes(content)
    os.utime(path, (changed, changed))
    return make_key(path)


def tick(instance: dg.DagsterInstance) -> tuple[list[str], Any]:
    """Evaluate the sensor, and add the partitions; return the keys that it requests."""
    repository = defs.get_repository_def()
    with dg.SensorEvaluationContext(
        instance.get_ref(),
        None,
        None,
        None,
        None,
        repository_def=repository,
        resources=repository.get_top_level_resources(),
    ) as context:
        data = inbox_sensor.evaluate_tick(context)
    for request in data.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return [str(request.partition_key) for request in data.run_requests or []], data


def test_the_sensor_requests_one_run_per_file_and_another_one_if_the_file_changes(
    directory: Path, instance: dg.DagsterInstance
) -> None:
    first, second = (
        put(directory / name, name.encode(), age) for age, name in enumerate(("first", "second"))
    )
    keys, data = tick(instance)
    assert keys == [first, second] == [request.run_key for request in data.run_requests]
    assert tick(instance)[0] == []
    changed = put(directory / "first", b"changed")
    assert tick(instance)[0] == [changed]


def test_a_tick_requests_a_bounded_number_of_runs_oldest_first(
    directory: Path, instance: dg.DagsterInstance
) -> None:
    keys = [put(directory / f"{number}.png", b"", number) for number in range(MAX_RUNS + 2)]
    assert [tick(instance)[0] for _ in range(3)] == [keys[:MAX_RUNS], keys[MAX_RUNS:], []]


def test_a_missing_inbox_is_created_or_reported(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for place in ("new", "file"):
        monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / place / "inbox"))
        assert tick(instance)[1].skip_message
    assert (tmp_path / "new" / "inbox").is_dir()


def predict(key: str, recognizer: Recognizer) -> dg.MaterializeResult[Any]:
    context = dg.build_asset_context(partition_key=key)
    found = inbox_predictions(context, recognizer, inbox=InboxResource())
    assert isinstance(found, dg.MaterializeResult)
    return found


def test_a_picture_gets_a_row_per_digit(
    directory: Path, small_recognizer: Recognizer, small_train: DigitSet
) -> None:
    pair = np.concatenate([np.pad(image, 8) for image in small_train.images[[5, 7]]], axis=1)
    on_paper(pair).save(directory / "pair.png")
    found = predict(
        put(directory / "pair.png", (directory / "pair.png").read_bytes()),
        small_recognizer,
    )
    assert list(found.value["digit"]) == small_train.labels[[5, 7]].tolist()
    assert [check.passed for check in found.check_results] == [True]


def test_a_file_that_is_not_a_picture_fails_the_check_and_not_the_run(
    directory: Path, small_recognizer: Recognizer
) -> None:
    found = predict(put(directory / "notes.txt", b"no picture"), small_recognizer)
    (check,) = found.check_results
    assert not check.passed
    assert "notes.txt" in str(check.description)
    assert len(found.value) == 0


def test_a_picture_that_was_removed_or_changed_fails_with_its_key(
    directory: Path, small_recognizer: Recognizer
) -> None:
    key = put(directory / "a.png", b"first")
    put(directory / "a.png", b"second")
    with pytest.raises(dg.Failure, match=key):
        predict(key, small_recognizer)
