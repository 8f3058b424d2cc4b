"""Serve the UI from this process until a signal arrives."""

import contextlib
import os
import signal
import socket

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime import instance
from mnist_pipeline.runtime.project import DRAW, PROJECT, REPORT
from mnist_pipeline.runtime.web import LOCALHOST
from mnist_pipeline.utils import machine


def serve(port: int, read_only: bool) -> None:
    """Serve the UI until a signal arrives."""
    instance.prepare(read_only=read_only)
    # The code server, the daemon and their runs import as this process does, and nothing from the
    # current directory.
    paths = [str(PROJECT), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    os.environ["PYTHONSAFEPATH"] = "1"
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # `nohup` ignores it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), _listening(port) as listening:
        url = f"http://{LOCALHOST}:{port}"
        click.echo(f"Dagster UI: {url}\nReport: {url}{REPORT}\nDraw a picture: {url}{DRAW}")
        with machine.importing():
            from mnist_pipeline.runtime.web import draw, results, server
        server.serve(listening, read_only, [*draw.routes(), *results.ROUTES])


def _listening(port: int) -> socket.socket:
    """A socket that listens already, so that a browser that is too early waits."""
    try:
        return socket.create_server((LOCALHOST, port))
    except OSError as error:
        raise CommandError(
            f"can't listen on port {port} ({error.strerror}); choose another port with --port"
        ) from error
