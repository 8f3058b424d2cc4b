"""A process that has all modules imported and forks one child per command: a fault then takes a second, not ten.

It reads requests as lines of JSON from its standard input, and answers each with a line of JSON. It computes nothing
itself, so its libraries have no threads when it forks.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import io
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

CAPABILITIES_VERSION = 0x20080522
CAP_DAC_OVERRIDE = 1
POLL_SECONDS = 0.005


def serve() -> None:
    """Answer requests until the input ends."""
    _preload()
    print(json.dumps({"ready": True}), flush=True)
    children: dict[int, float] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = _wait(request["wait"], children.pop(request["wait"]), request)
        else:
            child = _fork(request)
            children[child] = time.monotonic()
            answer = {"child": child}
        print(json.dumps(answer), flush=True)


def _preload() -> None:
    import scipy.stats  # noqa: F401
    import torch

    from mnist_pipeline.cli import (
        display,  # noqa: F401
        execution,
        inspection,  # noqa: F401
        selection,
    )
    from mnist_pipeline.report.figures import evaluation, pca  # noqa: F401

    torch.set_num_threads(2)
    execution.console_job(selection.EVERYTHING)
    selection.select_assets("*")
    gc.collect()
    gc.freeze()


def _fork(request: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(request["environment"])
        if request.get("fault"):
            Fault(**request["fault"]).install()
        from mnist_pipeline.cli import interruption
        from mnist_pipeline.cli import main as cli

        interruption.handle_signals()
        cli.main(request["arguments"], prog_name="mnist-pipeline")
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int, since: float, request: dict[str, Any]) -> dict[str, Any]:
    """Wait for a child; after `after` seconds from its start, send it a signal."""
    signal_time = since + request["after"] if "after" in request else None
    deadline = since + request.get("patience", 120)
    signalled = None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        now = time.monotonic()
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return {
                "code": code,
                "seconds": now - since,
                "signalled": signalled is not None,
                "lag": now - signalled if signalled else None,
            }
        if signal_time and now >= signal_time and signalled is None:
            os.kill(child, request["signal"])
            signalled = now
        if now > deadline:
            os.killpg(child, signal.SIGKILL)
            signal_time = None
        time.sleep(POLL_SECONDS)


class Fault:
    """A failure at a moment of a publication.

    Moments are "file created", "file half written", "file written", "file staged", the same of "manifest" (the last
    is the commit), "in place", "stored", "recorded"; or "start". `occurrence` counts such moments from 1. Actions are
    "kill", "interrupt", "error", "full" (files are limited to `limit` bytes) and "read-only".
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
        elif self.action == "read-only":
            give_up_override()
            for directory, _, _ in os.walk(os.environ["MNIST_PIPELINE_STORAGE"]):
                Path(directory).chmod(0o555)

    def install(self) -> None:
        from dagster._core.storage.event_log import SqliteEventLogStorage

        from mnist_pipeline.runtime.graph.io_manager import StorageIOManager
        from mnist_pipeline.runtime.storage import files, publication

        def kind(path: Path) -> str:
            return "manifest" if path.parent.name == publication.MANIFESTS else "file"

        def write(path: Path, writer: Callable[[BinaryIO], None]) -> None:
            def halting(file: BinaryIO) -> None:
                self.at(f"{kind(path)} created")
                buffer = io.BytesIO()
                writer(buffer)
                content = buffer.getvalue()
                file.write(content[: len(content) // 2])
                file.flush()
                self.at(f"{kind(path)} half written")
                file.write(content[len(content) // 2 :])

            real_write(path, halting)
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


def give_up_override() -> None:
    """Make permissions apply to root too."""
    if os.geteuid() != 0:
        return
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~(1 << CAP_DAC_OVERRIDE)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


if __name__ == "__main__":
    serve()
