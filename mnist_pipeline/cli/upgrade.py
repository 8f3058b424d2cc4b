"""Bring the Dagster instance of an earlier version to this one, and name the stored values that can't be kept."""

import click
import dagster as dg
from alembic.util import CommandError as MigrationError

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.inspection import verify
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.utils.printable import one_line


def upgrade() -> None:
    """Migrate Dagster's databases, and print what this version can't use of the stored values."""
    with run_lock.storage_lock(click.echo), dg.DagsterInstance.get() as instance:
        try:
            instance.upgrade()
        except MigrationError as error:
            problem = f"Dagster's databases can't be brought to this version ({one_line(error)})"
            raise CommandError(f"{problem}; a later version of Dagster made them, install that one") from error
        lost = [name for name, state in verify(instance) if state.startswith("unusable")]
    click.echo("Dagster's databases and its configuration are those of this version.")
    if lost:
        click.echo(f"Stored in an earlier format, and can't be kept: {', '.join(lost)}.")
    click.echo("mnist-pipeline run --changed computes what this version computes differently.")
