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
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.interruption import stopping_signals
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime import instance_files, settings
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.runtime.project import DRAW, REPORT
from mnist_pipeline.runtime.ui.addresses import Address

if TYPE_CHECKING:
    from mnist_pipeline.models import Model
    from mnist_pipeline.runtime.ui import monitoring

STOP_SECONDS = 10  # for the servers to stop by themselves
_parent_has_ended = threading.Event()
RECOGNIZER = "recognizer"  # the asset that answers on the drawing page
REPORT_ASSET = "evaluation_report"


def serve(
    host: str, port: int, allowed_hosts: tuple[str, ...], read_only: bool, code_server: tuple[str, int] | None
) -> int:
    """Serve the UI until a signal arrives; return the exit code."""
    address = Address(host, port, allowed_hosts)
    configured = prepare(require_instance=False)
    require(configured)
    instance_files.require_whole(configured, thorough=True)
    if not address.is_loopback and not configured.password_hash:
        raise CommandError(
            f"--host {host}: anyone who can reach this address could run the pipeline; set a password first: "
            'export MNIST_PIPELINE_PASSWORD_HASH="$(mnist-pipeline hash-password)"'
        )
    _require_free(address)
    click.echo(f"Dagster UI: {address.url}\nReport: {address.url}{REPORT}\nDraw a digit: {address.url}{DRAW}")
    with ray_cluster.connected(configured, jobs=True):
        return _run_servers(json.dumps([asdict(address), read_only, code_server]))


def _require_free(address: Address) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            where = f"port {address.port}" if address.is_loopback else f"{address.host}, port {address.port}"
            raise CommandError(
                f"cannot listen on {where} ({error.strerror}); choose another port with --port"
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
    """Serve until a signal arrives. The arguments are the fields of `Address` and two options of `serve`, as JSON."""
    from mnist_pipeline.models import MODELS
    from mnist_pipeline.runtime.corrections import Corrections
    from mnist_pipeline.runtime.ui import draw, results, server

    # A shell starts background processes with SIGINT ignored, and the daemon would inherit that.
    for number in stopping_signals():
        signal.signal(number, signal.default_int_handler)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    fields, read_only, code_server = json.loads(arguments)
    address = Address(fields["host"], fields["port"], tuple(fields["allowed_hosts"]))
    # As in `dagster dev`: the code server prints errors of the definitions once, without Dagster's own frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    with contextlib.suppress(KeyboardInterrupt):
        corrections = None if read_only else Corrections(settings.load().corrections)
        routes = [*draw.routes(RECOGNIZER, MODELS, corrections), *results.routes(REPORT_ASSET)]
        gauges = _gauges(MODELS)
        return server.serve(address, read_only, routes, [draw.READ], gauges, code_server)
    return 0


def _gauges(models: Mapping[str, Model]) -> list[monitoring.Gauge]:
    """What `/metrics` has of the results."""
    from mnist_pipeline.runtime.graph import data_sets
    from mnist_pipeline.runtime.ui import monitoring

    accuracies = {
        each.key(model.evaluation_asset): {"data_set": each.known.name, "model": name}
        for each in data_sets.configured()
        for name, model in models.items()
    }
    return [monitoring.Gauge("model_accuracy", "Accuracy on the test images.", accuracies, "accuracy")]


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
