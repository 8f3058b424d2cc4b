"""What is missing in the storage, or damaged."""

from collections.abc import Collection, Iterable, Iterator

import click
import dagster as dg

from mnist_pipeline.cli.errors import CommandError, explained
from mnist_pipeline.cli.selection import whole_graph
from mnist_pipeline.runtime import instance as instances
from mnist_pipeline.runtime import project
from mnist_pipeline.runtime.graph.event_log import recorded_values
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.utils.printable import count, printable


def print_faults() -> None:
    """Compare every stored version with its checksums, and the storage with Dagster's records;
    raise CommandError if anything is wrong.

    Values are compared with their checksums even if Dagster's records can't be read.
    """
    stored = storage.default_storage()
    definitions = project.graph()
    if not (keys := stored.keys()):
        raise CommandError(
            f"nothing is stored in {stored.root}; check MNIST_PIPELINE_STORAGE, or run "
            "mnist-pipeline run"
        )
    recorded, unread = _recorded(definitions)
    updated = {key.path[-1] for key in whole_graph(definitions)}
    records = {key: stored.records(key) for key in sorted({*keys, *recorded})}
    remedies = list[str]()
    for key, versions in records.items():
        faults = dict(_faults(stored, key, versions, recorded.get(key), updated))
        for line in faults or ["ok"]:
            click.echo(printable(f"  {key:<22} {line}"))
        remedies += faults.values()
    for record in sorted(stored.skipped):
        # A version that is deleted takes its records along.
        if not any(f"delete {folder}" in remedies for folder in record.parents):
            remedies.append(f"delete {record}")
    problems = list[str]()
    if remedies:
        number = f"{count(len(remedies), 'problem')} in {stored.root}"
        problems.append(f"{number}; to mend them, {', and '.join(dict.fromkeys(remedies))}")
    if unread:
        problems.append(f"the values were not compared with Dagster's records: {unread}")
    if problems:
        raise CommandError("\n".join(problems))
    click.echo(f"All {count(len(records), 'stored value')} in {stored.root} are intact.")


def _recorded(definitions: dg.Definitions) -> tuple[dict[str, str], str | None]:
    """The version that Dagster recorded last of each value, and None; if its records can't be read,
    no version, and the reason.
    """
    try:
        instances.prepare(read_only=True)
        with dg.DagsterInstance.get() as instance:
            return recorded_values(instance, definitions), None
    except Exception as error:
        if reported := explained(error):
            return {}, reported.message
        raise


def _faults(
    stored: Storage,
    key: str,
    versions: Iterable[str],
    recorded: str | None,
    updated: Collection[str],
) -> Iterator[tuple[str, str]]:
    """What is wrong with the versions of a value, each with what to do; `updated` are the assets
    that `run --changed` computes.
    """
    asset = key.partition("-")[0]
    fault = (stored.fault(key, recorded) if recorded else None) or stored.fault(key)
    if fault:
        again = "run mnist-pipeline run --changed"
        remedy = f"{again} --select {asset}" if recorded else f"delete {stored.path / key}"
        yield fault, again if asset in updated else remedy
    for version in versions:
        former = stored.fault(key, version) if version != recorded else None
        if former and former != fault:
            yield f"a former version: {former}", f"delete {stored.path / key / version}"
