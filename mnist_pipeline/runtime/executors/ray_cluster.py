"""A Ray cluster: the one that `MNIST_PIPELINE_CLUSTER` names, or a local one that ends with the work."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_pipeline.runtime import threads
from mnist_pipeline.runtime.executors.requirements import ExecutorError, num_local_workers

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

OBJECT_STORE_BYTES = 100 * 2**20  # arguments and results are small
LOCALHOST = "127.0.0.1"
# A local cluster sends no statistics, and accepts only clients that know its token.
LOCAL_CLUSTER = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_DEDUP_LOGS": "0"}
SETTINGS = (
    *("DATA", "DATA_SETS", "STORAGE", "INBOX", "CACHE", "CACHE_GB", "DATABASE", "THREADS", "MLFLOW"),
    "EXPERIMENTS",
)
# The variables that a run takes along; Ray sets limits of threads of its own.
PASSED_ON = ("DAGSTER_HOME", *(f"MNIST_PIPELINE_{name}" for name in SETTINGS), *threads.THREAD_VARIABLES)
ABSOLUTE = tuple(f"MNIST_PIPELINE_{name}" for name in ("DATA", "STORAGE", "INBOX", "MLFLOW", "EXPERIMENTS"))
RUN_LAUNCHER = f"""run_launcher:
  module: dagster_ray
  class: RayRunLauncher
  config:
    ray:
      address: auto
      env_vars: [{", ".join(PASSED_ON)}]
"""
JOBS_PORT = 52365  # where a local cluster accepts jobs; `ray.init` can't choose another port
PORT_SECONDS = 120
API_SERVER = "RAY_API_SERVER_ADDRESS"  # where Ray's own clients submit jobs


@contextlib.contextmanager
def connected(configured: Settings, *, jobs: bool = False) -> Iterator[None]:
    """Connect this process to the cluster, unless it is connected already or the executor is another one.

    With `jobs`, runs are submitted to the cluster as jobs, for which a local cluster needs its dashboard.
    """
    if configured.executor != "ray":
        yield
        return
    if not configured.cluster:
        os.environ.update({name: os.environ.get(name, value) for name, value in LOCAL_CLUSTER.items()})
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        # A job starts the command `dagster`, which may be in a virtual environment that is not activated.
        os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    if jobs:
        variables = threads.for_workers(configured)
        os.environ.update(
            {name: variables[name] for name in ABSOLUTE if name in variables}
        )  # a job has another working directory
    ray: Any = importlib.import_module("ray")
    if ray.is_initialized():
        yield
        return
    local = {
        "num_cpus": num_local_workers(),
        "include_dashboard": jobs,
        "dashboard_host": LOCALHOST,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_node_ip_address": LOCALHOST,  # no public argument keeps a local cluster off the network
    }
    if jobs and not configured.cluster:
        _wait_for_port(JOBS_PORT)
    context = ray.init(
        configured.cluster or "local",
        runtime_env={"env_vars": threads.thread_limits(configured)},
        log_to_driver=False,
        logging_level=logging.ERROR,
        **({} if configured.cluster else local),
    )
    if jobs:
        os.environ[API_SERVER] = f"http://{context.dashboard_url}"
    try:
        yield
    finally:
        os.environ.pop(API_SERVER, None)
        ray.shutdown()


def _wait_for_port(port: int) -> None:
    """Wait until a port is free. A process of Ray has it for a minute after the driver of its cluster was killed."""
    deadline = time.monotonic() + PORT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection does not count
            probe.bind(("", port))
            return
        time.sleep(1)
    raise ExecutorError(
        f"port {port} is in use, perhaps by another local Ray cluster; end it, or name it in MNIST_PIPELINE_CLUSTER"
    )
