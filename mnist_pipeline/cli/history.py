"""What the storage knows about its values: versions of models, and what a value was computed
from.
"""

import json
from collections.abc import Mapping
from typing import Any

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import DIGITS, ModelVersion
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.utils.printable import printable, unknown

TABLE = "{:<12} {:<8} {:>8} {:>4} {:<16} {:<8} {}"  # 80 columns with the longest mark
LINEAGE_TABLE = "  {:<{width}} {:<22} {:<16} {}"
NAME_WIDTH = 22
PRESENT = "*"


def print_history(model: str | None, *, as_json: bool) -> None:
    """Print the versions of all models or of one, the latest first."""
    if model is not None and model not in MODELS:
        raise CommandError(unknown(model, "a model", MODELS))
    records = history.records(storage.current())
    listed = [version for version in versions.of_models(records) if model in (None, version.model)]
    if as_json:
        click.echo(json.dumps([version._asdict() for version in listed], indent=1))
        return
    columns = ("version", "model", "accuracy", "seed", "computed (UTC)", "run", "")
    for row in (columns, *map(_row, listed)):
        click.echo(printable(TABLE.format(*row).rstrip()))
    if listed:
        click.echo(f"\n{PRESENT} the version that the assets of the model store now")
    else:
        click.echo("none: not evaluated yet; mnist-pipeline run trains and evaluates all models")


def _row(version: ModelVersion) -> tuple[str, ...]:
    former = "former champion" if version.champion else ""
    service = "in service" if version.in_service else former
    if version.accuracy is None:
        service = "no evaluation"
    return (
        version.version[:DIGITS],
        version.model,
        "–" if version.accuracy is None else f"{version.accuracy:.2%}",
        "–" if version.seed is None else str(version.seed),
        version.time[:16].replace("T", " "),
        version.run[:8],
        f"{service} {PRESENT if version.present else ''}".strip(),
    )


def print_lineage(asset: str) -> None:
    """Print data version, code version and run of an asset and of all upstream assets, raw files
    first.
    """
    stored = storage.current()
    traced: dict[str, tuple[str, Mapping[str, Any]]] = {}

    def trace(name: str, version: str) -> None:
        """Add an asset after everything that its value was computed from; raw files have no
        origin.
        """
        origin = stored.origin(name, version)
        if name not in traced and origin:
            for source in sorted(origin.get("inputs", {}).items()):
                trace(*source)
            traced[name] = (version, origin)

    trace(asset, stored.current(asset))
    width = max([NAME_WIDTH, *map(len, traced)])
    columns = ("asset", "data version (SHA-256)", "code version", "run")
    click.echo(LINEAGE_TABLE.format(*columns, width=width))
    for name, (version, origin) in traced.items():
        row = (name, version[:16], origin.get("code_version") or "–", origin["run"][:8])
        click.echo(printable(LINEAGE_TABLE.format(*row, width=width)))
    if "raw_mnist" in traced:
        for file in stored.read("raw_mnist", traced["raw_mnist"][0]).files:
            click.echo(f"\n  {printable(file.name)}\n    {file.sha256}")
