"""Dagster's records where they can't be written, and the runs that they name."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import dagster as dg
import pytest

from mnist_pipeline.runtime import instance as instances


@pytest.fixture
def home(storage) -> Path:
    """A directory of Dagster that the environment names."""
    (home := storage / "dagster").mkdir(parents=True)
    shutil.copy(instances.CONFIGURATION, home)
    return home


@pytest.fixture
def full_disk(home, monkeypatch) -> None:
    """What is written into the directory meets a full disk."""
    make = tempfile.TemporaryFile

    def temporary_file(**options: str) -> IO[bytes]:
        is_full = options.get("dir") == str(home)
        return Path("/dev/full").open("wb") if is_full else make(**options)

    monkeypatch.setattr(tempfile, "TemporaryFile", temporary_file)


def test_records_on_a_full_disk_are_read_from_a_copy(home, full_disk):
    instances.prepare(read_only=True)
    copy = Path(os.environ["DAGSTER_HOME"])
    assert copy != home
    for directory in (home, copy):
        assert [file.name for file in directory.iterdir()] == [instances.CONFIGURATION.name]


def test_a_run_on_a_full_disk_is_refused(home, full_disk):
    with pytest.raises(instances.InstanceError, match=rf"{home} .*No space"):
        instances.prepare()


def test_a_run_is_unfinished_until_it_has_succeeded_failed_or_been_canceled(instance):
    @dg.job
    def empty() -> None:
        pass

    running = ("NOT_STARTED", "STARTING", "STARTED", "CANCELING")
    runs = {
        name: instance.create_run_for_job(empty, status=dg.DagsterRunStatus[name]).run_id
        for name in (*running, "SUCCESS", "FAILURE", "CANCELED")
    }
    unfinished = {run.run_id for run in instances.unfinished_runs(instance)}
    assert unfinished == {runs[name] for name in running}
