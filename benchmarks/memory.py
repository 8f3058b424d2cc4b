"""Peak memory of some work above that of the process before it; meant for a fresh process."""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")
RESET_PEAK = Path("/proc/self/clear_refs")
INTERVAL = 0.002  # seconds between two looks at private memory, of which the kernel keeps no peak


@dataclass
class Growth:
    """Bytes above the start.

    Attributes
    ----------
    resident : int
        Peak resident set, pages of memory-mapped files included.
    private : int
        Peak of the memory that the kernel can't reclaim by writing to a file, sampled every 2 ms.
    """

    resident: int = 0
    private: int = 0


@contextmanager
def growth() -> Iterator[Growth]:
    """Measure the peak memory that the body of the `with` statement adds."""
    measured = Growth()
    if not STATUS.exists():
        before = peak()
        yield measured
        measured.resident = measured.private = peak() - before
        return
    with suppress(OSError):  # where it may not be reset, an earlier peak counts in: too much, never too little
        RESET_PEAK.write_text("5")
    before, private = _status("VmRSS"), _status("RssAnon")
    done = threading.Event()
    peaks = [private]
    watcher = threading.Thread(target=_watch, args=(peaks, done), daemon=True)
    watcher.start()
    try:
        yield measured
    finally:
        done.set()
        watcher.join()
    measured.resident = _status("VmHWM") - before
    measured.private = max(*peaks, _status("RssAnon")) - private


def _watch(peaks: list[int], done: threading.Event) -> None:
    while not done.wait(INTERVAL):
        peaks[0] = max(peaks[0], _status("RssAnon"))


def _status(name: str) -> int:
    line = next(line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def peak() -> int:
    """Largest resident set of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
