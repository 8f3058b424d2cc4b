"""Serve the Dagster UI with access control, and run the code server and the daemon that it needs."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import dagster as dg
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.websockets import WebSocket

from mnist_pipeline.runtime import dagster_internals, settings
from mnist_pipeline.runtime.ui.addresses import Address
from mnist_pipeline.runtime.ui.middleware.headers import HeadersMiddleware
from mnist_pipeline.runtime.ui.middleware.hosts import HostsMiddleware
from mnist_pipeline.runtime.ui.middleware.login import LoginMiddleware
from mnist_pipeline.runtime.ui.middleware.methods import MAX_BODY, MethodsMiddleware
from mnist_pipeline.runtime.ui.middleware.origins import OriginsMiddleware
from mnist_pipeline.runtime.ui.middleware.read_only import ReadOnlyMiddleware

LOG_LEVEL = "warning"
POLL_MILLISECONDS = 2_000  # between requests of a page for what no subscription delivers
GRACE_SECONDS = 2  # for open connections when the UI stops
DAEMON_SECONDS = 5  # for the daemon to stop
MAX_HEAD = 2**16  # bytes of a request's line and headers


def application(
    routes: Sequence[BaseRoute], address: Address, password_hash: str | None, read_only: bool, harmless: Collection[str]
) -> Starlette:
    """Serve routes behind the access control: a request passes the middleware in this order."""
    middleware = [
        Middleware(HostsMiddleware, address),
        Middleware(OriginsMiddleware, address),
        *([Middleware(LoginMiddleware, password_hash, address.port)] if password_hash else []),
        Middleware(MethodsMiddleware),
        *([Middleware(ReadOnlyMiddleware, harmless)] if read_only else []),
    ]
    handlers: dict[Any, Any] = {HTTPException: refuse}
    return Starlette(
        routes=[Mount("/", routes=routes, middleware=middleware)],
        middleware=[Middleware(HeadersMiddleware)],  # outside of the handler, for refusals too
        exception_handlers=handlers,
    )


async def refuse(connection: HTTPConnection, error: Exception) -> Response | None:
    """Refuse a request in the shape of a GraphQL error, which the UI shows; close a WebSocket."""
    assert isinstance(error, HTTPException)
    if isinstance(connection, WebSocket):
        await connection.close(1008, error.detail)
        return None
    return JSONResponse({"errors": [{"message": error.detail}]}, error.status_code, error.headers)


def serve(address: Address, read_only: bool, routes: Sequence[BaseRoute], harmless: Collection[str]) -> int:
    """Serve the UI and further routes until a signal arrives.

    Parameters
    ----------
    address : Address
        Where to listen, and the host names to answer to.
    read_only : bool
        Refuse changes, except for a POST to a path in `harmless`; run no daemon.
    routes : sequence of routes
        Pages beside Dagster's.
    harmless : collection of str
        Paths where a POST changes nothing.

    Returns
    -------
    int
        The exit code: 0, or 1 if the daemon ended by itself.
    """
    logging.basicConfig(level=LOG_LEVEL.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with contextlib.ExitStack() as stack:
        instance = stack.enter_context(dg.DagsterInstance.get())
        workspace = stack.enter_context(_code_servers(instance))
        dagster_ui = stack.enter_context(
            dagster_internals.web_application(
                instance, workspace, read_only=read_only, poll_milliseconds=POLL_MILLISECONDS
            )
        )
        password_hash = settings.load().password_hash
        app = application([*routes, Mount("/", dagster_ui)], address, password_hash, read_only, harmless)
        server = uvicorn.Server(configuration(app, address))

        def stop() -> None:
            server.should_exit = True

        # One daemon per instance is enough, so a read-only UI can run beside another one.
        daemon = None if read_only else stack.enter_context(_daemon(workspace, stop))
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
        if daemon and daemon.poll() is not None:
            click.echo(f"The Dagster daemon ended by itself (exit code {daemon.returncode}).", err=True)
            return 1
    return 0


def configuration(app: Starlette, address: Address) -> uvicorn.Config:
    """Settings of the web server."""
    return uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        http="h11",
        h11_max_incomplete_event_size=MAX_HEAD,
        ws_max_size=MAX_BODY,
        log_level=LOG_LEVEL,
        # Any client could send the address of another one in a header.
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextlib.contextmanager
def _code_servers(instance: dg.DagsterInstance) -> Iterator[str]:
    """Load the definitions in a process of their own; yield the path of a workspace file that names it."""
    project = str(settings.PROJECT / "workspace.yaml")
    with (
        dagster_internals.code_servers(instance, project, LOG_LEVEL) as servers,
        tempfile.TemporaryDirectory() as directory,
    ):
        file = Path(directory) / "workspace.yaml"
        file.write_text(yaml.dump({"load_from": servers}), encoding="utf-8")
        yield str(file)


@contextlib.contextmanager
def _daemon(workspace: str, on_end: Callable[[], None]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon that schedules and sensors need; call `on_end` when it ends."""
    command = shutil.which("dagster-daemon", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    assert command is not None, "dagster installs this command"
    process = subprocess.Popen([command, "run", "--workspace", workspace, "--log-level", LOG_LEVEL])

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
