"""Bring the Dagster instance of an earlier version to this one, and name the stored values that can't be kept."""

import click
import dagster as dg

from mnist_pipeline.cli.inspection import verify
from mnist_pipeline.runtime.graph import run_lock


def upgrade() -> None:
    """Migrate Dagster's databases, and print what this version can't use of the stored values."""
    with run_lock.storage_lock(click.echo), dg.DagsterInstance.get() as instance:
        instance.upgrade()
        lost = [name for name, state in verify(instance) if state.startswith("unusable")]
    click.echo("Dagster's databases and its configuration are those of this version.")
    if lost:
        click.echo(f"Stored in an earlier format, and can't be kept: {', '.join(lost)}.")
    click.echo("mnist-pipeline run --changed computes what this version computes differently.")
