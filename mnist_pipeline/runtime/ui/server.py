"""Serve the Dagster UI on this machine, and run the code server and the daemon that it needs."""

import contextlib
import logging
import os
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click
import dagster as dg
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount

from mnist_pipeline.runtime import dagster_internals, project
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.ui.middleware.headers import HeadersMiddleware
from mnist_pipeline.runtime.ui.middleware.origins import OriginsMiddleware

LOCALHOST = "127.0.0.1"
LOG_LEVEL, LOG_FORMAT = "warning", "%(asctime)s %(levelname)s %(name)s: %(message)s"
POLL_MILLISECONDS = 2_000  # between the requests of a page for data without a subscription
GRACE_SECONDS = 2  # for open connections when the UI stops
DAEMON_SECONDS = 5  # for the daemon to stop
ABANDONED_SECONDS = 10  # between two searches for runs whose process was killed


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """Serve routes to pages of this server only; a request passes the middleware in this order."""
    middleware = [
        Middleware(HeadersMiddleware),
        Middleware(TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"]),  # against DNS rebinding
        Middleware(OriginsMiddleware),
    ]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={HTTPException: refuse})


async def refuse(request: Any, error: Any) -> JSONResponse:
    """Refuse a request with a GraphQL error, which the pages show."""
    return JSONResponse({"errors": [{"message": error.detail}]}, error.status_code, error.headers)


def serve(port: int, read_only: bool, routes: Sequence[BaseRoute]) -> int:
    """Serve the UI and further routes until a signal arrives; return the exit code, 1 if the daemon ended by itself.

    A read-only UI needs no daemon.
    """
    logging.basicConfig(level=LOG_LEVEL.upper(), format=LOG_FORMAT)
    with (
        dg.DagsterInstance.get() as instance,
        _code_servers(instance) as workspace,
        dagster_internals.web_application(
            instance, workspace, read_only=read_only, poll_milliseconds=POLL_MILLISECONDS
        ) as dagster_ui,
    ):
        server = uvicorn.Server(configuration(application([*routes, Mount("/", dagster_ui)]), port))
        # One daemon per instance is enough, and another UI may be running.
        with contextlib.nullcontext() if read_only else daemon(workspace, instance, server) as process:
            with contextlib.suppress(KeyboardInterrupt):
                server.run()
            if process and process.poll() is not None:
                click.echo(f"The Dagster daemon ended by itself (exit code {process.returncode}).", err=True)
                return 1
    return 0


def configuration(app: Starlette, port: int) -> uvicorn.Config:
    """Settings of the web server."""
    return uvicorn.Config(
        app,
        host=LOCALHOST,
        port=port,
        log_level=LOG_LEVEL,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


@contextlib.contextmanager
def _code_servers(instance: dg.DagsterInstance) -> Iterator[str]:
    """Load the definitions in a separate process; yield the path of a workspace file that names it.

    Dagster lets any user of the machine connect to the socket of that process, and have it run code. So the socket is
    in a directory of this user.
    """
    graph = {"python_module": {"module_name": project.graph_module(), "location_name": project.CODE_LOCATION}}
    with (
        _private_directory(),
        _workspace_file([graph]) as workspace,
        dagster_internals.code_servers(instance, workspace, LOG_LEVEL) as servers,
        _workspace_file(servers) as of_servers,
    ):
        yield of_servers


@contextlib.contextmanager
def _workspace_file(locations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.dump({"load_from": locations}, file)
        file.flush()
        yield file.name


@contextlib.contextmanager
def _private_directory() -> Iterator[None]:
    """Put temporary files of this process and its children into a directory that no other user can open."""
    with tempfile.TemporaryDirectory(prefix="mnist-pipeline-") as directory:
        os.environ["TMPDIR"] = tempfile.tempdir = directory
        try:
            yield
        finally:
            del os.environ["TMPDIR"]
            tempfile.tempdir = None


@contextlib.contextmanager
def daemon(workspace: str, instance: dg.DagsterInstance, server: uvicorn.Server) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon that schedules, sensors and backfills need; stop the web server when it ends.

    Runs whose process was killed are marked as failed, since the daemon starts only a few runs at a time.
    """
    command = shutil.which("dagster-daemon", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    assert command is not None, "dagster installs this command"
    process = subprocess.Popen([command, "run", "--workspace", workspace, "--log-level", LOG_LEVEL])

    def watch() -> None:
        while process.poll() is None:
            try:
                run_lock.fail_abandoned_runs(instance)
            except Exception:  # of many classes: the database may be busy, and is asked again
                logging.exception("Runs whose process was killed could not be marked as failed")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ABANDONED_SECONDS)
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the parent kills what is left
            process.wait(DAEMON_SECONDS)
