"""Put a former champion back into service."""

import click
import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.history import CHAMPION, DIGITS, ModelVersion, model_versions
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime.graph.event_log import (
    DATA_VERSION_TAG,
    INPUT_VERSION_TAG,
    VERSION,
    latest,
)
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Storage

RECOGNIZER = "recognizer"


def restore_champion(configured: Settings, name: str) -> None:
    """Make a former champion and its recognizer the current ones, and let Dagster record both."""
    stored = storage.default_storage()
    with instances.only_run(configured, click.echo), dg.DagsterInstance.get() as instance:
        model_version = _find(stored, name)
        title = f"{MODELS[model_version.model].phrase} {model_version.version[:DIGITS]}"
        served = _served(stored, model_version)
        if not served:
            raise CommandError(
                f"{title} never served predictions; mnist-pipeline history marks the champions"
            )
        for asset, version in served.items():
            if fault := stored.fault(asset, version):
                raise CommandError(f"{title} can't be restored: {fault}")
        for asset, version in served.items():
            key = dg.AssetKey(asset)
            # With the versions of the present inputs, so that Dagster does not report the asset as
            # stale.
            tags = {**latest(instance, [key])[key].tags, DATA_VERSION_TAG: version}
            if asset == RECOGNIZER:
                tags[INPUT_VERSION_TAG.format(CHAMPION)] = served[CHAMPION]
            metadata = {
                **stored.origin(asset, version)["metadata"],
                VERSION: version,
                "reason": f"{title} was put back into service with mnist-pipeline restore",
            }
            stored.set_current(asset, version)
            event = dg.AssetMaterialization(key, metadata=metadata, tags=tags)
            instance.report_runless_asset_event(event)
    click.echo(f"{title} is in service. mnist-pipeline run --changed updates the report.")


def _find(stored: Storage, name: str) -> ModelVersion:
    """The version that begins with these digits."""
    versions = model_versions(stored)
    matches = [version for version in versions if name and version.version.startswith(name)]
    if len(matches) != 1:
        listed = ", ".join(version.version[:DIGITS] for version in versions)
        raise CommandError(
            f"{len(matches) or 'no'} versions begin with {name!a}; there are {listed or 'none'}"
        )
    return matches[0]


def _served(stored: Storage, model_version: ModelVersion) -> dict[str, str]:
    """The versions of the champion and the recognizer with which a model served predictions; empty
    if it never did.
    """
    champion = model_version.champion
    recognizers = [
        recognizer
        for recognizer, records in stored.records(RECOGNIZER).items()
        for record in records
        if record["inputs"].get(CHAMPION) == champion
    ]
    if not champion or not recognizers:
        return {}
    return {CHAMPION: champion, RECOGNIZER: recognizers[-1]}
