"""Processes that carry out what a driver gives them: children of this one, or those of a Ray or Dask cluster.

A worker shares with its driver the storage, the database of the Dagster instance, and this code. What goes to and fro
is small: a function by its name, keys, and what is told of the outcome.
"""

from __future__ import annotations

import abc
import contextlib
import copy
import importlib.util
import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, TypeVar

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.settings import Settings
from mnist_pipeline.utils.machine import num_cores

T = TypeVar("T")
R = TypeVar("R")

MAX_ATTEMPTS = 3
MIN_WORKERS = 2
# What the server that workers are forked from has imported by then; none of it has threads that a fork would lose.
PRELOADED = ["mnist_pipeline.cli.execution", "matplotlib.figure", "numba", "torch"]
END_SECONDS = 5
REACH_SECONDS = 5
LOCALHOST = "127.0.0.1"
MODULES = {"ray": "ray", "dask": "distributed"}


class WorkerError(RuntimeError):
    """Workers can't be had, or what was given to them can't be done; the message says what and why."""


class Needs(NamedTuple):
    """What a piece of work asks of a machine.

    Attributes
    ----------
    cores : int or None
        None: all that its worker may use, and nothing beside it.
    memory : int
        Bytes.
    gpu : bool
        It is faster on one; it runs without where there is none.
    """

    cores: int | None = 1
    memory: int = 0
    gpu: bool = False


@dataclass
class Task:
    """A call to be carried out by a worker; `key` is its name for whoever asked for it."""

    key: Hashable
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    needs: Needs = field(default_factory=Needs)
    attempts: int = 0


class Lost(NamedTuple):
    """What a worker that ended amid its task leaves: the reason, as far as it is known."""

    reason: str


class Raised(NamedTuple):
    """What the function itself raised."""

    error: BaseException


class Workers(abc.ABC):
    """Workers of one kind.

    Attributes
    ----------
    cores : int or None
        What the tasks that go on at once may need together; None where the cluster minds that itself.
    """

    cores: int | None = None

    def __init__(self, configured: Settings) -> None:
        settings.share_processors()  # what is started from here on has the environment of this moment
        self._variables = settings.for_workers(configured)
        # For a worker's process from its start on: libraries read them as they are imported.
        self._bounds = {name: self._variables[name] for name in settings.THREAD_VARIABLES}
        self._waiting: list[Task] = []
        self._begun: dict[Hashable, Task] = {}

    def submit(self, key: Hashable, function: Callable[..., Any], *arguments: Any, needs: Needs | None = None) -> None:
        """Have a function that can be imported called by a worker, as soon as one is free and has what it needs."""
        self._waiting.append(Task(key, function, arguments, needs or Needs()))
        self._begin()

    def completed(self, told: Callable[[str], object] = lambda message: None) -> Iterator[tuple[Hashable, Any]]:
        """Keys and results of all that was submitted, also meanwhile, as they come; `Raised` for one that failed.

        Parameters
        ----------
        told : callable
            Told of a worker that was lost.
        """
        while self._waiting or self._begun:
            self._begin()
            key, outcome = self._wait()
            task = self._begun.pop(key)
            if isinstance(outcome, Lost):
                task.attempts += 1
                if task.attempts < MAX_ATTEMPTS:
                    told(f"{key}: its worker was lost, because {outcome.reason}; another one does it again")
                    self._waiting.insert(0, task)
                    continue
                reason = f"{key}: its worker was lost {MAX_ATTEMPTS} times, last because {outcome.reason}"
                outcome = Raised(WorkerError(reason))
            yield key, outcome

    def _begin(self) -> None:
        """Give out what waits, in order, as far as there is room."""
        for task in list(self._waiting):
            if not self._has_room(task.needs):
                return
            self._waiting.remove(task)
            self._begun[task.key] = task
            self._start(task)

    def _has_room(self, needs: Needs) -> bool:
        if self.cores is None:
            return True
        used = sum(self._share(task.needs) for task in self._begun.values())
        return used + self._share(needs) <= self.cores

    def _share(self, needs: Needs) -> int:
        assert self.cores is not None
        return self.cores if needs.cores is None else min(needs.cores, self.cores)

    @abc.abstractmethod
    def _start(self, task: Task) -> None:
        """Give a task to a worker."""

    @abc.abstractmethod
    def _wait(self) -> tuple[Hashable, Any]:
        """Wait for the next task that ends, one way or the other: its key, and its result, `Lost` or `Raised`."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the workers, and what they still do."""


def num_local() -> int:
    """How many workers there are on this machine: one a core, but at least two."""
    return max(MIN_WORKERS, num_cores())


def each(configured: Settings, function: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
    """Call a function once for each item, on the workers of the chosen executor.

    Parameters
    ----------
    configured : Settings
    function : callable
        Of the top level of a module, so that a worker can import it. What it returns is small: a worker stores what it
        makes.
    items : sequence
        Small too, such as keys.

    Yields
    ------
    item, result
        In order of completion.

    Raises
    ------
    WorkerError
        If workers can't be had, or an item lost its worker three times.
    Exception
        What the function raised; it is not tried again.
    """
    if configured.executor == "in_process":
        for item in items:
            yield item, function(item)
        return
    with opened(configured) as workers:
        for position, item in enumerate(items):
            workers.submit(_Item(position, item), function, item, needs=Needs(cores=1))
        for key, result in workers.completed():
            assert isinstance(key, _Item)
            if isinstance(result, Raised):
                raise result.error
            yield key.item, result


class _Item:
    """An item with its position, by which it is told from one that is equal; it need not be hashable."""

    def __init__(self, position: int, item: Any) -> None:
        self.position = position
        self.item = item

    def __repr__(self) -> str:
        return f"item {self.item!r}"


@contextlib.contextmanager
def opened(configured: Settings) -> Iterator[Workers]:
    """Workers of the chosen executor; they end with the context, however it ends.

    Raises
    ------
    WorkerError
        If they can't be had.
    """
    require(configured)
    workers = _open(configured)
    try:
        yield workers
    finally:
        workers.close()


def _open(configured: Settings) -> Workers:
    if configured.executor == "ray":
        from mnist_pipeline.runtime.executors.ray_workers import RayWorkers

        return RayWorkers(configured)
    if configured.executor == "dask":
        from mnist_pipeline.runtime.executors.dask_workers import DaskWorkers

        return DaskWorkers(configured)
    return LocalWorkers(configured)


def require(configured: Settings) -> None:
    """Refuse what no worker could work with, before any is started.

    Raises
    ------
    WorkerError
        If the executor's extra is not installed, or the workers could not reach the Dagster instance.
    """
    executor = configured.executor
    if executor == "in_process":
        return
    module = MODULES.get(executor)
    if module and importlib.util.find_spec(module) is None:
        raise WorkerError(
            f"MNIST_PIPELINE_EXECUTOR is {executor!r}, which is not installed: pip install 'mnist-pipeline[{executor}]'"
        )
    if configured.cluster and not configured.database:
        raise WorkerError(
            f"MNIST_PIPELINE_CLUSTER is {configured.cluster!a}, but the Dagster instance is SQLite files in "
            f"{str(configured.dagster_home)!a}, which the workers of a cluster can't share; "
            "set MNIST_PIPELINE_DATABASE to a PostgreSQL database that they reach"
        )
    if configured.cluster:
        _require_reachable(configured.cluster)


def _require_reachable(address: str) -> None:
    """Refuse the address of a cluster where nobody listens, within seconds."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise WorkerError(
            f"MNIST_PIPELINE_CLUSTER is {address!a}, where nothing answers ({error}); see that the cluster runs and "
            "can be reached from here"
        ) from error


# A process has one environment: of a worker that has several threads, one works at a time.
_performing = threading.Lock()


def perform(variables: dict[str, str], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """In a worker: call a function under the driver's settings."""
    with _performing:
        settings.adopt(variables)
        return function(*arguments)


def raised(error: Exception) -> Raised:
    """An exception of a task, on its way to the driver; one that would not arrive as it is goes by its words."""
    try:
        ForkingPickler.dumps(error)
        copy.deepcopy(error)  # is made again as on arrival
    except Exception:
        return Raised(WorkerError(f"{type(error).__name__}: {error}"))
    return Raised(error)


class LocalWorkers(Workers):
    """Child processes of this one, forked from a server that has imported what they need.

    A child lives as long as there is work, does one task at a time, and ends with its driver. One that ends amid a task
    costs that task alone.
    """

    def __init__(self, configured: Settings) -> None:
        super().__init__(configured)
        self.cores = num_local()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._idle: list[_Child] = []
        self._busy: dict[Connection, tuple[_Child, Hashable]] = {}

    def _start(self, task: Task) -> None:
        child = self._idle.pop() if self._idle else _Child(self._context, self._variables)
        with contextlib.suppress(BrokenPipeError):  # it ended meanwhile: seen as its connection is read
            child.connection.send((task.function, task.arguments))
        self._busy[child.connection] = child, task.key

    def _wait(self) -> tuple[Hashable, Any]:
        ready = wait(list(self._busy))[0]
        assert isinstance(ready, Connection)
        child, key = self._busy.pop(ready)
        try:
            outcome = ready.recv()
        except (EOFError, ConnectionResetError):
            child.end()
            return key, Lost(_ending(child.process.exitcode))
        self._idle.append(child)
        return key, outcome

    def close(self) -> None:
        """Kill the children."""
        for child in [*self._idle, *(child for child, _ in self._busy.values())]:
            child.end()
        self._idle.clear()
        self._busy.clear()


class _Child:
    """A child process, and the driver's end of the connection to it."""

    def __init__(self, context: Any, variables: dict[str, str]) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, variables), daemon=True)
        self.process.start()
        theirs.close()

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join(END_SECONDS)


def _serve(connection: Connection, variables: dict[str, str]) -> None:
    """In a child: do what comes, until nobody is there to send it."""
    from mnist_pipeline.runtime.graph.run_lock import end_with_parent

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends it
    end_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            function, arguments = connection.recv()
            try:
                outcome = perform(variables, function, arguments)
            except Exception as error:
                outcome = raised(error)
            connection.send(outcome)


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"it was ended by {signal.Signals(-exit_code).name}" + (
            " (the system does so where memory runs out)" if exit_code == -signal.SIGKILL else ""
        )
    return f"it ended with exit code {exit_code}"
