"""`mnist-pipeline verify`, `lineage`, `prune` and `fetch`."""

from __future__ import annotations

import contextlib

import click

from mnist_pipeline.cli.errors import LaunchError, fail, fail_on
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime import settings
from mnist_pipeline.utils import machine

NAME_WIDTH = 22
LINEAGE_TABLE = "  {:<{width}} {:<24} {:<18} {}"


@click.command()
def verify() -> None:
    """Compare stored results with their checksums and Dagster's records; exit code 1 if anything is wrong."""
    with machine.importing():
        configured = prepare()
        import dagster as dg

        from mnist_pipeline.cli import inspection
        from mnist_pipeline.runtime.storage import storage

    stored = storage.current()
    if holder := stored.lock_holder():
        click.echo(f"A run ({holder}) is writing to the storage; its files may look unfinished.")
    with dg.DagsterInstance.get() as instance:
        rows = inspection.verify(instance)
    width = max([NAME_WIDTH, *(len(name) for name, _ in rows)])
    leftovers, unknown = [], []
    for each in storage.all_storages():
        leftovers += [] if holder else [each.prefix + name for name in each.published.unfinished_files()]
        unknown += [each.prefix + name for name in each.published.unknown_files()]
    lines = [f"  {name:<{width}} {state}" for name, state in rows]
    lines += [f"  {name}: unfinished, from a killed run" for name in leftovers]
    lines += [f"  {name}: belongs to no asset, never read" for name in unknown]
    click.echo("\n".join(lines))
    wrong = [name for name, state in rows if state not in ("ok", inspection.NOT_MATERIALIZED)]
    if wrong or leftovers:
        count = f"{len(wrong)} of {len(rows)} assets, {len(leftovers)} unfinished files"
        fail(f"{count} are wrong; repair them with mnist-pipeline run --changed")
    click.echo(f"All stored results in {configured.storage} are intact.")


@click.command()
@click.argument("asset")
def lineage(asset: str) -> None:
    """Print the data and code versions that ASSET was computed from, up to the checksums of the raw files."""
    with machine.importing():
        prepare()
        import dagster as dg

        from mnist_pipeline.cli import inspection
        from mnist_pipeline.runtime.storage import storage

    with dg.DagsterInstance.get() as instance, fail_on(LaunchError):
        rows = inspection.lineage(instance, asset)
    width = max([NAME_WIDTH, *(len(name) for name, *_ in rows)])
    click.echo(LINEAGE_TABLE.format("asset", "data version (SHA-256)", "code version", "run", width=width))
    for name, data_version, code_version, run_id in rows:
        click.echo(LINEAGE_TABLE.format(name, data_version[:16], code_version, run_id[:8], width=width))
    with contextlib.suppress(storage.StorageError):
        prefix, separator, _ = asset.rpartition("/")
        files = storage.read(f"{prefix}{separator}raw_mnist")
        click.echo("\n".join(["", *(f"  {file['sha256']}  {file['name']}" for file in files.to_dict("records"))]))


@click.command()
@click.option("--keep", default=20, show_default=True, type=click.IntRange(min=0), help="Latest runs to keep.")
def prune(keep: int) -> None:
    """Delete old runs and their logs, but no results, and no run that computed a current result."""
    with machine.importing():
        prepare()
        import dagster as dg

        from mnist_pipeline.cli import inspection

    with dg.DagsterInstance.get() as instance:
        click.echo(f"{inspection.prune(instance, keep)} runs deleted")


@click.command()
@click.argument("name", metavar="NAME")
def fetch(name: str) -> None:
    """Download the data set NAME (fashion-mnist, kmnist, emnist-digits or qmnist) with torchvision; runs never do."""
    from mnist_pipeline.data import catalogue as data_sets
    from mnist_pipeline.data.datasets import DatasetError

    if name not in data_sets.KNOWN:
        fail(f"{name!a} is not a known data set; there are {', '.join(data_sets.KNOWN)}")
    with fail_on(DatasetError):
        data_sets.fetch(data_sets.KNOWN[name], settings.fetched(name))
    click.echo(f"{data_sets.KNOWN[name].title} is in {settings.fetched(name)}; set MNIST_PIPELINE_DATA_SETS={name}")
