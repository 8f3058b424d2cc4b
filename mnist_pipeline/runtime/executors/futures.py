"""Data-parallel work, such as the folds of the expanded set, on futures of loky, Dask or Ray.

Workers share the storage, the Dagster instance and this code with their driver. A task is the name of a function and
one small item; workers store large results themselves.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from mnist_pipeline.runtime import threads
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.executors.ray_cluster import LOCALHOST
from mnist_pipeline.runtime.executors.requirements import REACH_SECONDS, ExecutorError, num_local_workers, require
from mnist_pipeline.runtime.graph.run_lock import end_with_parent

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings

T = TypeVar("T")
MAX_ATTEMPTS = 3

Variables = dict[str, str]


class Pool(NamedTuple):
    """Workers of one kind: how to submit a task, and what its future raises if its worker ended each time."""

    submit: Callable[..., Future[Any]]
    lost: tuple[type[Exception], ...]


def compute(configured: Settings, function: str, items: Sequence[T]) -> Iterator[tuple[T, Any]]:
    """Call a function, `package.module:name`, once per item; yield each item with its result as they complete.

    With the executor `multiprocess`, workers are processes of this machine. With `ray` or `dask`, they belong to the
    cluster that `MNIST_PIPELINE_CLUSTER` names, or to a local one that ends with the work. With any other executor,
    this process calls the function itself. Items are plain data, which need not be hashable.

    A task whose worker ends is run again by another worker. ExecutorError is raised if that happens `MAX_ATTEMPTS`
    times, or if workers are not available. An exception of the function is raised here at once.
    """
    open_pool = POOLS.get(configured.executor)
    if open_pool is None:
        for item in items:
            yield item, pkgutil.resolve_name(function)(item)
        return
    require(configured)
    variables = threads.for_workers(configured)
    with ExitStack() as stack:
        pool = open_pool(stack, configured, variables)
        positions = {pool.submit(call, variables, function, item): i for i, item in enumerate(items)}
        for future in as_completed(positions):
            item = items[positions[future]]
            try:
                yield item, future.result()
            except pool.lost as error:
                raise ExecutorError(f"item {item!r}: its worker ended {MAX_ATTEMPTS} times; last: {error}") from error
            except CancelledError as error:
                raise ExecutorError(f"item {item!r}: the scheduler of the cluster is gone") from error


# A process has one environment: in a worker with several threads, one of them works at a time.
_calling = threading.Lock()
_adopted: Variables = {}


def call(variables: Variables, function: str, item: Any) -> Any:
    """Adopt the settings of the driver in this worker, and call a function."""
    with _calling:
        # The graph is loaded once per process, and its folds and data sets depend on the settings.
        if _adopted and _adopted != variables:
            raise ExecutorError("this worker has loaded the graph with other settings; restart the workers")
        threads.adopt(variables)
        _adopted.update(variables)
        return pkgutil.resolve_name(function)(item)


def _local(stack: ExitStack, configured: Settings, variables: Variables) -> Pool:
    """Open one loky executor per worker, since a process that ends breaks the whole executor that it belongs to."""
    loky: Any = importlib.import_module("loky")
    lost = loky.process_executor.TerminatedWorkerError
    executors: dict[int, Any] = {}
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()

    def run(*task: Any) -> Any:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            worker = idle.get()
            try:
                if worker not in executors:
                    executors[worker] = loky.ProcessPoolExecutor(1, initializer=end_with_parent, env=variables)
                return executors[worker].submit(*task).result()
            except lost:
                executors.pop(worker).shutdown(kill_workers=True)
                if attempt == MAX_ATTEMPTS:
                    raise
            finally:
                idle.put(worker)
        raise AssertionError("unreachable")

    def close() -> None:
        submitters.shutdown(wait=False, cancel_futures=True)
        for executor in list(executors.values()):
            executor.shutdown(kill_workers=True)

    for worker in range(num_local_workers()):
        idle.put(worker)
    submitters = ThreadPoolExecutor(num_local_workers())
    stack.callback(close)
    return Pool(lambda *task: submitters.submit(run, *task), (lost,))


def _dask(stack: ExitStack, configured: Settings, variables: Variables) -> Pool:
    """Connect to a Dask cluster. Dask itself runs a task again when its worker ends."""
    dask: Any = importlib.import_module("dask")
    distributed: Any = importlib.import_module("distributed")
    address: Any = configured.cluster
    if address is None:
        options = {
            "distributed.scheduler.allowed-failures": MAX_ATTEMPTS - 1,
            # By default, Dask has each worker compute with one thread.
            "distributed.nanny.pre-spawn-environ": {name: variables[name] for name in threads.THREAD_VARIABLES},
        }
        quiet = {"dashboard_address": None, "memory_limit": 0, "silence_logs": logging.CRITICAL}
        stack.enter_context(dask.config.set(options))
        cluster = distributed.LocalCluster(num_local_workers(), threads_per_worker=1, host=LOCALHOST, **quiet)
        address = stack.enter_context(cluster)
    try:
        client = stack.enter_context(distributed.Client(address, timeout=REACH_SECONDS))
    except (OSError, TimeoutError) as error:
        raise ExecutorError(f"MNIST_PIPELINE_CLUSTER is {address!a}, where no Dask scheduler answers") from error
    if not client.scheduler_info(n_workers=-1)["workers"]:
        raise ExecutorError(f"MNIST_PIPELINE_CLUSTER is {address!a}, which has no workers; start one: dask worker")
    return Pool(client.get_executor().submit, (distributed.KilledWorker,))


def _ray(stack: ExitStack, configured: Settings, variables: Variables) -> Pool:
    """Connect to a Ray cluster. Ray itself runs a task again when its worker ends."""
    stack.enter_context(ray_cluster.connected(configured))
    ray: Any = importlib.import_module("ray")
    task = ray.remote(call).options(num_cpus=1, max_retries=MAX_ATTEMPTS - 1)
    names = ("WorkerCrashedError", "OutOfMemoryError", "NodeDiedError", "LocalRayletDiedError")
    lost = tuple(getattr(ray.exceptions, name) for name in names)
    return Pool(lambda _, *arguments: task.remote(*arguments).future(), lost)  # every task is a `call`


POOLS: dict[str, Callable[[ExitStack, Settings, Variables], Pool]] = {
    "multiprocess": _local,
    "dask": _dask,
    "ray": _ray,
}
