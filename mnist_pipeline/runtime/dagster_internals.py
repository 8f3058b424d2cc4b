"""The only module that imports private names of Dagster.

Each function says why it needs them, and which public name would replace them. Imports are inside
the functions, so that a command loads only the parts of Dagster that it uses.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg
    from starlette.applications import Starlette


@contextlib.contextmanager
def code_servers(
    instance: dg.DagsterInstance, workspace_file: str, log_level: str
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Start a code server per location of a workspace file; yield them as the `load_from` of another such file.

    Private: `ProxyServerManager`, with which `dagster dev` lets web server and daemon share the servers, and starts
    them again when they die. A public `dagster code-server start` that restarts itself and prints its address would
    replace it.
    """
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import WorkspaceFileTarget

    with ProxyServerManager(instance, WorkspaceFileTarget([workspace_file]), log_level) as servers:
        yield servers.get_code_server_specs()


@contextlib.contextmanager
def web_application(
    instance: dg.DagsterInstance, workspace_file: str, *, read_only: bool, poll_milliseconds: int
) -> Iterator[Starlette]:
    """Dagster's web application over a workspace file, to be served behind other middleware.

    Private: `create_app_from_workspace_process_context` and what it takes. The `dagster-webserver` command, which is
    public, listens on a port of its own, without access control. A public application factory would replace it.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    version = metadata.version("dagster-webserver")
    with WorkspaceProcessContext(instance, WorkspaceFileTarget([workspace_file]), version, read_only) as context:
        yield create_app_from_workspace_process_context(context, live_data_poll_rate=poll_milliseconds)
