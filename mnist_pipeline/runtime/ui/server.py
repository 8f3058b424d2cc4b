"""Serve the Dagster UI with access control, and run the code server and the daemon that it needs."""

import contextlib
import functools
import logging
import os
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import dagster as dg
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Mount
from starlette.websockets import WebSocket

from mnist_pipeline.runtime import dagster_internals, project, settings
from mnist_pipeline.runtime.graph import run_lock
from mnist_pipeline.runtime.ui import monitoring
from mnist_pipeline.runtime.ui.addresses import Address
from mnist_pipeline.runtime.ui.middleware.headers import HeadersMiddleware
from mnist_pipeline.runtime.ui.middleware.hosts import HostsMiddleware
from mnist_pipeline.runtime.ui.middleware.login import LoginMiddleware
from mnist_pipeline.runtime.ui.middleware.methods import MAX_BODY, MethodsMiddleware
from mnist_pipeline.runtime.ui.middleware.origins import OriginsMiddleware
from mnist_pipeline.runtime.ui.middleware.read_only import ReadOnlyMiddleware
from mnist_pipeline.runtime.ui.protocol import Protocol

LOG_LEVEL, LOG_FORMAT = "warning", "%(asctime)s %(levelname)s %(name)s: %(message)s"
POLL_MILLISECONDS = 2_000  # between the requests of a page for data without a subscription
GRACE_SECONDS = 2  # for open connections when the UI stops
DAEMON_SECONDS = 5  # for the daemon to stop
ABANDONED_SECONDS = 10  # between two searches for runs whose process was killed
MAX_HEAD = 2**16  # bytes of a request's line and headers


def application(
    routes: Sequence[BaseRoute],
    address: Address,
    password_hash: str | None,
    read_only: Sequence[Any] | None,
    monitored: Sequence[BaseRoute] = (),
) -> Starlette:
    """Put the access control in front of routes; a request passes the middleware in this order.

    Only the routes in `monitored` are served to any host and without the password. `read_only` are the arguments of
    `ReadOnlyMiddleware`, None for a UI that changes things.
    """
    middleware = [
        Middleware(HostsMiddleware, address),
        Middleware(OriginsMiddleware, address),
        *([Middleware(LoginMiddleware, password_hash, address.port)] if password_hash else []),
        Middleware(MethodsMiddleware),
        *([Middleware(ReadOnlyMiddleware, *read_only)] if read_only else []),
    ]
    return Starlette(
        routes=[*monitored, Mount("/", routes=routes, middleware=middleware)],
        middleware=[Middleware(HeadersMiddleware)],  # around the exception handler, so that refusals have them too
        exception_handlers={HTTPException: refuse},
    )


async def refuse(connection: Any, error: Any) -> Any:
    """Refuse a request with a GraphQL error, which the UI shows; close a WebSocket."""
    if isinstance(connection, WebSocket):
        return await connection.close(1008, error.detail)
    return JSONResponse({"errors": [{"message": error.detail}]}, error.status_code, error.headers)


def serve(
    address: Address,
    read_only: bool,
    routes: Sequence[BaseRoute],
    harmless: Collection[str],
    gauges: Sequence[monitoring.Gauge],
    code_server: tuple[str, int] | None = None,
) -> int:
    """Serve the UI and further routes until a signal arrives; return the exit code, 1 if the daemon ended by itself.

    With a code server elsewhere, the daemon runs elsewhere too. A read-only UI needs no daemon, and accepts only POSTs
    of GraphQL queries and to the paths in `harmless`.
    """
    logging.basicConfig(level=LOG_LEVEL.upper(), format=LOG_FORMAT)
    with (
        dg.DagsterInstance.get() as instance,
        workspace_of(code_server) if code_server else _code_servers(instance) as workspace,
        dagster_internals.web_application(
            instance, workspace, read_only=read_only, poll_milliseconds=POLL_MILLISECONDS
        ) as dagster_ui,
    ):
        configured = settings.load()
        health, metrics = monitoring.routes(instance, gauges, configured.metrics_token)
        monitored = [health, metrics] if configured.metrics_token else [health]
        limits = [harmless, functools.partial(_log_exists, instance)] if read_only else None
        all_routes = [*routes, metrics, Mount("/", dagster_ui)]
        app = application(all_routes, address, configured.password_hash, limits, monitored)
        server = uvicorn.Server(configuration(app, address))
        # One daemon per instance is enough, and another UI may be running.
        is_alone = read_only or code_server is not None
        with contextlib.nullcontext() if is_alone else daemon(workspace, instance, server) as process:
            with contextlib.suppress(KeyboardInterrupt):
                server.run()
            if process and process.poll() is not None:
                click.echo(f"The Dagster daemon ended by itself (exit code {process.returncode}).", err=True)
                return 1
    return 0


def _log_exists(instance: dg.DagsterInstance, key: list[str]) -> bool:
    """Whether a step has written a log of this key; always true for a log manager that keeps no local files."""
    path_of = getattr(instance.compute_log_manager, "get_captured_local_path", None)
    if path_of is None:
        return True
    try:
        paths = [Path(path_of(key, kind)) for kind in ("complete", "out", "err", "out.partial", "err.partial")]
    except ValueError:  # the key leads out of the directory of the logs
        return False
    return any(path.is_file() for path in paths)


def configuration(app: Starlette, address: Address) -> uvicorn.Config:
    """Settings of the web server."""
    return uvicorn.Config(
        app,
        host=address.host,
        port=address.port,
        http=Protocol,
        h11_max_incomplete_event_size=MAX_HEAD,
        ws_max_size=MAX_BODY,
        log_level=LOG_LEVEL,
        proxy_headers=False,  # any client could send the address of another one
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
def workspace_of(code_server: tuple[str, int]) -> Iterator[str]:
    """Yield the path of a workspace file that names a code server, by its host and port."""
    host, port = code_server
    with _workspace_file(
        [{"grpc_server": {"host": host, "port": port, "location_name": project.CODE_LOCATION}}]
    ) as file:
        yield file


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
def daemon(
    workspace: str, instance: dg.DagsterInstance, server: uvicorn.Server | None = None
) -> Iterator[subprocess.Popen[bytes]]:
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
        if server:
            server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the parent kills what is left
            process.wait(DAEMON_SECONDS)
