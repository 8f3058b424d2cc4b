"""Put a former champion back into service."""

import click
import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import DIGITS, ModelVersion, Record, Records
from mnist_pipeline.models import MODELS, STORED
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG, INPUT_VERSION_TAG, VERSION
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.runtime.storage.storage import Storage

CHAMPION = "champion"
OF_CHAMPION = ("recognizer", "model_card")  # what answers and describes, computed from the champion


def restore_champion(configured: Settings, name: str) -> None:
    """Make a former champion the current one, with everything that was computed from it."""
    stored = storage.current()
    with instances.only_run(configured, click.echo), dg.DagsterInstance.get() as instance:
        records = history.records(stored, [*STORED, CHAMPION, *OF_CHAMPION])
        version = _find(name, records)
        title = f"{MODELS[version.model].phrase} {version.version[:DIGITS]}"
        champions = [
            each for each in records[CHAMPION] if each.metadata.get("version") == version.version
        ]
        if not champions:
            raise CommandError(
                f"{title} was never the champion; mnist-pipeline history lists the champions"
            )
        wanted = [champions[-1]]
        for asset in OF_CHAMPION:
            found = [
                each
                for each in records[asset]
                if each.inputs.get(CHAMPION) == champions[-1].data_version
            ]
            if not found and asset == "recognizer":
                raise CommandError(
                    f"the {asset} of {title} is not stored, so it can't answer as it did"
                )
            wanted += found[-1:]
        faults = [
            fault for each in wanted if (fault := stored.fault(each.asset, each.data_version))
        ]
        if faults:
            raise CommandError(f"{title} can't be restored: {faults[0]}")
        was_in_service = all(each.present for each in wanted)
        for each in wanted:
            _put_back(
                instance,
                stored,
                each,
                f"{title} was put back into service with mnist-pipeline restore",
            )
    again = "" if was_in_service else " again. mnist-pipeline run --changed updates the report"
    click.echo(f"{title} is in service{again}.")


def _put_back(instance: dg.DagsterInstance, stored: Storage, record: Record, reason: str) -> None:
    """Make a version the current one, and let Dagster record it.

    The record names the versions of the present inputs, so that Dagster does not report the asset
    as stale.
    """
    key = dg.AssetKey(record.asset)
    event = instance.get_latest_materialization_event(key)
    tags = dict(
        (event.asset_materialization.tags if event and event.asset_materialization else None) or {}
    )
    tags[DATA_VERSION_TAG] = record.data_version
    if CHAMPION in record.inputs:
        tags[INPUT_VERSION_TAG.format(CHAMPION)] = record.inputs[CHAMPION]
    metadata = {
        name: each for name, each in record.metadata.items() if isinstance(each, str | int | float)
    }
    stored.set_current(record.asset, record.data_version)
    shown = {**metadata, VERSION: record.data_version, "reason": reason}
    instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=shown, tags=tags))


def _find(name: str, records: Records) -> ModelVersion:
    try:
        _, found = versions.find(name, records)
    except versions.NotFoundError as error:
        raise CommandError(str(error)) from error
    if len(found) != 1:
        raise CommandError(f"{name!a} is a run; name a version, which mnist-pipeline history lists")
    return found[0]
