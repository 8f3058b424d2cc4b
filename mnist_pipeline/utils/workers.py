"""Call a function on content from outside in worker processes with a budget of time and memory.

A small file can claim a lot: a TIFF of 4 kB took 8.6 GB, a JPEG of 1 MB kept a processor busy for minutes. A worker
that exceeds its budget ends, and the request fails; the next request gets a new worker. At most two workers run at
once. They wait for further requests, because Python and SciPy take a quarter of a second to start.

A worker imports modules from the same places as this process, but never from the current directory, where other people
may be able to put files.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SECONDS = 4.0  # for a request, so that the answer comes within 5, also on a busy machine
MEMORY = 1 << 30  # bytes of address space of a worker; Python and SciPy take a fifth of it
NUM_WORKERS = 2
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
OVER_BUDGET = f"takes more than 5 s or {MEMORY >> 30} GB of memory to read; reduce the picture"
# `python -m` would import from the current directory first.
START = f"import sys; sys.path[:] = sys.argv[3:]; from {__name__} import work; work(sys.argv[1], int(sys.argv[2]))"

Answer = tuple[dict[str, Any], "list[np.ndarray]"]  # what JSON can express, and arrays


class WorkerError(Exception):
    """A request has no answer: it took more time or memory than a worker may take, or the function failed."""


class Workers:
    """The workers of this process that call one function, named `module:function`, which maps bytes to an `Answer`.

    A worker ends when this process has ended.
    """

    def __init__(self, function: str) -> None:
        self._function = function
        self._reset()
        os.register_at_fork(after_in_child=self._reset)  # the workers of a parent answer the parent

    def _reset(self) -> None:
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # None for a worker that has to be started
        for _ in range(NUM_WORKERS):
            self._idle.put(None)

    def start(self) -> None:
        """Start a worker, so that it is ready for the first request."""
        self._idle.put(self._idle.get() or _Worker(self._function))

    def answer(self, request: bytes) -> Answer:
        """Call the function in an idle worker. Raises a WorkerError if it fails, or takes too much time or memory."""
        import numpy as np

        with self._connection() as connection:
            try:
                connection.send_bytes(request)
                described = json.loads(connection.recv_bytes())
                arrays = [
                    np.frombuffer(connection.recv_bytes(), dtype).reshape(shape)
                    for dtype, shape in described.pop("arrays")
                ]
            except (EOFError, OSError, MemoryError):
                raise WorkerError(OVER_BUDGET) from None
        if "failure" in described:
            raise WorkerError(f"can't be read, because of an error in the reader ({described['failure']})")
        return described, arrays

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Wait for an idle worker; end it if an error occurs, because its state is unknown then."""
        worker = self._idle.get()
        try:
            if worker and worker.has_ended():
                worker.end()
                worker = None
            worker = worker or _Worker(self._function)
            yield worker.connection
        except BaseException:
            if worker:
                worker.end()
            worker = None
            raise
        finally:
            self._idle.put(worker)


class _Worker:
    def __init__(self, function: str) -> None:
        self.connection, theirs = Pipe()
        command = [sys.executable, "-c", START, function, str(theirs.fileno()), *filter(None, sys.path)]
        environment = os.environ | ONE_THREAD
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()]
        )
        theirs.close()

    def has_ended(self) -> bool:
        """Whether the system ended it, for example to free memory."""
        return self._process.poll() is not None

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.wait()


def work(function: str, descriptor: int) -> None:
    """Answer the requests that arrive at a file descriptor, until the other side closes the connection."""
    import numpy as np

    connection = Connection(descriptor)
    module, _, name = function.partition(":")
    answer = getattr(importlib.import_module(module), name)  # before the time of the first request starts
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request = connection.recv_bytes()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)  # SIGALRM ends the process, whatever library runs
            described, arrays = _tried(answer, request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            described["arrays"] = [(array.dtype.str, array.shape) for array in arrays]
            connection.send_bytes(json.dumps(described).encode())
            for array in arrays:
                connection.send_bytes(np.ascontiguousarray(array).data.cast("B"))


def _tried(answer: Callable[[bytes], Answer], request: bytes) -> Answer:
    try:
        return answer(request)
    except MemoryError:  # the worker ends
        raise
    except Exception as error:
        return {"failure": type(error).__name__}, []
