"""Put a former champion back into service."""

import click
import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import DIGITS, SERVING, Record
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime.graph.records import (
    DATA_VERSION_TAG,
    INPUT_VERSION_TAG,
    VERSION,
    latest,
)
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.runtime.storage.storage import Storage

CHAMPION = "champion"


def restore_champion(configured: Settings, name: str) -> None:
    """Make a former champion the current one, with everything that was computed from it."""
    stored = storage.current()
    with instances.only_run(configured, click.echo), dg.DagsterInstance.get() as instance:
        records = history.records(stored)
        _, (version, *others) = versions.find(name, records)
        if others:
            raise CommandError(
                f"{name!a} is a run; name a version that mnist-pipeline history lists"
            )
        title = f"{MODELS[version.model].phrase} {version.version[:DIGITS]}"
        champions = [
            record.data_version
            for record in records[CHAMPION]
            if record.metadata.get("version") == version.version
        ]
        wanted = {
            record.asset: record
            for asset in SERVING
            for record in records[asset]
            if champions and champions[-1] in (record.data_version, record.inputs.get(CHAMPION))
        }
        if "recognizer" not in wanted:
            raise CommandError(
                f"{title} has no stored recognizer; mnist-pipeline history lists the champions"
            )
        for record in wanted.values():
            if fault := stored.fault(record.asset, record.data_version):
                raise CommandError(f"{title} can't be restored: {fault}")
        reason = f"{title} was put back into service with mnist-pipeline restore"
        for record in wanted.values():
            _put_back(instance, stored, record, reason)
    click.echo(f"{title} is in service. mnist-pipeline run --changed updates the report.")


def _put_back(instance: dg.DagsterInstance, stored: Storage, record: Record, reason: str) -> None:
    """Make a version the current one, and let Dagster record it.

    The record names the versions of the present inputs, so that Dagster does not report the asset
    as stale.
    """
    key = dg.AssetKey(record.asset)
    tags = {**latest(instance, [key])[key].tags, DATA_VERSION_TAG: record.data_version}
    if CHAMPION in record.inputs:
        tags[INPUT_VERSION_TAG.format(CHAMPION)] = record.inputs[CHAMPION]
    metadata = {**record.metadata, VERSION: record.data_version, "reason": reason}
    stored.set_current(record.asset, record.data_version)
    instance.report_runless_asset_event(dg.AssetMaterialization(key, metadata=metadata, tags=tags))
