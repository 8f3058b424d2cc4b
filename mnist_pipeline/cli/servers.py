"""The processes of a deployment besides the UI: a code server, and a daemon that uses it."""

import contextlib
import logging
import os
import signal
import sys

import dagster as dg

from mnist_pipeline.cli.interruption import stopping_signals
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime import project, settings
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.runtime.ui import server


def serve_code(host: str, port: int) -> None:
    """Become Dagster's code server of the graph; runs are processes of this server."""
    require(prepare(require_instance=False))
    os.chdir(settings.PROJECT)  # from which a checkout is imported
    options = ["--host", host, "--port", str(port), "--location-name", project.CODE_LOCATION, "--log-level", "warning"]
    start = [sys.executable, "-m", "dagster", "code-server", "start", "--module-name", project.graph_module()]
    os.execv(sys.executable, [*start, "--use-python-environment-entry-point", *options])


def run_daemon(code_server: tuple[str, int]) -> int:
    """Run Dagster's daemon until a signal arrives; return the exit code."""
    require(prepare(require_instance=False))
    for number in stopping_signals():
        signal.signal(number, signal.default_int_handler)
    logging.basicConfig(level=server.LOG_LEVEL.upper(), format=server.LOG_FORMAT)
    with (
        contextlib.suppress(KeyboardInterrupt),
        dg.DagsterInstance.get() as instance,
        server.workspace_of(code_server) as workspace,
        server.daemon(workspace, instance) as process,
    ):
        return process.wait()
    return 0
