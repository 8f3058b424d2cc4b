"""What Dagster recorded about stored values is restored from its copies in the storage."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from mnist_pipeline.runtime.graph import copies, records
from mnist_pipeline.runtime.graph.checks import Measured
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.graph.results import result
from mnist_pipeline.runtime.graph.shards import MADE_FROM
from mnist_pipeline.runtime.graph.staleness import out_of_sync, stale_shards
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow
PICTURES = dg.DynamicPartitionsDefinition(name="pictures")
FOLDS = dg.StaticPartitionsDefinition(["first", "second", "third"])
FOLD = "first"


@dg.asset(code_version="1", check_specs=[dg.AssetCheckSpec("positive", asset="source", blocking=True)])
def source():
    return result(np.arange(3), "3 numbers", checks={"positive": Measured(-1.0, low=0.0)})


@dg.asset(code_version="1", deps=["source"], partitions_def=FOLDS)
def fold(context: dg.AssetExecutionContext):
    return result(np.array([len(context.partition_key)]), "1 number")


@dg.asset(code_version="1")
def whole(fold: Any):
    return result(np.arange(len(fold)), "folds", numbers={MADE_FROM: fold.digest})


@dg.asset(code_version="1", partitions_def=PICTURES)
def picture():
    return result(np.zeros(2), "a picture")


DEFINITIONS = dg.Definitions(assets=[source, fold, whole, picture], resources={"io_manager": StorageIOManager()})


def _materialize(
    instance: dg.DagsterInstance,
    asset: dg.AssetsDefinition,
    partition: str | None = None,
    warn: Callable[[str], object] = pytest.fail,
) -> None:
    outcome = dg.materialize(
        [asset, *({source, fold, whole} - {asset})],
        selection=[asset],
        instance=instance,
        partition_key=partition,
        resources={"io_manager": StorageIOManager()},
        raise_on_error=False,
    )
    assert list(copies.keep(outcome.all_events, outcome.run_id, warn)) == outcome.all_events


@pytest.fixture
def recorded(storage: Path) -> dg.DagsterInstance:
    """An instance that has recorded every asset, and a failed check that blocks."""
    instance = dg.DagsterInstance.ephemeral()
    _materialize(instance, source)
    for name in FOLDS.get_partition_keys():
        _materialize(instance, fold, name)
    _materialize(instance, whole)
    instance.add_dynamic_partitions("pictures", ["a-1"])
    _materialize(instance, picture, "a-1")
    return instance


def _state(instance: dg.DagsterInstance) -> dict[str, Any]:
    return {
        "origins": records.origins(instance, [source.key, whole.key]),
        "folds": records.versions_of_partitions(instance, fold.key),
        "runs": {name: records.run_of(each) for name, each in records.latest_of_partitions(instance, fold.key).items()},
        "pictures": records.versions_of_partitions(instance, picture.key),
        "partitions": instance.get_dynamic_partitions("pictures"),
        "out of sync": out_of_sync(instance, DEFINITIONS),
        "stale": stale_shards(instance, DEFINITIONS, fold.key),
    }


def test_a_new_instance_knows_everything_that_the_lost_one_knew(recorded: dg.DagsterInstance) -> None:
    new = dg.DagsterInstance.ephemeral()
    new.report_runless_asset_event(dg.AssetMaterialization("another"))  # all events get other numbers
    restored, left = copies.restore(new, DEFINITIONS)
    assert len(restored) == 3 + len(FOLDS.get_partition_keys())
    assert left == []
    assert _state(new) == _state(recorded)
    assert _state(new)["out of sync"] == {source.key: "its check positive failed"}
    assert copies.restore(new, DEFINITIONS) == ([], [])


def test_a_restored_asset_follows_what_changes_later(recorded: dg.DagsterInstance) -> None:
    new = dg.DagsterInstance.ephemeral()
    copies.restore(new, DEFINITIONS)
    tags = {"dagster/data_version": "another", "dagster/code_version": "1"}
    new.report_runless_asset_event(dg.AssetMaterialization(fold.key, partition=FOLD, tags=tags))
    assert set(out_of_sync(new, DEFINITIONS)) == {source.key, whole.key}


def test_a_copy_of_another_value_is_not_used(recorded: dg.DagsterInstance, storage: Path) -> None:
    Storage(storage).write("source", np.ones(3))
    new = dg.DagsterInstance.ephemeral()
    assert "source" in copies.restore(new, DEFINITIONS)[1]
    assert "source" not in records.recorded_versions(new)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 200_000, b"{}", b'{"sha256": "", "recorded": "{}"}'])
def test_a_damaged_copy_is_not_used(content: bytes, recorded: dg.DagsterInstance, storage: Path) -> None:
    (storage / "records" / "source.json").write_bytes(content)
    assert copies.restore(dg.DagsterInstance.ephemeral(), DEFINITIONS)[1] == ["source"]


@pytest.mark.parametrize("text", ["{}", "[]", "7", '{"materialization": 1}', '{"__class__": "Unknown"}'])
def test_a_copy_of_something_else_is_not_used(text: str, recorded: dg.DagsterInstance, storage: Path) -> None:
    Storage(storage).published.write_record("source", text)
    assert copies.restore(dg.DagsterInstance.ephemeral(), DEFINITIONS)[1] == ["source"]


def test_a_run_continues_if_a_copy_cannot_be_written(recorded: dg.DagsterInstance, storage: Path) -> None:
    shutil.rmtree(storage / "records")
    (storage / "records").touch()
    warnings: list[str] = []
    _materialize(recorded, source, warn=warnings.append)
    (warning,) = warnings
    assert warning.startswith("source: ")
