"""The only module that imports private names of Dagster.

Each function says why it needs them, and which public name would replace them. Imports are inside
the functions, so that a command loads only the parts of Dagster that it uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from mnist_pipeline.runtime import project

if TYPE_CHECKING:
    import dagster as dg
    from starlette.applications import Starlette

CHECK_FAILED = "dagster._core.errors.DagsterAssetCheckFailedError"  # a blocking check


@contextlib.contextmanager
def code_server(
    instance: dg.DagsterInstance, log_level: str
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Start a code server for the graph; yield it as the `load_from` of a workspace file.

    Modules are imported from the project first: the current directory may have such packages, too.

    Private: `ProxyServerManager`, with which the web server and the daemon share one code server.
    Otherwise each starts its own, and the daemon starts another every minute. A public
    `dagster code-server start` that restarts itself and prints its address would replace it.
    """
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import ModuleTarget

    target = ModuleTarget(
        project.GRAPH,
        attribute=None,
        working_directory=str(project.PROJECT),
        location_name=project.CODE_LOCATION,
    )
    with ProxyServerManager(instance, target, log_level) as servers:
        yield servers.get_code_server_specs()


@contextlib.contextmanager
def web_application(
    instance: dg.DagsterInstance, workspace_file: str, read_only: bool
) -> Iterator[Starlette]:
    """Dagster's web application over a workspace file, to be served behind other middleware.

    Private: `create_app_from_workspace_process_context` and what it takes. The `dagster-webserver`
    command, which is public, listens on a port of its own, without access control. A public
    application factory would replace it.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    with WorkspaceProcessContext(
        instance,
        WorkspaceFileTarget([workspace_file]),
        metadata.version("dagster-webserver"),
        read_only,
    ) as context:
        yield create_app_from_workspace_process_context(context)


@contextlib.contextmanager
def open_event_log() -> Iterator[None]:
    """Keep the connections to Dagster's SQLite files of events open.

    Dagster opens and closes several for each of some six hundred events, and SQLAlchemy keeps
    compiled statements only as long as an engine: four fifths of the time of an event. If the power
    fails, the last events may be lost.

    Private: `create_engine`, which the module of `SqliteEventLogStorage` imports. A setting that
    keeps connections would replace it.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from sqlalchemy import Engine, QueuePool, event

    class Kept(QueuePool):
        """Connections that stay when Dagster disposes of their engine."""

        def dispose(self) -> None:
            pass

        def recreate(self) -> QueuePool:
            return self

    module: Any = sqlite_event_log
    create, engines = module.create_engine, dict[str, Engine]()

    def relax(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")

    def kept(url: str, **options: Any) -> Engine:
        if url not in engines:
            engines[url] = create(url, **{**options, "poolclass": Kept})
            event.listen(engines[url], "connect", relax)
        return engines[url]

    module.create_engine = kept
    try:
        yield
    finally:
        module.create_engine = create
        for engine in engines.values():
            cast("Any", QueuePool).dispose(engine.pool)
