"""Workers of a Dask cluster: one that runs, or a local one that is started and ended with the work."""

from __future__ import annotations

import contextlib
import importlib
import logging
import uuid
from collections.abc import Hashable
from typing import Any

from mnist_pipeline.runtime.executors.workers import (
    LOCALHOST,
    MAX_ATTEMPTS,
    REACH_SECONDS,
    Raised,
    Task,
    WorkerError,
    Workers,
    num_local,
    perform,
)
from mnist_pipeline.runtime.settings import Settings


class DaskWorkers(Workers):
    """Dask tasks. Dask itself does again what a worker was lost over."""

    def __init__(self, configured: Settings) -> None:
        super().__init__(configured)
        dask: Any = importlib.import_module("dask")
        distributed: Any = importlib.import_module("distributed")
        self._distributed = distributed
        self._stack = contextlib.ExitStack()
        self._keys: dict[str, Hashable] = {}
        address: Any = configured.cluster
        if address is None:
            self.cores = num_local()
            self._stack.enter_context(
                dask.config.set(
                    {
                        "distributed.scheduler.allowed-failures": MAX_ATTEMPTS - 1,
                        # A nanny would have each worker compute with one thread.
                        "distributed.nanny.pre-spawn-environ": self._bounds,
                    }
                )
            )
            address = self._stack.enter_context(
                distributed.LocalCluster(
                    n_workers=self.cores,
                    threads_per_worker=1,
                    processes=True,
                    host=LOCALHOST,
                    dashboard_address=None,
                    memory_limit=0,
                    silence_logs=logging.CRITICAL,
                )
            )
        try:
            self._client = self._stack.enter_context(distributed.Client(address, timeout=REACH_SECONDS))
        except (OSError, TimeoutError) as error:
            self._stack.close()
            raise WorkerError(f"MNIST_PIPELINE_CLUSTER is {address!a}, where no Dask scheduler answers") from error
        if not self._client.scheduler_info(n_workers=-1)["workers"]:
            self._stack.close()
            raise WorkerError(f"MNIST_PIPELINE_CLUSTER is {address!a}, which has no workers; start one: dask worker")
        self._completed = distributed.as_completed()

    def _start(self, task: Task) -> None:
        name = f"{task.key}-{uuid.uuid4().hex}"  # two runs may ask one cluster for the same step
        self._keys[name] = task.key
        future = self._client.submit(
            perform, self._variables, task.function, task.arguments, key=name, pure=False, **self._resources(task)
        )
        self._completed.add(future)

    def _resources(self, task: Task) -> dict[str, Any]:
        """What the task needs, of the resources that workers of this cluster say to have."""
        known: set[str] = set()
        for worker in self._client.scheduler_info(n_workers=-1)["workers"].values():
            known |= set(worker["resources"])
        wanted = {"GPU": int(task.needs.gpu), "MEMORY": task.needs.memory}
        found = {name: value for name, value in wanted.items() if value and name in known}
        return {"resources": found} if found else {}

    def _wait(self) -> tuple[Hashable, Any]:
        future = next(self._completed)
        key = self._keys.pop(future.key)
        if future.status == "finished":
            return key, future.result()
        if future.status != "error":
            return key, Raised(WorkerError(f"{key}: the Dask scheduler is gone, or has let it go ({future.status})"))
        error = future.exception()
        if isinstance(error, self._distributed.KilledWorker):
            lost = (
                f"{key}: its worker was lost {error.allowed_failures + 1} times, last because it ended without a word"
            )
            return key, Raised(WorkerError(lost))
        return key, Raised(error)

    def close(self) -> None:
        """Let go of what was asked for; a cluster of one's own ends."""
        self._completed.clear()
        self._stack.close()
