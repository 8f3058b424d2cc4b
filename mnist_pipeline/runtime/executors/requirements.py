"""What an executor, and the log of runs in MLflow, need, checked before any work starts."""

from __future__ import annotations

import importlib.util
import pkgutil
import socket
from typing import TYPE_CHECKING

from mnist_pipeline.utils import places
from mnist_pipeline.utils.machine import num_cores
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    import dagster as dg

    from mnist_pipeline.runtime.environment import Settings

REACH_SECONDS = 5
MIN_WORKERS = 2
MODULES = {"ray": ["ray", "dagster_ray"]}


class ExecutorError(ReportedError, RuntimeError):
    """Workers are not available, or a task cannot be completed; the message names the reason and the remedy."""


def num_local_workers() -> int:
    """Return the number of workers on this machine: one per core, but at least two."""
    return max(MIN_WORKERS, num_cores())


def require(configured: Settings) -> None:
    """Raise ExecutorError if the executor could not work, or runs could not be logged.

    A package may be missing, an executor may not be importable, or the cluster may not answer. The workers of a cluster
    need a Dagster instance that they can reach.
    """
    executor, cluster = configured.executor, configured.cluster
    if configured.mlflow and importlib.util.find_spec("mlflow") is None:
        raise ExecutorError(
            f"MNIST_PIPELINE_MLFLOW is set, but mlflow is not installed: {places.pip_install('mlflow')}"
        )
    for module in MODULES.get(executor, ()):
        if importlib.util.find_spec(module) is None:
            raise ExecutorError(
                f"MNIST_PIPELINE_EXECUTOR is {executor!r}, but {module} is missing: {places.pip_install(executor)}"
            )
    if ":" in executor:
        import_executor(executor)
    if not cluster:
        return
    if not configured.database:
        raise ExecutorError(
            f"MNIST_PIPELINE_CLUSTER is {cluster!a}, but the Dagster instance is SQLite files in "
            f"{str(configured.dagster_home)!a}, which the workers of a cluster can't share; "
            "set MNIST_PIPELINE_DATABASE to a PostgreSQL database that they reach"
        )
    host, _, port = cluster.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ExecutorError(
            f"MNIST_PIPELINE_CLUSTER is {cluster!a}, where nothing answers ({error}); start the cluster, or correct "
            "the address"
        ) from error


def import_executor(name: str) -> dg.ExecutorDefinition:
    """Import an executor by its name, `package.module:name`; raise ExecutorError if that is not possible."""
    import dagster as dg

    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ExecutorError(f"MNIST_PIPELINE_EXECUTOR is {name!a}, which cannot be imported: {error}") from error
    if not isinstance(found, dg.ExecutorDefinition):
        raise ExecutorError(f"MNIST_PIPELINE_EXECUTOR is {name!a}: {type(found).__name__}, not an ExecutorDefinition")
    return found
