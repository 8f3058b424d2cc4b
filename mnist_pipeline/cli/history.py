"""What the storage knows about its values: versions of models, what a value was computed from, and
damage.
"""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import click

from mnist_pipeline.cli.errors import CommandError, unknown
from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import DIGITS, ModelVersion
from mnist_pipeline.models import MODELS, STORED
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.runtime.storage.storage import StorageError
from mnist_pipeline.utils.printable import count, printable

TABLE = "{:<12} {:<8} {:>8} {:>4} {:<16} {:<8} {}"  # 80 columns with the longest mark
LINEAGE_TABLE = "  {:<{width}} {:<22} {:<16} {}"
NAME_WIDTH = 22
PRESENT = "*"


def print_history(model: str | None, *, as_json: bool) -> None:
    """Print the versions of all models or of one, the latest first."""
    if model is not None and model not in MODELS:
        raise CommandError(unknown(model, "a model", MODELS))
    records = history.records(storage.current(), [*STORED, "champion"])
    found = [each for each in versions.of_models(records) if model in (None, each.model)]
    if as_json:
        click.echo(json.dumps([vars(each) for each in found], indent=1))
        return
    click.echo(
        TABLE.format("version", "model", "accuracy", "seed", "trained (UTC)", "run", "").rstrip()
    )
    for each in found:
        click.echo(printable(TABLE.format(*_row(each)).rstrip()))
    if found:
        click.echo(f"\n{PRESENT} the version that the assets of the model store now")
    else:
        click.echo("none; train the models with mnist-pipeline run")


def _row(found: ModelVersion) -> tuple[str, ...]:
    champion = "in service" if found.in_service else "former champion" if found.champion else ""
    marks = filter(None, (champion, PRESENT if found.present else ""))
    return (
        found.version[:DIGITS],
        found.model,
        "–" if found.accuracy is None else f"{found.accuracy:.2%}",
        "–" if found.seed is None else str(found.seed),
        found.time[:16].replace("T", " "),
        found.run[:8],
        " ".join(marks),
    )


def print_lineage(asset: str) -> None:
    """Print data version, code version and run of an asset and of all upstream assets, raw files
    first.
    """
    stored = storage.current()
    keys = stored.keys()
    if asset not in keys:
        raise CommandError(
            unknown(asset, "a stored asset", keys)
            if keys
            else f"nothing is stored in {stored.root}"
        )
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    _trace(stored, asset, stored.current(asset), found)
    width = max([NAME_WIDTH, *map(len, found)])
    click.echo(
        LINEAGE_TABLE.format("asset", "data version (SHA-256)", "code version", "run", width=width)
    )
    for name, (version, origin) in found.items():
        code, run = str(origin.get("code_version") or "–"), str(origin.get("run") or "–")
        click.echo(printable(LINEAGE_TABLE.format(name, version[:16], code, run[:8], width=width)))
    with contextlib.suppress(StorageError):
        raw = stored.read("raw_mnist", found["raw_mnist"][0] if "raw_mnist" in found else None)
        lines = [line for file in raw.files for line in (f"  {file.name}", f"    {file.sha256}")]
        click.echo("\n".join(["", *map(printable, lines)]))


def _trace(
    stored: storage.Storage,
    asset: str,
    version: str,
    found: dict[str, tuple[str, Mapping[str, Any]]],
) -> None:
    """Add an asset after everything that its value was computed from; raw files have no origin."""
    origin = stored.origin(asset, version)
    if asset in found or not origin:
        return
    for name, each in sorted(origin.get("inputs", {}).items()):
        _trace(stored, name, each, found)
    found[asset] = (version, origin)


def print_faults() -> None:
    """Compare every stored version with its checksums; raise CommandError if anything is wrong."""
    stored = storage.current()
    faults = []
    keys = stored.keys()
    for key in keys:
        current = stored.fault(key)
        former = [stored.fault(key, version) for version in stored.versions(key)]
        former = [fault for fault in former if fault and fault != current]
        click.echo(printable(f"  {key:<{NAME_WIDTH}} {current or 'ok'}"))
        for fault in former:
            click.echo(printable(f"  {key:<{NAME_WIDTH}} a former version: {fault}"))
        faults += [key] * bool(current or former)
    if faults:
        raise CommandError(
            f"{len(faults)} of {count(len(keys), 'value')} are damaged; run mnist-pipeline run "
            "--changed"
        )
    click.echo(f"All {count(len(keys), 'stored value')} in {stored.root} are intact.")
