"""One process at a time at an object store: a lease that runs out unless it is renewed.

The object `.lock` says who holds the lease. It is put only under the condition that it is what its writer saw, so of
two that want it one succeeds. Its age is the store's: the difference between two times that the store tells in one
answer, so that clocks need not agree. The holder renews it from a thread. One that could not, for longer than the lease
lasts, has lost it to the next who asks; well before that, by longer than a request takes, it writes nothing any more.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from mnist_pipeline.runtime.storage.contents import UnavailableError
from mnist_pipeline.runtime.storage.file_store import LOCK_NAME
from mnist_pipeline.runtime.storage.objects import ABSENT, ConflictError, Found, ObjectStore

SECONDS = 90.0  # that a lease lasts
RENEWALS = 6  # within that time
SAFETY = 0.5  # of it, at the end, in which nothing is written any more
WAIT_SECONDS = 1.0  # between two looks at who holds it

# Held by this process: a run takes that of its storage once, in whatever depth it is asked for.
_held: dict[tuple[int, str], Lease] = {}


@contextlib.contextmanager
def lock(objects: ObjectStore, on_wait: Callable[[str], object]) -> Iterator[bool]:
    """Hold the lease; yields whether it was taken here, False within a process that holds it already.

    Parameters
    ----------
    objects : ObjectStore
    on_wait : callable
        Told once who holds it, if another process does.
    """
    key = (os.getpid(), objects.address)
    if key in _held:
        yield False
        return
    lease = Lease(objects)
    lease.acquire(on_wait)
    _held[key] = lease
    try:
        yield True
    finally:
        del _held[key]
        lease.release()


def require(address: str) -> None:
    """Write no more at an address once the lease of it, or of what it lies in, is lost, where this process held it.

    Raises
    ------
    UnavailableError
        If it is.
    """
    for (process, leased), lease in _held.items():
        if process == os.getpid() and f"{address}/".startswith(f"{leased}/"):
            lease.require_held()


def lock_holder(objects: ObjectStore) -> str | None:
    """Who holds the lease, None if nobody does."""
    found = objects.get(LOCK_NAME)
    return None if found is None or _is_free(found) else _holder(found)


class Lease:
    """The lease of a storage, for one process.

    Parameters
    ----------
    objects : ObjectStore
    """

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._token = uuid.uuid4().hex
        self._since = time.time()
        self._seconds = SECONDS
        self._renewal = 0
        self._tag = ABSENT
        self._until = 0.0
        self._taken_by: str | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def acquire(self, on_wait: Callable[[str], object]) -> None:
        """Wait until nobody holds it, and hold it from then on."""
        told = False
        while True:
            found = self._objects.get(LOCK_NAME)
            if found is None or _is_free(found) or self._is_own(found):
                with contextlib.suppress(ConflictError):  # another one was quicker
                    self._sign(ABSENT if found is None else found.tag)
                    break
            elif not told:
                on_wait(_holder(found))
                told = True
            time.sleep(WAIT_SECONDS if told else 0)
        self._thread.start()

    def require_held(self) -> None:
        """Require it to be held still, for longer than a request takes."""
        if self._taken_by is not None:
            reason = f"it was taken over by {self._taken_by}"
        elif _clock() > self._until:
            reason = f"for {self._seconds * (1 - SAFETY):.0f} seconds it could not be renewed"
        else:
            return
        raise UnavailableError(
            f"this run has lost its turn at {self._objects.address}: {reason}; what was stored stays, "
            "mnist-pipeline run --changed goes on from there"
        )

    def release(self) -> None:
        """Hold it no more; where the store does not hear of it, it runs out by itself."""
        self._ended.set()
        self._thread.join()
        if self._taken_by is None:
            with contextlib.suppress(ConflictError, UnavailableError):
                self._objects.put(LOCK_NAME, b"", condition=self._tag)

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / RENEWALS):
            try:
                self._sign(self._tag)
            except ConflictError:
                with contextlib.suppress(UnavailableError):
                    found = self._objects.get(LOCK_NAME)
                    if found is None or not self._is_own(found):
                        self._taken_by = _holder(found) if found else "nobody that is known: its object was deleted"
                        return
                    self._tag = found.tag  # our own, put by a request whose answer was lost
            except UnavailableError:
                pass  # tried again until the time runs out

    def _sign(self, condition: str) -> None:
        """Put it, with a content like none before, so that its tag tells that it was renewed."""
        self._renewal += 1
        document = {
            "holder": f"process {os.getpid()} on {socket.gethostname()}",
            "since": self._since,
            "seconds": self._seconds,
            "token": self._token,
            "renewal": self._renewal,
        }
        begun = _clock()
        self._tag = self._objects.put(LOCK_NAME, json.dumps(document).encode(), condition=condition)
        self._until = begun + self._seconds * (1 - SAFETY)

    def _is_own(self, found: Found) -> bool:
        return _document(found).get("token") == self._token


def _is_free(found: Found) -> bool:
    """Whether a lease was released, or has run out."""
    return not found.data or found.age > float(_document(found).get("seconds", SECONDS))


def _holder(found: Found) -> str:
    document = _document(found)
    try:
        since = time.strftime("%H:%M:%S", time.localtime(document["since"]))
        return f"{document['holder']}, since {since}"
    except (KeyError, TypeError, ValueError, OverflowError):
        return "another process"


def _document(found: Found) -> dict[str, Any]:
    """What stands in a lease; nothing if it can't be read."""
    with contextlib.suppress(ValueError):
        document = json.loads(found.data)
        if isinstance(document, dict) and isinstance(document.get("seconds"), int | float):
            return document
    return {}


def _clock() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
