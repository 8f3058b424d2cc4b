"""Commands of `mnist-pipeline` in processes that have all modules imported, and faults that happen in them.

The fork server of multiprocessing imports this module once and forks a process per command: a fault then takes a
second, not ten. The server runs no asset of the graph, so its libraries have no threads when it forks.
"""

import contextlib
import errno
import gc
import importlib
import io
import itertools
import multiprocessing
import os
import pkgutil
import resource
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
import numba
import torch
from dagster._core.storage.event_log import SqliteEventLogStorage
from support.processes import give_up_override

import mnist_pipeline
from mnist_pipeline.cli import __main__ as cli
from mnist_pipeline.cli import execution, selection
from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
from mnist_pipeline.runtime.storage import contents, files, publication

PATIENCE_SECONDS = 120
COUNTED: Counter[str] = Counter()  # the faults that were injected, by kind
NUMBERS = itertools.count()
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server of Python 3.11 does not get this process's path

for module in pkgutil.walk_packages(mnist_pipeline.__path__, "mnist_pipeline."):
    with contextlib.suppress(ImportError):  # of an engine that is not installed
        importlib.import_module(module.name)
numba.njit(lambda: None)()  # numba and Dagster import much when they first compile and run something
with dg.instance_for_test() as instance:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    dg.materialize([dg.asset(name="nothing")(lambda: None)], instance=instance, run_config=quiet)
torch.set_num_threads(2)
execution.console_job(selection.EVERYTHING)
selection.select_assets("key:champion")
gc.collect()
gc.freeze()


@dataclass
class Ended:
    """How a command ended; `lag` is the time from a signal to the end."""

    code: int | None
    seconds: float
    lag: float | None
    output: str


@dataclass
class Command:
    """A command that runs, and the file with its output."""

    process: BaseProcess
    output: Path
    start: float

    def wait(self, after: float | None = None, number: int = 0) -> Ended:
        """Wait for the end; `after` some seconds from the start, send a signal."""
        signalled = None
        if after is not None:
            self.process.join(max(0.0, self.start + after - time.monotonic()))
            if self.process.is_alive():
                os.kill(self.process.pid or 0, number)
                signalled = time.monotonic()
        self.process.join(PATIENCE_SECONDS)
        end = time.monotonic()
        if self.process.is_alive():
            os.killpg(self.process.pid or 0, signal.SIGKILL)
            self.process.join()
        lag = end - signalled if signalled else None
        return Ended(self.process.exitcode, end - self.start, lag, self.output.read_text(errors="replace"))


def start(storage: Path, data: Path, *arguments: str, fault: dict[str, Any] | None = None) -> Command:
    """Start a command over a storage and a data directory."""
    environment = {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        "DAGSTER_HOME": str(storage / "dagster"),
    }
    output = storage.parent / f"output-{next(NUMBERS)}"
    output.touch()
    process = CONTEXT.Process(target=_command, args=(arguments, environment, output, fault))
    process.start()
    return Command(process, output, time.monotonic())


def run(storage: Path, data: Path, *arguments: str, fault: dict[str, Any] | None = None) -> Ended:
    """Run `mnist-pipeline run` until it ends."""
    return start(storage, data, "run", *arguments, fault=fault).wait()


def _command(
    arguments: tuple[str, ...], environment: dict[str, str], output: Path, fault: dict[str, Any] | None
) -> None:
    try:
        os.setsid()
        os.dup2(os.open(output, os.O_WRONLY), 1)
        os.dup2(1, 2)
        os.environ.update(environment)
        if fault:
            Fault(**fault).install()
        sys.argv = ["mnist-pipeline", *arguments]
        cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Fault:
    """A failure at a moment of a publication.

    Moments are "file created", "file half written", "file written", "file staged", the same of "manifest" (the last
    is the commit), "in place", "stored", "recorded", the same of "record"; or "start". `occurrence` counts such
    moments from 1. Actions are
    "kill", "interrupt", "error", "full" (files are limited to `limit` bytes), "read-only" and "unprivileged"
    (permissions apply to root too).
    """

    def __init__(self, moment: str, action: str, occurrence: int = 1, limit: int = 0) -> None:
        self.moment, self.action, self.left, self.limit = moment, action, occurrence, limit

    def at(self, moment: str) -> None:
        if moment != self.moment:
            return
        self.left -= 1
        if self.left == 0:
            print(f"fault: {self.action} at {moment}", flush=True)
            self.happen()

    def happen(self) -> None:
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.action == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        elif self.action == "error":
            raise OSError(errno.EIO, "a fault was injected")
        elif self.action == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))
        elif self.action == "unprivileged":
            give_up_override()
        elif self.action == "read-only":
            give_up_override()
            for directory, _, _ in os.walk(os.environ["MNIST_PIPELINE_STORAGE"]):
                Path(directory).chmod(0o555)

    def install(self) -> None:
        def kind(path: Path) -> str:
            return {contents.MANIFESTS: "manifest", contents.RECORDS: "record"}.get(path.parent.name, "file")

        def write(path: Path, writer: Callable[[BinaryIO], None], *, flush: bool = True) -> None:
            def halting(file: BinaryIO) -> None:
                self.at(f"{kind(path)} created")
                buffer = io.BytesIO()
                writer(buffer)
                content = buffer.getvalue()
                file.write(content[: len(content) // 2])
                file.flush()
                self.at(f"{kind(path)} half written")
                file.write(content[len(content) // 2 :])

            real_write(path, halting, flush=flush)
            self.at(f"{kind(path)} staged")

        def move(source: Path, target: Path) -> None:
            staged = source.suffix == publication.STAGED
            if not staged:
                self.at(f"{kind(target)} written")
            real_move(source, target)
            if staged:
                self.at("in place")

        def handle_output(manager: StorageIOManager, context: Any, obj: object) -> None:
            real_handle(manager, context, obj)
            self.at("stored")

        def store_event(storage: Any, event: Any) -> None:
            real_store(storage, event)
            if event.dagster_event and event.dagster_event.is_step_materialization:
                self.at("recorded")

        real_write, real_move = files.write, files.move
        real_handle, real_store = StorageIOManager.handle_output, SqliteEventLogStorage.store_event
        files.write, files.move = write, move
        StorageIOManager.handle_output, SqliteEventLogStorage.store_event = handle_output, store_event
        self.at("start")
