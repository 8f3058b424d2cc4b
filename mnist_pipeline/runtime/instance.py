"""The Dagster instance: its configuration, one run at a time, and runs that were killed."""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from filelock import FileLock, Timeout

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    import dagster as dg

CONFIGURATION = Path(__file__).with_name("dagster.yaml")
ROOM = 1 << 20  # bytes that SQLite needs at least
# The tags of a run of the command line: its machine. The UI hides tags with this prefix.
RUN_TAGS = {".dagster/process": platform.node()}
ENDED = "The run was killed, or its machine failed; mnist-pipeline run --changed continues."


class InstanceError(ReportedError, RuntimeError):
    """The Dagster instance can't be used; the message names its directory and a remedy."""


def prepare(*, read_only: bool = False) -> Settings:
    """Load the settings, and create the instance that they name, if it is missing.

    With `read_only`, an instance that can't be written, for example because its disk is full, is
    replaced by a copy until this process ends: SQLite and Dagster also write when they read.
    """
    configured = settings.load()
    os.environ["DAGSTER_HOME"] = home = str(configured.dagster_home)
    if "?" in home or unquote(home) != home:
        raise InstanceError(
            f"Dagster can't keep records in {home}, because SQLAlchemy interprets ? and % in a "
            "path; set DAGSTER_HOME to another directory"
        )
    try:
        configured.dagster_home.mkdir(parents=True, exist_ok=True)
        if not (file := configured.dagster_home / CONFIGURATION.name).exists():
            shutil.copyfile(CONFIGURATION, file)
        with tempfile.TemporaryFile(dir=home) as trial:  # SQLite makes files there
            trial.write(bytes(ROOM))
    except OSError as error:
        if read_only:
            os.environ["DAGSTER_HOME"] = _copied(configured.dagster_home)
            return prepare()
        raise InstanceError(
            f"{home} can't be written ({error.strerror}); make it writable, make room on its disk, "
            "or set MNIST_PIPELINE_STORAGE to another directory"
        ) from error
    settings.limit_threads()
    return configured


def _copied(home: Path) -> str:
    """A temporary copy of a directory, with new permissions."""
    copy = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for file in home.rglob("*"):
        if file.is_file():
            target = copy / file.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return str(copy)


@contextlib.contextmanager
def only_run(configured: Settings, notify: Callable[[str], object]) -> Iterator[None]:
    """Wait until no other command runs the graph: values of two runs would lie side by side.

    Nothing else depends on this lock.
    """
    lock = FileLock(configured.dagster_home / "run.lock")
    try:
        acquired = lock.acquire(blocking=False)
    except Timeout:
        notify("Another run is computing; waiting until it ends …")
        acquired = lock.acquire()
    with acquired:
        yield


def fail_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """Mark unfinished runs of the command line on this machine as failed.

    The caller has the lock, so their processes have died. Dagster's daemon does the same with the
    runs that it launched.
    """
    for run in unfinished_runs(instance, RUN_TAGS):
        instance.report_run_failed(run, ENDED)


def unfinished_runs(
    instance: dg.DagsterInstance, tags: Mapping[str, str] = {}
) -> Sequence[dg.DagsterRun]:
    """The runs with these tags that wait or run, as far as Dagster knows."""
    import dagster as dg

    names = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
    statuses = [dg.DagsterRunStatus[name] for name in names]
    return instance.get_runs(dg.RunsFilter(statuses=statuses, tags=tags))
