"""Pictures in the inbox: the sensor requests a run for each, and the run stores the predictions."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result
from support.drawing import MIDDLE, encoded, picture

from assets import automation
from assets.automation import MAX_RUNS, inbox_job, inbox_sensor
from assets.definitions import defs
from assets.serving import PICTURES, inbox_predictions
from mnist_pipeline.cli import execution, inspection
from mnist_pipeline.cli import main as cli
from mnist_pipeline.runtime.graph.attempts import MAX_ATTEMPTS
from mnist_pipeline.runtime.graph.records import PARTITION_TAG
from mnist_pipeline.runtime.inbox import Inbox
from mnist_pipeline.runtime.storage import storage

pytestmark = pytest.mark.slow

PARTITIONS = str(PICTURES.name)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inbox with one picture, which the environment names."""
    directory = tmp_path / "inbox"
    directory.mkdir()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(directory))
    (directory / "0.png").write_bytes(shade(0))
    return directory


def shade(level: int) -> bytes:
    return encoded(PIL.Image.new("L", (300, 200), level))


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance on disk, which sensors need to resolve partitions."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def tick(instance: dg.DagsterInstance, cursor: str | None = None, *, is_lost: bool = False) -> tuple[list[str], Any]:
    """Evaluate the sensor; return the keys that it requests. The partitions are added unless the tick is lost."""
    with dg.SensorEvaluationContext(
        instance.get_ref(), None, None, cursor, None, repository_def=defs.get_repository_def()
    ) as context:
        data = inbox_sensor.evaluate_tick(context)
    for request in [] if is_lost else data.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    return [str(request.partition_key) for request in data.run_requests or []], data


def tick_twice(instance: dg.DagsterInstance) -> tuple[list[str], Any]:
    return tick(instance, tick(instance)[1].cursor)


def start(instance: dg.DagsterInstance, key: str) -> dg.DagsterRun:
    return instance.create_run_for_job(defs.resolve_job_def(inbox_job.name), tags={PARTITION_TAG: key})


def test_the_sensor_requests_a_bounded_number_of_runs_oldest_first(
    directory: Path, instance: dg.DagsterInstance
) -> None:
    for level in range(MAX_RUNS + 2):
        (directory / f"{level}.png").write_bytes(shade(level))
        os.utime(directory / f"{level}.png", (1_000 + level, 1_000 + level))
    assert tick(instance)[0] == []
    first, data = tick_twice(instance)
    assert len(first) == MAX_RUNS
    assert sorted(first) == sorted(instance.get_dynamic_partitions(PARTITIONS))
    assert [request.run_key for request in data.run_requests or []] == [f"{key}:0" for key in first]
    for key in first:
        start(instance, key)
    second = tick(instance, data.cursor)[0]
    assert [key[0] for key in first + second] == [str(level) for level in range(MAX_RUNS + 2)]
    for key in second:
        start(instance, key)
    assert [tick(instance, cursor)[0] for cursor in (data.cursor, None, "nonsense")] == [[], [], []]


def test_the_requests_of_a_tick_that_was_lost_are_repeated(directory: Path, instance: dg.DagsterInstance) -> None:
    cursor = tick(instance)[1].cursor
    first = tick(instance, cursor, is_lost=True)[0]  # neither the partition nor the run is created
    second = tick(instance, cursor)[0]  # only the partition is created
    assert first == second == tick(instance, None)[0]
    assert len(first) == 1


def test_a_picture_whose_run_was_killed_is_requested_again_a_few_times(
    directory: Path, instance: dg.DagsterInstance
) -> None:
    (key,) = tick_twice(instance)[0]
    for attempt in range(1, MAX_ATTEMPTS + 1):
        instance.report_run_failed(start(instance, key), "killed")
        keys, data = tick(instance)
        assert keys == ([key] if attempt < MAX_ATTEMPTS else [])
        assert [request.run_key for request in data.run_requests or []] == [f"{key}:{attempt}" for key in keys]


def test_a_picture_whose_run_was_canceled_is_not_requested_again(directory: Path, instance: dg.DagsterInstance) -> None:
    instance.report_run_canceled(start(instance, tick_twice(instance)[0][0]))
    assert tick(instance)[0] == []


def test_a_tick_reports_rejected_files(directory: Path, instance: dg.DagsterInstance) -> None:
    (directory / "bad.png").touch()
    (directory / "0.png").unlink()
    assert "bad.png" in str(tick_twice(instance)[1].skip_message)


def test_a_missing_inbox_is_created_or_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "new" / "inbox"))
    tick(instance)
    assert {path.name for path in (tmp_path / "new" / "inbox").iterdir()} == {"accepted", "rejected"}
    (tmp_path / "file").touch()
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(tmp_path / "file" / "inbox"))
    assert "Not a directory" in str(tick(instance)[1].skip_message)


def accept(box: Inbox) -> list[str]:
    return box.look(box.look(None, ()).cursor, ()).accepted


@pytest.fixture
def filled(own_copy: tuple[Path, Path]) -> tuple[Inbox, list[str]]:
    """The inbox of a finished run, and the keys of three accepted pictures."""
    box = Inbox(own_copy[1] / "inbox")
    box.directory.mkdir()
    for digit in "123":
        (box.directory / f"{digit}.png").write_bytes(picture((digit, MIDDLE)))
    return box, sorted(accept(box))


def execute(*keys: str) -> list[dg.ExecuteInProcessResult]:
    job = defs.resolve_job_def(inbox_job.name)
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, sorted(set(keys)))
        return [job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False) for key in keys]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, list(arguments))


def stored_path(key: str) -> Path:
    return Path(str(storage.current().path(f"inbox_predictions-{key}")))


def test_the_predictions_for_a_picture_are_stored_and_shown_with_its_contact_sheet(
    filled: tuple[Inbox, list[str]],
) -> None:
    box, (key, *_) = filled
    assert execute(key)[0].success
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(inbox_predictions.key)
        assert dict(inspection.verify(instance))[f"inbox_predictions-{key}"] == "ok"
    table = storage.read("inbox_predictions", key)
    ((reading,),) = storage.read("recognizer").read_pages([box.read(key)])
    assert list(table["number"]) == [1]
    assert table["digit"][0] == reading.recognition.digit
    assert [table[side][0] for side in ("x", "y", "width", "height")] == list(reading.box)
    assert [table[f"nearest_{i}"][0] for i in (1, 2, 3)] == [near.index for near in reading.recognition.neighbors]
    assert table["looks_like_digit"].dtype == bool
    sheet = Path(storage.current().figure_path(f"inbox_predictions-{key}", "contact_sheet")).read_bytes()
    assert PIL.Image.open(io.BytesIO(sheet)).format == "PNG"
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == key
    metadata = event.asset_materialization.metadata
    assert str(metadata["contact_sheet"].value).startswith("[![contact_sheet](data:image/png;base64,")
    assert Path(str(metadata["contact_sheet_file"].value)).read_bytes() == sheet
    assert len(metadata["predictions"].records) == 1  # type: ignore[attr-defined]


def test_a_picture_that_can_not_be_read_fails_alone_and_is_not_requested_again(
    filled: tuple[Inbox, list[str]],
) -> None:
    box, (bad, *_) = filled
    (box.directory / "blank.png").write_bytes(shade(255))
    (blank,) = accept(box)
    box.accepted()[bad].write_bytes(b"changed")
    failed, succeeded = execute(bad, blank)
    (line,) = execution.failures(failed)  # type: ignore[arg-type]
    assert line.startswith("inbox_predictions failed: ")
    assert bad in line
    assert succeeded.success
    assert len(storage.read("inbox_predictions", blank)) == 0
    with pytest.raises(storage.StorageError, match=bad):
        storage.read("inbox_predictions", bad)
    with dg.DagsterInstance.get() as instance:
        assert bad not in tick(instance)[0]


def test_lost_and_unrecorded_predictions_are_found_by_verify_and_repaired_by_changed(
    filled: tuple[Inbox, list[str]],
) -> None:
    damaged, missing, unrecorded = filled[1]
    execute(damaged, missing)
    stored_path(damaged).write_bytes(b"damaged")
    stored_path(missing).unlink()
    storage.current().write(f"inbox_predictions-{unrecorded}", np.zeros(3))
    with pytest.raises(storage.StorageError, match="run --changed"):
        storage.read("inbox_predictions", damaged)
    verified = run("verify")
    assert verified.exit_code == 1
    assert f"inbox_predictions-{damaged} damaged: " in verified.output
    assert f"inbox_predictions-{unrecorded} not recorded" in verified.output
    repaired = run("run", "--changed")
    assert repaired.exit_code == 0, repaired.output
    lines = repaired.output.splitlines()
    assert {line.split()[1] for line in lines if line.startswith("Materializing")} == set(filled[1])
    assert run("verify").exit_code == 0


def test_lost_predictions_whose_picture_is_gone_block_no_others(filled: tuple[Inbox, list[str]]) -> None:
    box, keys = filled
    execute(*keys)
    for key in keys:
        stored_path(key).unlink()
    box.accepted()[keys[0]].unlink()
    repaired = run("run", "--changed")
    assert repaired.exit_code == 1
    assert f"Error: inbox_predictions failed: {keys[0]}" in repaired.output
    assert [len(storage.read("inbox_predictions", key)) for key in keys[1:]] == [1, 1]


def test_pruning_keeps_the_latest_runs_of_pictures(filled: tuple[Inbox, list[str]]) -> None:
    keys = filled[1]
    execute(*keys, keys[0])
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, ["tried"])
        failed = start(instance, "tried")
        instance.report_run_failed(failed)
    assert run("prune", "--keep", "0").output.startswith("1 run ")
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(inbox_predictions.key) == set(keys)
        assert instance.get_run_by_id(failed.run_id) is not None


def test_pictures_are_compared_by_day_if_there_are_new_ones(filled: tuple[Inbox, list[str]]) -> None:
    keys = filled[1]

    def daily() -> int:
        context = dg.build_schedule_context(instance=instance, repository_def=defs.get_repository_def())
        return len(automation.daily_drift.evaluate_tick(context).run_requests or [])

    with dg.DagsterInstance.get() as instance:
        assert daily() == 0
        execute(*keys[:2])
        instance.add_dynamic_partitions(PARTITIONS, keys)  # the last one is not read yet
        assert daily() == 1
        assert defs.resolve_job_def(automation.drift_job.name).execute_in_process(instance=instance).success
        assert daily() == 0
        event = instance.get_latest_materialization_event(dg.AssetKey("inbox_drift"))
    (row,) = storage.read("inbox_drift").to_dict("records")
    assert (row["pictures"], row["digits"]) == (2, 2)
    assert sum(row[f"share_of_{digit}"] for digit in range(10)) == pytest.approx(1)
    assert event is not None
    assert event.asset_materialization is not None
    assert set(event.asset_materialization.metadata) >= {"unfamiliar", "class_shares"}
    assert run("run", "--select", "key:inbox_drift").exit_code == 0
    assert run("verify").exit_code == 0


def test_selecting_the_predictions_on_the_command_line_is_refused_in_one_line(own_copy: tuple[Path, Path]) -> None:
    result = run("run", "--select", "key:inbox_predictions")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("Error: inbox_predictions ")


def test_no_job_mixes_assets_with_and_without_partitions() -> None:
    for job in automation.define_jobs(None):
        resolved = defs.resolve_job_def(job.name)
        assert inbox_predictions.key not in resolved.asset_layer.executable_asset_keys, job.name
        assert resolved.partitions_def is None
    assert defs.resolve_job_def(inbox_job.name).asset_layer.executable_asset_keys == {inbox_predictions.key}
