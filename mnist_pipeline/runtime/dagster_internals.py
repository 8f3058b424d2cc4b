"""The only module that imports private names of Dagster.

Each function says why it needs them, and which public name would replace them. Imports are inside
the functions, so that a command loads only the parts of Dagster that it uses.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import dagster as dg
    from starlette.applications import Starlette


@contextlib.contextmanager
def code_server(
    instance: dg.DagsterInstance, module: str, directory: str, location: str, log_level: str
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Start a code server for the definitions in a module; yield it as the `load_from` of a
    workspace file.

    Modules are imported from a directory first, because the current one may have another package of
    the same name.

    Private: `ProxyServerManager`, with which `dagster dev` lets web server and daemon share the
    server, and starts it again when it dies. A public `dagster code-server start` that restarts
    itself and prints its address would replace it.
    """
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import ModuleTarget

    target = ModuleTarget(
        module, attribute=None, working_directory=directory, location_name=location
    )
    with ProxyServerManager(instance, target, log_level) as servers:
        yield servers.get_code_server_specs()


@contextlib.contextmanager
def web_application(
    instance: dg.DagsterInstance, workspace_file: str, *, read_only: bool, poll_milliseconds: int
) -> Iterator[Starlette]:
    """Dagster's web application over a workspace file, to be served behind other middleware.

    Private: `create_app_from_workspace_process_context` and what it takes. The `dagster-webserver`
    command, which is public, listens on a port of its own, without access control. A public
    application factory would replace it.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    version = metadata.version("dagster-webserver")
    with WorkspaceProcessContext(
        instance, WorkspaceFileTarget([workspace_file]), version, read_only
    ) as context:
        yield create_app_from_workspace_process_context(
            context, live_data_poll_rate=poll_milliseconds
        )


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

    def kept(url: str, **options: Any) -> Engine:
        if url not in engines:
            engines[url] = create(url, **{**options, "poolclass": Kept})
            event.listen(
                engines[url],
                "connect",
                lambda opened, _: opened.execute("PRAGMA synchronous = NORMAL"),
            )
        return engines[url]

    module.create_engine = kept
    try:
        yield
    finally:
        module.create_engine = create
        for engine in engines.values():
            cast("Any", QueuePool).dispose(engine.pool)


@contextlib.contextmanager
def values_dropped() -> Iterator[None]:
    """Let a run in this process drop each value once it is stored; otherwise all of them stay in
    memory until the end.

    Private: `core_execute_in_process`, whose parameter `output_capturing_enabled` is not one of the
    public `execute_in_process`. If it becomes one, that would replace this.
    """
    from dagster._core.execution import execute_in_process

    module: Any = execute_in_process
    execute = module.core_execute_in_process
    module.core_execute_in_process = lambda **options: execute(
        **{**options, "output_capturing_enabled": False}
    )
    try:
        yield
    finally:
        module.core_execute_in_process = execute


def staleness(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> Callable[..., str | None]:
    """A function of an asset key, and of a partition if it has some: why Dagster reports it as
    missing or stale.

    It returns None if Dagster does not.

    Private: `CachingStaleStatusResolver` and the `LoadingContext` that it reads the instance
    through. They are behind the staleness in Dagster's UI and in GraphQL. A public
    `DagsterInstance.get_stale_status` would replace them.
    """
    from dagster._core.definitions.data_version import CachingStaleStatusResolver
    from dagster._core.loader import LoadingContext

    class Loading(LoadingContext):
        instance = property(lambda self: instance)
        loaders: dict[Any, Any] = {}  # noqa: RUF012  # the class has one instance

    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, Loading())
    resolver.instance_queryer.prefetch_asset_records(graph.get_all_asset_keys())

    def reason(key: dg.AssetKey, partition: str | None = None) -> str | None:
        status = resolver.get_status(key, partition).value
        if status != "STALE":
            return "not materialized yet" if status == "MISSING" else None
        return "; ".join(
            f"{cause.asset_key.to_user_string()} {cause.reason}"
            if cause.dependency is None
            else f"{cause.dependency.asset_key.to_user_string()} has a new version"
            for cause in resolver.get_stale_causes(key, partition)
        )

    return reason


def failed_checks(
    instance: dg.DagsterInstance, checks: Sequence[dg.AssetCheckKey]
) -> dict[dg.AssetKey, str]:
    """The assets whose latest value failed one of these checks, and the name of the check.

    Private: `event_log_storage.get_latest_asset_check_execution_by_key`, because public methods
    read the checks of one run at a time. A public
    `DagsterInstance.get_latest_asset_check_evaluations` would replace it.
    """
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    return {
        key.asset_key: f"its check {key.name} failed"
        for key, record in latest.items()
        if record.event and (found := record.event.asset_check_evaluation) and not found.passed
    }


def input_version(context: dg.InputContext | dg.OutputContext, key: dg.AssetKey) -> str | None:
    """The data version of an input that Dagster records for the running step; None outside a step.

    Private: `maybe_fetch_and_get_input_asset_version_info` of the step's context. Dagster fetches
    these versions for all inputs of a step at once, and another query could find a version that
    another run has just recorded. A public property of `InputContext` would replace it.
    """
    import dagster as dg

    try:
        found = context.step_context.maybe_fetch_and_get_input_asset_version_info(key)
    except dg.DagsterInvariantViolationError:
        return None
    return found.data_version.value if found and found.data_version else None


def under_name(
    asset: dg.AssetsDefinition,
    name: str,
    resources: Collection[str],
    absent: Collection[dg.AssetKey],
) -> dg.AssetsDefinition:
    """A copy of an asset or a check, named `NAME/KEY`, with the step `NAME__STEP` in the group
    `NAME_GROUP`.

    Each of `resources` becomes `NAME_RESOURCE`. Inputs in `absent` are left out: the function must
    do without.

    Private: `DecoratedOpFunction`, `with_attributes` and `get_attributes_dict`. The public
    `key_prefix` of `load_assets_from_modules` keeps the names of steps and resources, which two
    copies would share. A prefix for all names would replace this function.
    """
    import dagster as dg
    from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

    op: Any = asset.op
    sources = {
        each: key for each, key in asset.node_keys_by_input_name.items() if key not in absent
    }
    checked = (check.asset_key for check in asset.check_specs)
    named = {key: key.with_prefix(name) for key in (*asset.keys, *sources.values(), *checked)}
    own = {key: f"{name}_{key}" for key in resources}
    left_out = asset.node_keys_by_input_name.keys() - sources.keys()
    step = dg.OpDefinition(
        DecoratedOpFunction(_with_parameters(op.compute_fn.decorated_fn, own, left_out)),
        name=f"{name}__{op.name}",
        ins={each: op.ins[each] for each in sources},
        outs={
            each: out._replace(io_manager_key=own["io_manager"]) for each, out in op.outs.items()
        },
        config_schema=op.config_schema,
        required_resource_keys={own.get(key, key) for key in op.required_resource_keys},
        tags=op.tags,
        retry_policy=op.retry_policy,
        pool=op.pool,
    )
    changed = asset.with_attributes(asset_key_replacements=named).get_attributes_dict()
    changed |= {
        "node_def": step,
        "keys_by_input_name": {each: named[key] for each, key in sources.items()},
    }
    changed["specs"] = [
        spec.replace_attributes(
            deps=[dep for dep in spec.deps if dep.asset_key not in absent],
            group_name=f"{name}_{spec.group_name}",
        )
        for spec in changed["specs"]
    ]
    changed["check_specs_by_output_name"] = {
        each: check._replace(
            additional_deps=[
                dep._replace(asset_key=named[dep.asset_key]) for dep in check.additional_deps
            ]
        )
        for each, check in changed["check_specs_by_output_name"].items()
    }
    return type(asset).dagster_internal_init(**changed)


def _with_parameters(
    function: Callable[..., Any], names: Mapping[str, str], left_out: Collection[str]
) -> Callable[..., Any]:
    """A function with other names of some parameters, and without others."""

    @functools.wraps(function)
    def call(*context: Any, **given: Any) -> Any:
        former = {new: old for old, new in names.items()}
        return function(
            *context, **{former.get(each, each): value for each, value in given.items()}
        )

    signature = inspect.signature(function)
    kept = [each for each in signature.parameters.values() if each.name not in left_out]
    parameters = [each.replace(name=names.get(each.name, each.name)) for each in kept]
    # Dagster reads it
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return call
