"""The only module that imports private names of Dagster.

It also lists the members that other modules use although Dagster does not mark them as public.

Each function and class says why it needs private names, and which public name would replace them.
What only the web server needs is imported inside its functions.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Engine, create_engine, event

from mnist_pipeline.runtime import project

if TYPE_CHECKING:
    import dagster as dg
    from starlette.applications import Starlette

INDEX = "index"  # the file of the events of all assets
BUSY_SECONDS = 30  # that a process waits for another one that writes, as in Dagster's own log
CODE_SERVER_SECONDS = 60  # for a code server to answer
CHECK_FAILED = "dagster._core.errors.DagsterAssetCheckFailedError"  # a blocking check


class Unmarked(NamedTuple):
    """Members that this project uses, of a class whose objects Dagster hands out."""

    module: str
    owner: str
    names: str
    replacement: str  # the public way that would replace them


GRAPH = "dagster._core.definitions.assets.graph.asset_graph"
# Dagster marks none of these members with `@public`. A test says when an update marks or drops one.
UNMARKED = (
    Unmarked(
        "dagster",
        "Definitions",
        "asset_checks jobs resources resolve_asset_graph "
        "resolve_implicit_global_asset_job_def resolve_job_def",
        "public getters of the resolved definitions; the marked get_job_def is superseded by these",
    ),
    Unmarked(
        GRAPH,
        "AssetGraph",
        "get get_all_asset_keys materializable_asset_keys observable_asset_keys "
        "toposorted_asset_keys toposorted_asset_keys_by_level",
        "a public view of the asset graph",
    ),
    Unmarked(
        GRAPH,
        "AssetNode",
        "code_version group_name is_partitioned parent_keys partitions_def",
        "asset specs that know their resolved inputs and partitions",
    ),
    Unmarked(
        "dagster", "AssetSelection", "from_string resolve", "a public view of the asset graph"
    ),
    Unmarked("dagster", "AssetKey", "from_user_string to_user_string", "marks: guides use them"),
    Unmarked(
        "dagster._core.definitions.unresolved_asset_job_definition",
        "UnresolvedAssetJobDefinition",
        "name selection",
        "a public type of what define_asset_job returns",
    ),
    Unmarked(
        "dagster",
        "JobDefinition",
        "with_logger_defs",
        "a parameter of execute_in_process for loggers",
    ),
    Unmarked(
        "dagster",
        "DagsterInstance",
        "all_logs get_runs report_run_canceled report_run_failed",
        "public methods that read the events of a run, and end a run whose process has died",
    ),
    Unmarked(
        "dagster",
        "DagsterEvent",
        "asset_check_evaluation_data asset_materialization asset_observation event_specific_data "
        "message step_failure_data step_key step_materialization_data step_success_data",
        "a public type of what each kind of event tells",
    ),
    Unmarked(
        "dagster._utils.error",
        "SerializableErrorInfo",
        "cause cls_name message stack",
        "the exception of a failed step, as a hook gets it",
    ),
    Unmarked(
        "dagster",
        "AssetCheckEvaluation",
        "asset_key check_name description metadata passed",
        "marks, as an AssetMaterialization has",
    ),
    Unmarked(
        "dagster",
        "AssetExecutionContext",
        "op_execution_context",
        "marks; it replaces members that Dagster deprecates on the context itself",
    ),
    Unmarked(
        "dagster", "OpDefinition", "output_dict", "the IO manager of an output in its context"
    ),
    Unmarked(
        "dagster",
        "ComponentTree",
        "build_defs from_module get_all_components",
        "load_from_defs_folder for a package, and an attribute that must be unique in a project",
    ),
    Unmarked("dagster", "ComponentLoadContext", "component_tree", "as of ComponentTree"),
    Unmarked("dagster", "ScaffoldRequest", "target_path", "a mark: guides use it"),
    Unmarked(
        "dagster",
        "AutomationCondition",
        "executed_with_root_target since",
        "marks: guides use them",
    ),
    Unmarked("dagster", "EnvVar", "get_value", "a mark: guides use it"),
    Unmarked("dagster", "FreshnessPolicy", "time_window", "a mark: guides use it"),
)


@contextlib.contextmanager
def code_server(
    instance: dg.DagsterInstance, log_level: str
) -> Iterator[tuple[Sequence[Mapping[str, Any]], Callable[[], None]]]:
    """Start a code server for the graph; yield it as the `load_from` of a workspace file, and a
    function that restarts it if it has ended.

    Modules are imported from the project first: the current directory may have such packages, too.

    Private: `ProxyServerManager`, with which the web server and the daemon share one code server.
    Otherwise each starts its own, and the daemon starts another every minute. It restarts its own
    process, but not the one below that has the definitions, so `DagsterGrpcClient` asks for that.
    A public `dagster code-server start` that restarts itself and prints its address would replace
    both.
    """
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster._grpc.client import DagsterGrpcClient

    target = ModuleTarget(
        project.GRAPH,
        attribute=None,
        working_directory=str(project.PROJECT),
        location_name=project.CODE_LOCATION,
    )
    with ProxyServerManager(instance, target, log_level) as servers:
        (specification,) = load_from = servers.get_code_server_specs()
        client = DagsterGrpcClient(socket=specification["grpc_server"]["socket"])

        def restart_if_ended() -> None:
            try:
                client.get_server_id(CODE_SERVER_SECONDS)
            except DagsterUserCodeUnreachableError:
                with contextlib.suppress(DagsterUserCodeUnreachableError):
                    client.reload_code(CODE_SERVER_SECONDS)

        yield load_from, restart_if_ended


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


class OpenEventLog(SqliteEventLogStorage):
    """Dagster's event log in SQLite files, whose connections stay open. The `dagster.yaml` of users
    names it, so it keeps its name and module.

    Dagster's own opens several connections for each event, and SQLAlchemy keeps compiled statements
    only as long as an engine. To store the 763 events of a run took 0.8 s with this class instead
    of 6.0 s, and waited 219 times for the disk instead of 5,255 times (two cores, median of 5,
    2 December 2026). If the power fails, the last events may be lost.

    Private: `SqliteEventLogStorage`, which Dagster's documentation names for `dagster.yaml` only.
    Its setting that keeps connections would replace this class.
    """

    def __init__(self, inst_data: Any = None) -> None:
        self._engines = dict[str, Engine]()
        self._engines_lock = threading.Lock()
        super().__init__(str(Path(os.environ["DAGSTER_HOME"], "history", "runs")), inst_data)

    @classmethod
    def config_type(cls) -> Any:
        """It needs no configuration: the files are where Dagster's own storage has them."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> OpenEventLog:
        """Open the files in DAGSTER_HOME."""
        return cls(inst_data)

    def run_connection(self, run_id: str | None = None) -> Any:
        """A connection to the events of a run."""
        return self._connection(str(run_id), partial(super().run_connection, run_id))

    def index_connection(self) -> Any:
        """A connection to the events of all assets."""
        return self._connection(INDEX, super().index_connection)

    def dispose(self) -> None:
        """Close the connections, when an instance ends."""
        for engine in self._engines.values():
            engine.dispose()
        super().dispose()

    @contextlib.contextmanager
    def _connection(self, name: str, connect: Any) -> Iterator[Any]:
        with self._engines_lock:
            if name not in self._engines:
                with connect():  # creates the tables
                    pass
                for earlier in self._engines.keys() - {INDEX}:
                    self._engines.pop(earlier).dispose()
                url, options = self.conn_string_for_shard(name), {"timeout": BUSY_SECONDS}
                self._engines[name] = engine = create_engine(url, connect_args=options)
                event.listen(engine, "connect", _relax)
            with self._engines[name].begin() as connection:
                yield connection


def _relax(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
