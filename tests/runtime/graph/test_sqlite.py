"""The databases of the Dagster instance, kept open while a run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from sqlalchemy import text

from mnist_pipeline.runtime.graph import sqlite


@dg.op
def one_step() -> None:
    """Something to run."""


@dg.job
def steps() -> None:
    """A run with events."""
    one_step()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_the_log_beside_a_database_stays_while_it_is_kept_open_and_no_longer(instance: dg.DagsterInstance) -> None:
    run_id = steps.execute_in_process(instance=instance).run_id
    stored = instance.event_log_storage
    assert isinstance(stored, SqliteEventLogStorage)
    logs = [Path(f"{stored.path_for_shard(shard)}-wal") for shard in (INDEX_SHARD_NAME, run_id)]
    assert not any(log.exists() for log in logs)
    with sqlite.kept_open(instance):
        instance.all_logs(run_id)
        instance.get_asset_records()
        assert all(log.exists() for log in logs)
    assert not any(log.exists() for log in logs)


def test_what_is_recorded_while_a_database_is_kept_open_is_there_at_once_and_later(
    instance: dg.DagsterInstance,
) -> None:
    run_id = steps.execute_in_process(instance=instance).run_id
    entry = instance.all_logs(run_id)[-1]
    before = len(instance.all_logs(run_id))
    with sqlite.kept_open(instance):
        instance.event_log_storage.store_event(entry)
        assert len(instance.all_logs(run_id)) == before + 1
    assert len(instance.all_logs(run_id)) == before + 1


def test_a_run_within_is_recorded_as_one_without(instance: dg.DagsterInstance) -> None:
    without = steps.execute_in_process(instance=instance).run_id
    with sqlite.kept_open(instance), sqlite.kept_open(instance):  # of which the inner one does nothing
        within = steps.execute_in_process(instance=instance).run_id
    told = [[entry.dagster_event_type for entry in instance.all_logs(run_id)] for run_id in (within, without)]
    assert told[0] == told[1]
    assert instance.get_run_by_id(within).is_success


def test_another_instance_writes_to_a_database_that_is_kept_open(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = steps.execute_in_process(instance=instance).run_id
    entry, before = instance.all_logs(run_id)[-1], len(instance.all_logs(run_id))
    with sqlite.kept_open(instance):
        instance.event_log_storage.store_event(entry)
        with dg.DagsterInstance.local_temp(str(tmp_path)) as other:
            other.event_log_storage.store_event(entry)
        assert len(instance.all_logs(run_id)) == before + 2


def test_the_index_waits_for_the_disk_at_each_commit_and_the_log_of_a_run_does_not(
    instance: dg.DagsterInstance,
) -> None:
    run_id = steps.execute_in_process(instance=instance).run_id
    stored = instance.event_log_storage
    assert isinstance(stored, SqliteEventLogStorage)
    levels = {}
    with sqlite.kept_open(instance):
        for shard in (INDEX_SHARD_NAME, run_id):
            with stored.run_connection(shard) as connection:
                levels[shard] = connection.execute(text("PRAGMA synchronous")).scalar()
    assert levels == {INDEX_SHARD_NAME: 2, run_id: 1}  # FULL and NORMAL


def test_another_storage_of_events_is_left_alone() -> None:
    with dg.DagsterInstance.ephemeral() as instance, sqlite.kept_open(instance):
        steps.execute_in_process(instance=instance)
