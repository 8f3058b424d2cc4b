"""A Ray cluster: the one that `MNIST_PIPELINE_CLUSTER` names, or a local one that ends with the work."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.executors.requirements import LOCALHOST
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.utils.machine import num_cores

OBJECT_STORE_BYTES = 100 * 2**20  # arguments and results are small
MIN_CORES = 2
# A local cluster sends no statistics, and accepts only clients that know its token.
LOCAL_CLUSTER = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_DEDUP_LOGS": "0"}
API_SERVER = "RAY_API_SERVER_ADDRESS"  # where Ray's own clients submit jobs


@contextmanager
def connected(configured: Settings, *, jobs: bool = False) -> Iterator[None]:
    """Connect this process to the cluster, unless it is connected already.

    Parameters
    ----------
    configured : Settings
    jobs : bool
        Whether runs are submitted to it as jobs, for which a local cluster needs its dashboard.
    """
    if not configured.cluster:
        os.environ.update({name: os.environ.get(name, value) for name, value in LOCAL_CLUSTER.items()})
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    ray: Any = importlib.import_module("ray")
    if ray.is_initialized():
        yield
        return
    limits = settings.thread_limits(configured)
    common = {"runtime_env": {"env_vars": limits}, "log_to_driver": False, "logging_level": logging.ERROR}
    if configured.cluster:
        context = ray.init(address=configured.cluster, **common)
    else:
        context = ray.init(
            address="local",
            num_cpus=max(MIN_CORES, num_cores()),
            include_dashboard=jobs,
            dashboard_host=LOCALHOST,
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address=LOCALHOST,  # no public argument keeps a local cluster off the network
            **common,
        )
    if jobs:
        os.environ[API_SERVER] = f"http://{context.dashboard_url}"
    try:
        yield
    finally:
        os.environ.pop(API_SERVER, None)
        ray.shutdown()
