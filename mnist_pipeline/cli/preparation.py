"""What a command needs before it starts: valid settings, a writable storage and a Dagster instance."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import click

from mnist_pipeline.cli.errors import COPIED, CommandError
from mnist_pipeline.runtime import dagster_internals, database, instance_files, settings, threads
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.storage import contents, files, storage

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

INSTANCE_FILE = Path(__file__).with_name("dagster.yaml")
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
MAX_SQLITE_PATH = 440  # SQLite opens paths of 512 bytes, and Dagster's files are below this directory
ONE_RUN = "max_concurrent_runs: 1"
# Earlier versions wrote this comment, and configurations without these entries.
FORMER_LINES = (
    "# Runs wait for the storage lock, so more than one that computes and one that starts would only take memory.",
)
ADDED = ("concurrency", "run_monitoring", "python_logs")
# Otherwise, Dagster's processes for steps print debugging messages on standard error.
LOG_LEVEL = "python_logs:\n  python_log_level: INFO\n"


def prepare(*, writes: bool = True, require_instance: bool = True) -> Settings:
    """Load the settings, and check that the storage is writable and the Dagster instance can be used.

    A command that does not write accepts a read-only storage. It opens a copy of a read-only Dagster instance.
    Unless `require_instance`, the files of the instance are not checked.
    """
    configured = settings.load()
    if not configured.database:
        _require_path_for_sqlite(configured.dagster_home)
    for variable, root in (("MNIST_PIPELINE_STORAGE", configured.storage), ("DAGSTER_HOME", configured.dagster_home)):
        try:
            storage.file_store(str(root)).probe(writes=writes or variable == "DAGSTER_HOME")
        except OSError as error:
            if not writes and error.errno in READ_ONLY:
                configured = _with_copied_instance(configured.dagster_home)
                continue
            reason = f"can't be written ({error.strerror}); point {variable} at a directory that can"
            raise CommandError(f"storage {root} {reason}") from error
        except contents.UnavailableError as error:
            raise CommandError(f"{variable}: {error}") from error
    database.require(configured)
    _prepare_instance(configured)
    if require_instance:
        instance_files.require_whole(configured)
    os.environ["DAGSTER_HOME"] = str(configured.dagster_home)
    threads.share_processors()
    if configured.database:
        os.environ[database.VARIABLE] = configured.database
        database.make_tables(configured)
    return configured


def _with_copied_instance(home: Path) -> Settings:
    """Copy a Dagster instance to a temporary directory, because SQLite writes next to a database that it reads."""
    directory = tempfile.TemporaryDirectory(prefix="mnist-pipeline-", ignore_cleanup_errors=True)
    copy = Path(click.get_current_context().with_resource(directory))
    try:
        for source in (home / INSTANCE_FILE.name, *home.rglob("*.db"), *home.rglob("*.db-wal")):
            if source.is_file():
                target = copy / source.relative_to(home)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    except OSError as error:
        raise CommandError(f"{home} is read-only, and can't be copied to {copy} ({error.strerror})") from error
    os.environ["DAGSTER_HOME"] = str(copy)
    click.get_current_context().meta[COPIED] = (str(copy), str(home))
    return settings.load()


def _require_path_for_sqlite(directory: Path) -> None:
    """Refuse a directory in which Dagster can't open a SQLite file."""
    remedy = "point DAGSTER_HOME, by default the directory `dagster` in the storage, at another directory"
    for character in set("?%") & set(str(directory)):
        raise CommandError(f"{directory} has a {character!r}, with which Dagster can't open a database; {remedy}")
    if len(os.fsencode(directory)) > MAX_SQLITE_PATH:
        raise CommandError(f"{directory} has more than {MAX_SQLITE_PATH} bytes, SQLite's limit; {remedy}")


def _prepare_instance(configured: Settings) -> None:
    """Write the configuration of the Dagster instance that the settings need; a file that was edited must fit them."""
    file = configured.dagster_home / INSTANCE_FILE.name
    wanted = _instance_text(bool(configured.database), configured.executor == "ray", configured.concurrent_runs)
    if os.path.lexists(file):
        if not file.is_file():
            raise CommandError(f"{file} is not a file; remove it to get the default configuration of Dagster")
        if error := dagster_internals.instance_error(str(file.parent)):
            remedy = "correct it, or delete it to get the default back"
            raise CommandError(f"{file} is not a configuration of Dagster: {shorten(error, 600)}; {remedy}")
        text = file.read_text(encoding="utf-8")
        if text == wanted:
            return
        if not _is_generated(text):
            if problem := _contradiction(configured, text):
                raise CommandError(f"{file}: {problem}")
            return
    files.write(file, lambda opened: opened.write(wanted.encode()))


def _contradiction(configured: Settings, text: str) -> str | None:
    import yaml

    if configured.executor == "ray" and "run_launcher" not in (yaml.safe_load(text) or {}):
        return f"MNIST_PIPELINE_EXECUTOR is 'ray', but there is no run_launcher; add\n{ray_cluster.RUN_LAUNCHER}"
    return database.contradiction(configured, text)


def _is_generated(text: str) -> bool:
    """Whether some version of the pipeline wrote a configuration, and nobody has edited it."""
    import yaml

    text = re.sub(rf"{ONE_RUN[:-1]}\d+$", ONE_RUN, text, flags=re.MULTILINE)
    variants = [_instance_text(on_postgres, on_ray, 1) for on_postgres in (False, True) for on_ray in (False, True)]
    known = {*FORMER_LINES, *(line for each in variants for line in each.splitlines())}
    found, documents = yaml.safe_load(text), map(yaml.safe_load, variants)
    return known.issuperset(text.splitlines()) and any(
        {**{name: each[name] for name in ADDED}, **found} == each for each in documents
    )


def _instance_text(on_postgres: bool, on_ray: bool, concurrent_runs: int) -> str:
    text = INSTANCE_FILE.read_text(encoding="utf-8").replace(ONE_RUN, f"{ONE_RUN[:-1]}{concurrent_runs}") + LOG_LEVEL
    if on_postgres:
        text = text.replace("SQLite under this directory", "PostgreSQL") + database.STORAGE
    return text + ray_cluster.RUN_LAUNCHER if on_ray else text
