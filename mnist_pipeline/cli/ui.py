"""The process that serves the UI, and its parent, which leaves no process behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.interruption import stopping_signals
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime import instance_files, settings
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.runtime.project import DRAW, REPORT

LOCALHOST = "127.0.0.1"
STOP_SECONDS = 10  # for the servers to stop by themselves
_parent_has_ended = threading.Event()
RECOGNIZER = "recognizer"  # the asset that answers on the drawing page
REPORT_ASSET = "evaluation_report"


def serve(port: int, read_only: bool) -> int:
    """Serve the UI until a signal arrives; return the exit code."""
    configured = prepare(require_instance=False)
    require(configured)
    instance_files.require_whole(configured, thorough=True)
    _require_free(port)
    url = f"http://{LOCALHOST}:{port}"
    click.echo(f"Dagster UI: {url}\nReport: {url}{REPORT}\nDraw a digit: {url}{DRAW}")
    with ray_cluster.connected(configured, jobs=True):
        return _run_servers(json.dumps([port, read_only]))


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            raise CommandError(
                f"cannot listen on port {port} ({error.strerror}); choose another port with --port"
            ) from error


def _run_servers(arguments: str) -> int:
    """Run `main` in a process of its own until it ends or a signal arrives; leave no process behind."""
    for number in stopping_signals():
        signal.signal(number, signal.default_int_handler)
    command = [sys.executable, "-m", __name__, arguments]
    process = subprocess.Popen(command, cwd=settings.PROJECT, stdin=subprocess.PIPE, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        click.echo("Stopping the Dagster UI …")
        return 0
    finally:
        try:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(STOP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def main(arguments: str) -> int:
    """Serve until a signal arrives. The arguments are those of `serve`, as JSON."""
    from mnist_pipeline.models import MODELS
    from mnist_pipeline.runtime.ui import draw, results, server

    # A shell starts background processes with SIGINT ignored, and the daemon would inherit that.
    for number in stopping_signals():
        signal.signal(number, signal.default_int_handler)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    port, read_only = json.loads(arguments)
    # As in `dagster dev`: the code server prints errors of the definitions once, without Dagster's own frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    with contextlib.suppress(KeyboardInterrupt):
        routes = [*draw.routes(RECOGNIZER, MODELS), *results.routes(REPORT_ASSET)]
        return server.serve(port, read_only, routes)
    return 0


def _stop_with_parent() -> None:
    """Stop when the parent has ended, even if it was killed: its end of the pipe is closed then."""
    while os.read(sys.stdin.fileno(), 1):  # a buffered reader would abort the interpreter when it ends
        pass
    _parent_has_ended.set()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    code = main(sys.argv[1])
    if _parent_has_ended.is_set():  # otherwise the parent ends the servers that are left
        os.killpg(0, signal.SIGKILL)
    raise SystemExit(code)
