"""The processes that a process started."""

import contextlib
import os
import signal
from pathlib import Path


def children(pid: int | None = None) -> dict[int, str]:
    """The children of a process, by default of this one, and their command lines; none where /proc is missing."""
    found: dict[int, str] = {}
    with contextlib.suppress(OSError):  # of a process, a thread or a child that has ended
        for listed in Path("/proc", str(pid or os.getpid()), "task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in map(int, listed.read_text().split()):
                    with contextlib.suppress(OSError):
                        command = Path("/proc", str(child), "cmdline").read_text(errors="replace")
                        found[child] = command.replace("\0", " ")
    return found


def kill_children() -> None:
    """Kill the children of this process except Python's resource tracker, which cleans up after them."""
    for pid, command in children().items():
        if "resource_tracker" not in command:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
