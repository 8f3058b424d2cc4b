"""Read pictures in worker processes with a budget of time and memory, so that no picture can stop its reader.

A small file can claim a lot: a TIFF of 4 kB took 8.6 GB, a JPEG of 1 MB kept a processor busy for minutes. A worker
that exceeds its budget ends, and the picture is refused; the next picture gets a new worker. At most two workers run at
once. They wait for further pictures, because Python and SciPy take a quarter of a second to start.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_pipeline.recognition.page import Found, ImageError, Page

if TYPE_CHECKING:
    import numpy as np

SECONDS = 4.0  # for a picture, so that the answer comes within 5, also on a busy machine
MEMORY = 1 << 30  # bytes of address space of a worker; Python and SciPy take a fifth of it
NUM_WORKERS = 2
FILE, CONTENT = b"F", b"C"  # the first byte of a request: a path follows, or the content of a file
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def read(source: Path | bytes) -> Page:
    """Read a picture, a file or its content, and find its digits, within 5 s and 1 GB of memory.

    Raises
    ------
    ImageError
        As `pictures.read` does; also if the picture takes more time or memory.
    """
    import numpy as np

    request = CONTENT + source if isinstance(source, bytes) else FILE + os.fsencode(source)
    with _workers().idle() as connection:
        try:
            connection.send_bytes(request)
            answer = json.loads(connection.recv_bytes())
            received = [
                np.frombuffer(connection.recv_bytes(), dtype).reshape(shape) for dtype, shape in answer["arrays"]
            ]
        except (EOFError, OSError):
            name = "the picture" if isinstance(source, bytes) else source
            raise ImageError(
                f"{name}: takes more than 5 s or {MEMORY >> 30} GB of memory to read; reduce the picture"
            ) from None
    if "error" in answer:
        raise ImageError(answer["error"])
    picture, *images = received
    return Page(picture, [Found(tuple(box), image) for box, image in zip(answer["boxes"], images, strict=True)])


def start() -> None:
    """Start a worker, so that it is ready when the first picture is read."""
    _workers().start()


class _Worker:
    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        command = [sys.executable, "-m", __name__, str(theirs.fileno())]
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


class _Workers:
    """The workers of this process, None for one that has to be started. A worker ends when this process has ended."""

    def __init__(self) -> None:
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(NUM_WORKERS):
            self._idle.put(None)

    def start(self) -> None:
        self._idle.put(self._idle.get() or _Worker())

    @contextlib.contextmanager
    def idle(self) -> Iterator[Connection]:
        """Wait for an idle worker; end it if an error occurs, because its state is unknown then."""
        worker = self._idle.get()
        try:
            if worker and worker.has_ended():
                worker.end()
                worker = None
            worker = worker or _Worker()
            yield worker.connection
        except BaseException:
            if worker:
                worker.end()
            worker = None
            raise
        finally:
            self._idle.put(worker)


@functools.cache
def _workers() -> _Workers:
    os.register_at_fork(after_in_child=_workers.cache_clear)  # the workers of a parent answer the parent
    return _Workers()


def _answer(request: bytes) -> tuple[dict[str, object], list[np.ndarray]]:
    """Read the picture of a request; return what JSON can express, and the arrays."""
    from mnist_pipeline.recognition import pictures

    content = request[len(CONTENT) :]
    try:
        picture = pictures.read(content if request.startswith(CONTENT) else Path(os.fsdecode(content)))
        found = pictures.find_digits(picture)
    except ImageError as error:
        return {"error": str(error)}, []
    return {"boxes": [digit.box for digit in found]}, [picture, *(digit.image for digit in found)]


def _work(connection: Connection) -> None:
    """Answer requests until the other side closes the connection."""
    import numpy as np

    from mnist_pipeline.recognition import pictures  # noqa: F401  # before the time of the first picture starts

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request = connection.recv_bytes()
            signal.setitimer(signal.ITIMER_REAL, SECONDS)  # SIGALRM ends the process, whatever library runs
            answer, arrays = _answer(request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            answer["arrays"] = [(array.dtype.str, array.shape) for array in arrays]
            connection.send_bytes(json.dumps(answer).encode())
            for array in arrays:
                connection.send_bytes(np.ascontiguousarray(array).data.cast("B"))


if __name__ == "__main__":
    _work(Connection(int(sys.argv[1])))
