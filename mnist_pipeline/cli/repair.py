"""Replace damaged files of the Dagster instance, and restore what Dagster had recorded about stored results."""

from __future__ import annotations

import os

import click
import dagster as dg

from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.runtime import instance_files
from mnist_pipeline.runtime.environment import Settings
from mnist_pipeline.runtime.graph import copies, data_sets, run_lock

# What can't be restored, by the name of the file.
LOST = {
    "runs.db": "The list of runs is lost.",
    "index.db": "Events of earlier versions of the results are lost.",
    "schedules.db": "Schedules and sensors are off; switch them on in the UI.",
}
LOST_LOG = "The events of this run are lost."


def repair(configured: Settings) -> None:
    """Replace damaged files, restore records from their copies in the storage, and print both."""
    with run_lock.storage_lock(click.echo):
        damaged = instance_files.find_damage(configured, thorough=True, deserialize=True)
        for path, problem in damaged.items():
            kept = f"; it is now {instance_files.move_aside(path).name}" if os.path.lexists(path) else ""
            lost = LOST.get(path.name, LOST_LOG if path.suffix == ".db" else "")
            click.echo(f"{path} {problem}{kept}. {lost}".strip())
        with dg.DagsterInstance.get() as instance:
            data_sets.observe_data_directories(instance)
            with run_lock.open_event_logs("index", ""):
                restored, left = copies.restore(instance, definitions())
    if restored:
        click.echo(f"Dagster has the records of {len(restored)} stored results again; none was computed.")
    if left:
        remedy = "mnist-pipeline run --changed computes them again"
        click.echo(f"No record of {len(left)} stored results can be restored: {', '.join(left)}; {remedy}.")
    if not damaged and not restored and not left:
        click.echo(f"The Dagster instance in {configured.dagster_home} is whole.")
