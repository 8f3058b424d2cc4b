"""Serve the Dagster UI on this machine, and run the code server and the daemon that it needs."""

import contextlib
import logging
import os
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import dagster as dg
import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from mnist_pipeline.runtime import dagster_internals, settings
from mnist_pipeline.runtime.instance import CONFIGURATION, InstanceError
from mnist_pipeline.runtime.project import ON_REQUEST
from mnist_pipeline.runtime.web import LOCALHOST
from mnist_pipeline.runtime.web.middleware.bodies import BodiesMiddleware
from mnist_pipeline.runtime.web.middleware.headers import HeadersMiddleware
from mnist_pipeline.runtime.web.middleware.origins import OriginsMiddleware

LOG_LEVEL, LOG_FORMAT = "warning", "%(asctime)s %(levelname)s %(name)s: %(message)s"
GRACE_SECONDS = 2  # for open connections when the UI stops
DAEMON_SECONDS = 5  # for the daemon to stop
CHECK_SECONDS = 1  # between two looks at the other processes
AGAIN = "start mnist-pipeline ui again, and queued runs continue"
# The shell becomes a command, and ends it when its own input is closed: with the process that
# started it, even if that process is killed.
WITH_THIS_PROCESS = 'exec 3<&0; { read -r _ <&3; kill $$ 2>/dev/null; } & exec "$@"'
# Without this selection, *Materialize all* would train every trial of the experiments.
SELECTION = f"not ({' or '.join(f'group:{name}' for name in ON_REQUEST)})"
LINEAGE = f"/asset-groups~{quote(SELECTION)}"


def application(routes: Sequence[BaseRoute]) -> Starlette:
    """Serve routes to the pages of this server only."""
    middleware = [
        Middleware(HeadersMiddleware),
        Middleware(GZipMiddleware),
        # Against DNS rebinding.
        Middleware(TrustedHostMiddleware, allowed_hosts=[LOCALHOST, "localhost"]),
        Middleware(OriginsMiddleware),
        Middleware(BodiesMiddleware),
    ]
    return Starlette(routes=routes, middleware=middleware)


def serve(listening: socket.socket, read_only: bool, routes: Sequence[BaseRoute]) -> None:
    """Serve the UI and further routes on a socket until a signal arrives.

    A read-only UI needs no daemon. Raises InstanceError if the instance is deleted, or if the
    daemon ends. A code server that ends is restarted.
    """
    logging.basicConfig(level=LOG_LEVEL.upper(), format=LOG_FORMAT)
    # As in `dagster dev`, the code server prints errors of definitions without Dagster's frames.
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    configuration = settings.load().dagster_home / CONFIGURATION.name
    with (
        dg.DagsterInstance.get() as instance,
        dagster_internals.code_server(instance, LOG_LEVEL) as (load_from, restart_code_server),
        tempfile.NamedTemporaryFile("w", suffix=".yaml") as workspace,
    ):
        yaml.dump({"load_from": load_from}, workspace)
        workspace.flush()
        with (
            dagster_internals.web_application(instance, workspace.name, read_only) as dagster_ui,
            contextlib.nullcontext() if read_only else _daemon(workspace.name) as daemon,
        ):
            problems = list[str]()

            async def check() -> None:
                if not configuration.exists():
                    problems.append(f"{configuration} was deleted")
                elif daemon and daemon.poll() is not None:
                    problems.append(f"The daemon ended ({daemon.returncode})")
                else:
                    await run_in_threadpool(restart_code_server)
                server.should_exit |= bool(problems)

            home = Route("/", lambda _: RedirectResponse(LINEAGE))
            config = uvicorn.Config(
                application([*routes, home, Mount("/", dagster_ui)]),
                log_level=LOG_LEVEL,
                timeout_graceful_shutdown=GRACE_SECONDS,
                callback_notify=check,
                timeout_notify=CHECK_SECONDS,
            )
            server = uvicorn.Server(config)
            server.run([listening])
    if problems:
        raise InstanceError(f"{problems[0]}; {AGAIN}")


@contextlib.contextmanager
def _daemon(workspace: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the daemon that schedules, sensors, backfills and queued runs need."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    daemon = ["dagster-daemon", "run", "--workspace", workspace, "--log-level", LOG_LEVEL]
    process = subprocess.Popen(
        ["sh", "-c", WITH_THIS_PROCESS, "sh", *daemon],
        env={**os.environ, "PATH": path},
        stdin=subprocess.PIPE,
        # Ctrl-C in a terminal reaches only this process, which then stops the daemon.
        start_new_session=True,
    )
    try:
        yield process
    finally:
        try:
            process.communicate(timeout=DAEMON_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
