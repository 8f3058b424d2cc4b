"""The only module that imports private names of Dagster.

Each function says why it needs them, and which public name would replace them. Imports are inside
the functions, so that a command loads only the parts of Dagster that it uses.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg
    from starlette.applications import Starlette


PAGE = 1_000  # records read at once


@contextlib.contextmanager
def code_server(
    instance: dg.DagsterInstance, module: str, directory: str, location: str, log_level: str
) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Start a code server for the definitions in a module; yield it as the `load_from` of a workspace file.

    Modules are imported from a directory first, because the current one may have another package of the same name.

    Private: `ProxyServerManager`, with which `dagster dev` lets web server and daemon share the server, and starts
    it again when it dies. A public `dagster code-server start` that restarts itself and prints its address would
    replace it.
    """
    from dagster._cli.proxy_server_manager import ProxyServerManager
    from dagster._core.workspace.load_target import ModuleTarget

    target = ModuleTarget(module, attribute=None, working_directory=directory, location_name=location)
    with ProxyServerManager(instance, target, log_level) as servers:
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


def assign_runs(instance: dg.DagsterInstance, code_location: str) -> None:
    """Assign the runs that an instance creates to a code location, so that the UI shows them with it and its jobs.

    Private: the parameter `remote_job_origin` of `create_run_for_job`, which `execute_job` does not pass on, and the
    form in which Dagster stores its value. A public parameter of `execute_job` would replace this function.
    """
    from dagster import deserialize_value

    create_run: Any = type(instance).create_run_for_job

    def create(job_def: dg.JobDefinition, *arguments: Any, **options: Any) -> Any:
        location = {"__class__": "RegisteredRepositoryLocationOrigin", "location_name": code_location}
        repository = {"repository_location_origin": location, "repository_name": "__repository__"}
        job = {
            "__class__": "ExternalPipelineOrigin",
            "external_repository_origin": {"__class__": "ExternalRepositoryOrigin", **repository},
            "pipeline_name": job_def.name,
        }
        origin = deserialize_value(json.dumps(job))
        return create_run(instance, job_def, *arguments, **{**options, "remote_job_origin": origin})

    instance.create_run_for_job = create  # type: ignore[method-assign]


def staleness(instance: dg.DagsterInstance, definitions: dg.Definitions) -> Callable[[dg.AssetKey], str | None]:
    """A function that returns why Dagster reports an asset as missing or out of sync, None if it does not.

    Private: `CachingStaleStatusResolver` and the `LoadingContext` that it reads the instance through. They are behind
    the staleness in Dagster's UI and in GraphQL. A public `DagsterInstance.get_stale_status` would replace them.
    """
    from dagster._core.definitions.data_version import CachingStaleStatusResolver
    from dagster._core.loader import LoadingContext

    class Loading(LoadingContext):
        instance = property(lambda self: instance)
        loaders: dict[Any, Any] = {}  # noqa: RUF012  # the class has one instance

    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, Loading())
    resolver.instance_queryer.prefetch_asset_records(graph.get_all_asset_keys())

    def reason(key: dg.AssetKey) -> str | None:
        status = resolver.get_status(key).value
        if status != "STALE":
            return "not materialized yet" if status == "MISSING" else None
        return "; ".join(
            f"{cause.asset_key.to_user_string()} {cause.reason}"
            if cause.dependency is None
            else f"{cause.dependency.asset_key.to_user_string()} has a new version"
            for cause in resolver.get_stale_causes(key)
        )

    return reason


def runs_that_failed(instance: dg.DagsterInstance, check: dg.AssetCheckKey) -> set[str]:
    """The ids of the runs in which a check failed. A restored evaluation has only the run of what it evaluated.

    Private: `event_log_storage.get_asset_check_execution_history` and its statuses, because public methods read the
    checks of one run at a time. A public `DagsterInstance.fetch_asset_check_evaluations` would replace both.
    """
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

    runs: set[str] = set()
    cursor, has_more = None, True
    while has_more:
        page = instance.event_log_storage.get_asset_check_execution_history(
            check, PAGE, cursor, {AssetCheckExecutionRecordStatus.FAILED}
        )
        for record in page:
            target = record.evaluation.target_materialization_data if record.evaluation else None
            runs.add(target.run_id if target and not record.run_id else record.run_id)
        cursor, has_more = (page[-1].id, True) if page else (None, False)
    return runs


def latest_tag_by_partition(
    instance: dg.DagsterInstance, asset: dg.AssetKey, tag: str, partitions: Sequence[str] | None
) -> dict[str, str]:
    """A tag of the latest materialization of each partition of an asset, by partition; by default of all partitions.

    Private: `event_log_storage.get_latest_tags_by_partition`. One query reads thousands of partitions, where the public
    `fetch_materializations` reads their whole history. A public method of `DagsterInstance` would replace it.
    """
    from dagster import DagsterEventType

    tags = instance.event_log_storage.get_latest_tags_by_partition(
        asset, DagsterEventType.ASSET_MATERIALIZATION, [tag], asset_partitions=partitions
    )
    return {partition: found[tag] for partition, found in tags.items() if tag in found}


def instance_error(directory: str) -> str | None:
    """What is wrong with the configuration of the Dagster instance in a directory, None if nothing is.

    Private: `dagster_instance_config`, and `CheckError`, which it raises. The public `DagsterInstance.get` also opens
    the storage that is configured. A public `DagsterInstance.validate_config` would replace both.
    """
    import yaml
    from dagster import DagsterError
    from dagster._check import CheckError
    from dagster._core.instance.config import dagster_instance_config

    try:
        dagster_instance_config(directory)
    except (CheckError, DagsterError, OSError, RecursionError, ValueError, yaml.YAMLError) as error:
        return str(error)
    return None
