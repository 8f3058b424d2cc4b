"""Serve the Dagster UI on this machine, and run the code server and the daemon that it needs."""

import contextlib
import logging
import os
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount

from mnist_pipeline.runtime import dagster_internals
from mnist_pipeline.runtime.web import LOCALHOST
from mnist_pipeline.runtime.web.middleware.bodies import BodiesMiddleware
from mnist_pipeline.runtime.web.middleware.headers import HeadersMiddleware
from mnist_pipeline.runtime.web.middleware.origins import OriginsMiddleware

LOG_LEVEL, LOG_FORMAT = "warning", "%(asctime)s %(levelname)s %(name)s: %(message)s"
GRACE_SECONDS = 2  # for open connections when the UI stops
DAEMON_SECONDS = 5  # for the daemon to stop


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """Serve routes to the pages of this server only."""
    middleware = [
        Middleware(HeadersMiddleware),
        # Against DNS rebinding.
        Middleware(TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"]),
        Middleware(OriginsMiddleware),
        Middleware(BodiesMiddleware),
    ]
    handlers = {HTTPException: _refuse}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


async def _refuse(_: Any, error: Any) -> JSONResponse:
    """Respond with a GraphQL error, which the pages show."""
    return JSONResponse({"errors": [{"message": error.detail}]}, error.status_code, error.headers)


def serve(listening: socket.socket, read_only: bool, routes: Sequence[BaseRoute]) -> None:
    """Serve the UI and further routes on a socket until a signal arrives.

    A read-only UI needs no daemon.
    """
    logging.basicConfig(level=LOG_LEVEL.upper(), format=LOG_FORMAT)
    # As in `dagster dev`, the code server prints errors of definitions without Dagster's frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    with (
        dg.DagsterInstance.get() as instance,
        dagster_internals.code_server(instance, LOG_LEVEL) as servers,
        tempfile.NamedTemporaryFile("w", suffix=".yaml") as workspace,
    ):
        yaml.dump({"load_from": servers}, workspace)
        workspace.flush()
        with (
            dagster_internals.web_application(instance, workspace.name, read_only) as dagster_ui,
            contextlib.nullcontext() if read_only else _daemon(workspace.name),
        ):
            config = uvicorn.Config(
                application([*routes, Mount("/", dagster_ui)]),
                log_level=LOG_LEVEL,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
            uvicorn.Server(config).run([listening])


@contextlib.contextmanager
def _daemon(workspace: str) -> Iterator[None]:
    """Run the daemon that schedules, sensors, backfills and queued runs need."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    command = ["dagster-daemon", "run", "--workspace", workspace, "--log-level", LOG_LEVEL]
    # Ctrl-C in a terminal reaches only this process, which then stops the daemon.
    process = subprocess.Popen(command, env={**os.environ, "PATH": path}, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(DAEMON_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
