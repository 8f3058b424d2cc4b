"""The lock of an object store: a lease that expires unless its holder renews it.

The object `.lock` names the holder. A process writes it only on the condition that it has not changed since the process
read it, so only one of two competitors succeeds. Its age is computed from two times in the same answer of the store, so
the clocks of the machines need not agree. A thread of the holder renews the lease. A holder that can't renew it for
longer than the lease lasts loses it to the next process that asks. The holder stops writing well before that: the time
that is left is longer than a request takes.
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

from mnist_pipeline.runtime.storage.contents import LOCK_NAME, UnavailableError
from mnist_pipeline.runtime.storage.objects import ABSENT, ConflictError, ObjectStore, SmallObject

SECONDS = 90.0  # how long a lease lasts
RENEWALS = 6  # per lease
SAFETY = 0.5  # the last share of a lease, in which nothing is written any more
WAIT_SECONDS = 1.0  # between two attempts to acquire a lease

# The leases of this process, by process id and address.
_leases: dict[tuple[int, str], Lease] = {}


@contextlib.contextmanager
def lock(objects: ObjectStore, on_wait: Callable[[str], object]) -> Iterator[bool]:
    """Acquire the lease, and release it at the end; see `Directory.lock`."""
    key = (os.getpid(), objects.address)
    if key in _leases:
        yield False
        return
    lease = Lease(objects)
    lease.acquire(on_wait)
    _leases[key] = lease
    try:
        yield True
    finally:
        del _leases[key]
        lease.release()


def require_not_lost(address: str) -> None:
    """Raise UnavailableError if this process has lost the lease of an address, or of a prefix that contains it.

    A process that never had a lease, such as a worker, may write.
    """
    for (process, leased), lease in _leases.items():
        if process == os.getpid() and f"{address}/".startswith(f"{leased}/"):
            lease.require_held()


def lock_holder(objects: ObjectStore) -> str | None:
    """A description of the process that holds the lease, None if no process does."""
    found = objects.get(LOCK_NAME)
    return None if found is None or _is_free(found) else _describe_holder(found)


class Lease:
    """The lease of an object store, for one process."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._token = uuid.uuid4().hex
        self._holder = f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%H:%M:%S')}"
        self._num_renewals = 0
        self._tag = ABSENT
        self._write_until = 0.0
        self._new_holder: str | None = None
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def acquire(self, on_wait: Callable[[str], object]) -> None:
        """Wait until the lease is free, acquire it, and renew it until `release`."""
        waiting = False
        while True:
            found = self._objects.get(LOCK_NAME)
            if found is None or _is_free(found) or self._is_own(found):
                with contextlib.suppress(ConflictError):  # another process was faster
                    self._write(ABSENT if found is None else found.tag)
                    break
            elif not waiting:
                on_wait(_describe_holder(found))
                waiting = True
            time.sleep(WAIT_SECONDS if waiting else 0)
        self._thread.start()

    def require_held(self) -> None:
        """Raise UnavailableError if the lease is lost, or could be lost before a request ends."""
        if self._new_holder is not None:
            reason = f"{self._new_holder} has taken the lock"
        elif _clock() > self._write_until:
            reason = f"it could not be renewed for {SECONDS * (1 - SAFETY):.0f} seconds"
        else:
            return
        raise UnavailableError(
            f"this run has lost the lock of {self._objects.address}: {reason}; results that were stored stay, "
            "continue with mnist-pipeline run --changed"
        )

    def release(self) -> None:
        """Free the lease; if the store can't be reached, it expires by itself."""
        self._released.set()
        self._thread.join()
        if self._new_holder is None:
            with contextlib.suppress(ConflictError, UnavailableError):
                self._objects.put(LOCK_NAME, b"", condition=self._tag)

    def _renew(self) -> None:
        while not self._released.wait(SECONDS / RENEWALS):
            try:
                self._write(self._tag)
            except ConflictError:
                with contextlib.suppress(UnavailableError):
                    found = self._objects.get(LOCK_NAME)
                    if found is None or not self._is_own(found):
                        self._new_holder = _describe_holder(found)
                        return
                    self._tag = found.tag  # written by a renewal of ours whose answer was lost
            except UnavailableError:
                pass  # try again until the time is up

    def _write(self, condition: str) -> None:
        """Write the lease; its content differs each time, so its tag changes with each renewal."""
        self._num_renewals += 1
        document = {"holder": self._holder, "token": self._token, "renewal": self._num_renewals}
        sent = _clock()
        self._tag = self._objects.put(LOCK_NAME, json.dumps(document).encode(), condition=condition)
        self._write_until = sent + SECONDS * (1 - SAFETY)

    def _is_own(self, found: SmallObject) -> bool:
        return self._token.encode() in found.data


def _is_free(found: SmallObject) -> bool:
    """Whether a lease was released or has expired."""
    return not found.data or found.age > SECONDS


def _describe_holder(found: SmallObject | None) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):  # it is not a lease
        return str(json.loads(found.data if found else b"")["holder"])
    return "another process"


def _clock() -> float:
    """Seconds on a clock that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
