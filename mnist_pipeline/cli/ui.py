"""`mnist-pipeline ui` and `hash-password`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import asdict

import click

from mnist_pipeline.cli.errors import fail, fail_on
from mnist_pipeline.cli.preparation import prepare
from mnist_pipeline.runtime import passwords, settings
from mnist_pipeline.runtime.executors.errors import ExecutorError
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.runtime.ui.addresses import DRAW, LOCALHOST, AddressError, Served

STOP_SECONDS = 10  # what servers get to end by themselves


@click.command()
@click.option("--host", default=LOCALHOST, show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="A further name under which it is reached; may be repeated.",
)
@click.option("--read-only", is_flag=True, help="Refuse whatever changes something, and run no daemon.")
def ui(host: str, port: int, allowed_hosts: tuple[str, ...], read_only: bool) -> None:
    """Serve the Dagster UI, with the daemon that schedules and sensors need.

    It listens on 127.0.0.1. On another address it asks for a password, whose hash is in MNIST_PIPELINE_PASSWORD_HASH
    (see hash-password); there is no TLS, so put a TLS terminator in front or go through an ssh tunnel.
    """
    with fail_on(AddressError):
        served = Served(host, port, allowed_hosts, read_only)
    configured = prepare()
    with fail_on(ExecutorError):
        require(configured)
    if not served.loopback and not configured.password_hash:
        fail(
            f"--host {host}: whoever reaches that address could run the pipeline; set a password first: "
            'export MNIST_PIPELINE_PASSWORD_HASH="$(mnist-pipeline hash-password)"'
        )
    _require_free(served)
    click.echo(f"Dagster UI: {served.url}\nDraw a digit: {served.url}{DRAW}")
    raise SystemExit(_serve([sys.executable, "-m", "mnist_pipeline.runtime.ui.server", json.dumps(asdict(served))]))


@click.command()
def hash_password() -> None:
    """Ask for a password, and print its hash for MNIST_PIPELINE_PASSWORD_HASH."""
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with fail_on(passwords.PasswordError):
        click.echo(passwords.hash_password(password))


def _require_free(served: Served) -> None:
    family = socket.AF_INET6 if ":" in served.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((served.host, served.port))
        except OSError as error:
            where = f"port {served.port}" if served.loopback else f"{served.host}, port {served.port},"
            fail(f"{where} can't be listened on ({error.strerror}); choose another with --port")


def _serve(command: list[str]) -> int:
    """Run servers until they end or this process is told to; leave none of them behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=settings.PROJECT, start_new_session=True)
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
