"""Workers of a Ray cluster: one that runs, or a local one that is started and ended with the work."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
from collections.abc import Hashable
from typing import Any

from mnist_pipeline.runtime.executors.workers import LOCALHOST, Lost, Raised, Task, Workers, num_local, perform
from mnist_pipeline.runtime.settings import Settings

OBJECT_STORE_BYTES = 100 * 2**20  # what goes to and fro is small
# A cluster of one's own tells nobody of itself, and listens to who knows its token only.
OWN_CLUSTER = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_DEDUP_LOGS": "0"}


class RayWorkers(Workers):
    """Ray tasks; Ray keeps a process for the next one of the same run, and minds what each needs."""

    def __init__(self, configured: Settings) -> None:
        super().__init__(configured)
        if not configured.cluster:
            os.environ.update({name: os.environ.get(name, value) for name, value in OWN_CLUSTER.items()})
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        ray: Any = importlib.import_module("ray")
        self._ray = ray
        common = {"runtime_env": {"env_vars": self._bounds}, "log_to_driver": False, "logging_level": logging.ERROR}
        if configured.cluster:
            ray.init(address=configured.cluster, **common)
        else:
            ray.init(
                address="local",
                num_cpus=num_local(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE_BYTES,
                _node_ip_address=LOCALHOST,
                **common,
            )
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self._largest = {name: max(node.get(name, 0) for node in nodes) for name in ("CPU", "GPU", "memory")}
        self._call = ray.remote(max_retries=0)(perform)
        self._references: dict[Any, Hashable] = {}

    def _start(self, task: Task) -> None:
        cores = self._largest["CPU"] if task.needs.cores is None else min(task.needs.cores, self._largest["CPU"])
        call = self._call.options(
            name=str(task.key),
            num_cpus=cores,
            num_gpus=int(task.needs.gpu and self._largest["GPU"] > 0),
            memory=min(task.needs.memory, int(self._largest["memory"])) or None,
        )
        self._references[call.remote(self._variables, task.function, task.arguments)] = task.key

    def _wait(self) -> tuple[Hashable, Any]:
        (reference, *_), _ = self._ray.wait(list(self._references), num_returns=1)
        key = self._references.pop(reference)
        try:
            return key, self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            return key, Raised(error.cause or error)
        except self._ray.exceptions.RayError as error:
            return key, Lost(" ".join(str(error).split("\n")[0].split()) or type(error).__name__)

    def close(self) -> None:
        """Leave the cluster, which ends what this driver has it do; one of its own ends."""
        self._ray.shutdown()
