"""The versions of the models that the storage has."""

from datetime import UTC, datetime
from typing import NamedTuple

import click

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Storage

CHAMPION = "champion"
DIGITS = 12  # of a version, as people see it
TABLE = "{:<12} {:<8} {:>8} {:<16} {}"


class ModelVersion(NamedTuple):
    """A version of a model, named by the data version of its predictions of the test images."""

    version: str
    model: str
    time: datetime  # of its evaluation, UTC
    accuracy: float
    champion: str | None  # the version of the asset `champion` that chose it
    in_service: bool


def model_versions(stored: Storage) -> list[ModelVersion]:
    """The evaluated versions of all models, the latest first."""
    found, champions = {}, {}
    for model in MODELS.values():
        for records in stored.records(model.evaluation_asset).values():
            for record in records:
                if version := record["inputs"].get(model.predictions_asset):
                    found[version] = (model.name, record)
    for champion, records in stored.records(CHAMPION).items():
        for record in records:
            chosen = record["metadata"]["version"]
            champions[chosen] = champion
            # The evaluation of an old champion may be deleted.
            found.setdefault(chosen, (record["metadata"]["model"], record))
    # A run that was killed may have stored its first champion and not made it the current one.
    serving = stored.origins([CHAMPION])[CHAMPION]["data_version"]
    latest_first = sorted(found.items(), key=lambda item: item[1][1]["time"], reverse=True)
    return [
        ModelVersion(
            version,
            model,
            datetime.fromtimestamp(record["time"], UTC),
            record["metadata"]["accuracy"],
            champions.get(version),
            version in champions and champions[version] == serving,
        )
        for version, (model, record) in latest_first
    ]


def print_history() -> None:
    """Print the versions of all models, the latest first."""
    versions = model_versions(storage.default_storage())
    click.echo(TABLE.format("version", "model", "accuracy", "computed (UTC)", "").rstrip())
    for version in versions:
        former = "former champion" if version.champion else ""
        row = TABLE.format(
            version.version[:DIGITS],
            version.model,
            f"{version.accuracy:.2%}",
            f"{version.time:%Y-%m-%d %H:%M}",
            "in service" if version.in_service else former,
        )
        click.echo(row.rstrip())
    if not versions:
        click.echo("none: mnist-pipeline run trains and evaluates all models")
