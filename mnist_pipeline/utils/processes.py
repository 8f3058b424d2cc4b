"""The processes that this one started."""

import contextlib
import os
import signal
from pathlib import Path


def kill_children() -> None:
    """Kill each of them except Python's resource tracker, which cleans up after them; none where /proc is missing."""
    with contextlib.suppress(OSError):
        for listed in Path("/proc/self/task").glob("*/children"):
            with contextlib.suppress(OSError):  # of a thread that has ended
                for pid in listed.read_text().split():
                    with contextlib.suppress(OSError):
                        if b"resource_tracker" not in Path("/proc", pid, "cmdline").read_bytes():
                            os.kill(int(pid), signal.SIGKILL)
