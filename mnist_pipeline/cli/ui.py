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
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.executors.errors import ExecutorError
from mnist_pipeline.runtime.executors.requirements import require
from mnist_pipeline.runtime.ui.addresses import DRAW, LOCALHOST, Address, AddressError

STOP_SECONDS = 10  # for the servers to stop by themselves


@click.command()
@click.option("--host", default=LOCALHOST, show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Another host name of the UI; may be repeated.",
)
@click.option("--read-only", is_flag=True, help="Refuse all changes, and run no daemon.")
def ui(host: str, port: int, allowed_hosts: tuple[str, ...], read_only: bool) -> None:
    """Serve the Dagster UI, with the daemon that schedules and sensors need.

    It listens on 127.0.0.1. Another address needs a password, whose hash is in MNIST_PIPELINE_PASSWORD_HASH (see
    hash-password). There is no TLS: use a TLS terminator or an ssh tunnel.
    """
    with fail_on(AddressError):
        address = Address(host, port, allowed_hosts)
    configured = prepare()
    with fail_on(ExecutorError):
        require(configured)
    if not address.is_loopback and not configured.password_hash:
        fail(
            f"--host {host}: anyone who can reach this address could run the pipeline; set a password first: "
            'export MNIST_PIPELINE_PASSWORD_HASH="$(mnist-pipeline hash-password)"'
        )
    _require_free(address)
    click.echo(f"Dagster UI: {address.url}\nDraw a digit: {address.url}{DRAW}")
    arguments = json.dumps({**asdict(address), "read_only": read_only})
    with ray_cluster.connected(configured, jobs=True) if configured.executor == "ray" else contextlib.nullcontext():
        status = _serve([sys.executable, "-m", "mnist_pipeline.cli.server", arguments])
    raise SystemExit(status)


@click.command()
def hash_password() -> None:
    """Ask for a password, and print its hash for MNIST_PIPELINE_PASSWORD_HASH."""
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with fail_on(passwords.PasswordError):
        click.echo(passwords.hash_password(password))


def _require_free(address: Address) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            where = f"port {address.port}" if address.is_loopback else f"{address.host}, port {address.port}"
            fail(f"cannot listen on {where} ({error.strerror}); choose another port with --port")


def _serve(command: list[str]) -> int:
    """Run servers until they end or a signal arrives; leave no process behind."""
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
