"""What an executor needs, checked before any work starts."""

from __future__ import annotations

import importlib.util
import socket
from typing import TYPE_CHECKING

from mnist_pipeline.runtime.executors.errors import ExecutorError

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

REACH_SECONDS = 5
MODULES = {"ray": ["ray", "dagster_ray"], "dask": ["distributed"]}


def require(configured: Settings) -> None:
    """Refuse an executor that could not work.

    Raises
    ------
    ExecutorError
        If a package is not installed, an executor cannot be imported, the cluster does not answer, or its workers
        could not reach the Dagster instance.
    """
    executor = configured.executor
    for module in MODULES.get(executor, ()):
        if importlib.util.find_spec(module) is None:
            raise ExecutorError(
                f"MNIST_PIPELINE_EXECUTOR is {executor!r}, but {module} is not installed: "
                f"pip install 'mnist-pipeline[{executor}]'"
            )
    if ":" in executor:
        from mnist_pipeline.runtime.executors.step_executor import step_executor  # imports Dagster

        step_executor(configured)
    if configured.cluster and not configured.database:
        raise ExecutorError(
            f"MNIST_PIPELINE_CLUSTER is {configured.cluster!a}, but the Dagster instance is SQLite files in "
            f"{str(configured.dagster_home)!a}, which the workers of a cluster can't share; "
            "set MNIST_PIPELINE_DATABASE to a PostgreSQL database that they reach"
        )
    if configured.cluster:
        _require_reachable(configured.cluster)


def _require_reachable(address: str) -> None:
    """Refuse, within seconds, the address of a cluster that does not answer."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ExecutorError(
            f"MNIST_PIPELINE_CLUSTER is {address!a}, where nothing answers ({error}); start the cluster, or correct "
            "the address"
        ) from error
