"""Serve the Dagster UI behind the door, with the code location and the daemon that it needs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import uvicorn
import yaml
from dagster import DagsterInstance
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.ui import draw
from mnist_pipeline.runtime.ui.addresses import Served
from mnist_pipeline.runtime.ui.door import MAX_BODY, Door
from mnist_pipeline.runtime.ui.login import Login

LOG_LEVEL = "warning"
POLL_MILLISECONDS = 2_000  # how often pages ask for what no subscription tells
GRACE_SECONDS = 2  # what open connections get when the UI is stopped
DAEMON_SECONDS = 5  # what the daemon gets
MAX_HEAD = 2**16  # bytes of a request's line and headers

# What is served besides Dagster's UI, behind the same door: further routes and mounts are added here.
ROUTES: tuple[BaseRoute, ...] = draw.routes()
# Of these, paths a POST to which changes nothing: who may only read may send it.
HARMLESS = (draw.READ,)


def application(context: WorkspaceProcessContext, served: Served, password_hash: str | None) -> Door:
    """Everything that is served, behind the door."""
    dagster_ui = create_app_from_workspace_process_context(context, live_data_poll_rate=POLL_MILLISECONDS)
    login = Login(password_hash, served.port) if password_hash else None
    return Door(Starlette(routes=[*ROUTES, Mount("/", app=dagster_ui)]), served, login, HARMLESS)


def serve(served: Served) -> int:
    """Serve until told to stop; 0, or 1 if the daemon ended by itself."""
    configure_loggers(log_level=LOG_LEVEL.upper())
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(DagsterInstance.get())
        workspace = stack.enter_context(_code_location(instance))
        context = stack.enter_context(
            WorkspaceProcessContext(
                instance,
                WorkspaceFileTarget([workspace]),
                version=__version__,
                read_only=served.read_only,
                code_server_log_level=LOG_LEVEL,
            )
        )
        server = uvicorn.Server(_configuration(application(context, served, settings.load().password_hash), served))

        def stop() -> None:
            server.should_exit = True

        # A reader starts nothing; and one daemon an instance is enough, so that both ways can be served together.
        daemon = None if served.read_only else stack.enter_context(_daemon(workspace, stop))
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
        if daemon and daemon.poll() is not None:
            click.echo(f"The Dagster daemon ended by itself (exit code {daemon.returncode}).", err=True)
            return 1
    return 0


def _configuration(app: Door, served: Served) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=served.host,
        port=served.port,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD,
        ws_max_size=MAX_BODY,
        log_level=LOG_LEVEL,
        # Any client could name another's address there.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextlib.contextmanager
def _code_location(instance: DagsterInstance) -> Iterator[str]:
    """Load the definitions in a server of their own, as `dagster dev` does; yields a workspace file that names it."""
    target = WorkspaceFileTarget([str(settings.PROJECT / "workspace.yaml")])
    with ProxyServerManager(instance, target, LOG_LEVEL) as servers, tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "workspace.yaml"
        file.write_text(yaml.dump({"load_from": servers.get_code_server_specs()}), encoding="utf-8")
        yield str(file)


@contextlib.contextmanager
def _daemon(workspace: str, on_end: Callable[[], None]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon that schedules and sensors need; tell if it ends before it is told to."""
    arguments = ["run", "--workspace", workspace, "--log-level", LOG_LEVEL]
    process = subprocess.Popen([sys.executable, "-m", "dagster._daemon", *arguments])

    def watch() -> None:
        process.wait()
        on_end()

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DAEMON_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def main(arguments: str) -> int:
    """Serve as the fields of `Served`, written as JSON, say."""
    # A shell starts what runs in the background with SIGINT ignored, which the daemon would inherit.
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.default_int_handler)
    fields: dict[str, Any] = json.loads(arguments)
    os.chdir(settings.PROJECT)
    # As in `dagster dev`, the code server tells what is wrong with the definitions, once and without Dagster's frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    with contextlib.suppress(KeyboardInterrupt):
        return serve(Served(**fields | {"allowed_hosts": tuple(fields["allowed_hosts"])}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
