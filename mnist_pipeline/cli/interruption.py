"""Ctrl-C and SIGTERM end a command within seconds: by an exception at first, by force where that takes too long.

Nothing that is stored is at risk: a process may be killed at any time.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STEPS_SECONDS = 1.0  # what step processes get to end by themselves
GRACE_SECONDS = 1.0  # what this process gets after that
EXIT_CODE = 130
MESSAGE = "\nInterrupted. Stored results are kept. Continue with: mnist-pipeline run --changed\n"


_state = {"bounded": False, "received": False}
_before_end: list[Callable[[], None]] = []
_terminal = [2]  # standard error as it was at first: within a step, Dagster has its own in its place


def received() -> bool:
    """Whether this command has been told to end."""
    return _state["received"]


def before_end(action: Callable[[], None] | None) -> None:
    """Call this before the process ends by force; None for no action. It may be called from another thread."""
    _before_end[:] = [action] if action else []


def release() -> None:
    """Leave signals to a command that ends in its own way and time."""
    _state["bounded"] = False
    for each in SIGNALS:
        signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Within, a signal raises KeyboardInterrupt, and the process ends soon after, with exit code 130.

    The interpreter runs a signal's handler only between two of its own instructions, and a library may hold it up
    for long; so the signal's number also goes into a pipe, at whose other end a thread counts the seconds.
    """
    if _state["bounded"] or threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {each: signal.signal(each, _interrupt) for each in SIGNALS}
    woken_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    _state.update(bounded=True, received=False)
    _terminal.append(os.dup(2))
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken_before)
        finish()
        _state["bounded"] = False
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(_terminal.pop())
        os.close(writer)


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    _state["received"] = True
    raise KeyboardInterrupt


def finish() -> None:
    """End here if this command has been told to."""
    if _state["bounded"] and _state["received"]:
        _end()


def _watch(reader: int) -> None:
    """After a signal, wait for a second one or for the time to pass, and end the process."""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while told := pipe.read(1):
            if told[0] in SIGNALS and _state["bounded"]:
                _state["received"] = True
                if not select.select([pipe], [], [], STEPS_SECONDS)[0]:
                    _end_steps()
                    select.select([pipe], [], [], GRACE_SECONDS)
                _end()


def _end_steps() -> None:
    """Kill the step processes of the multiprocess executor."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.kill()


def _end_children() -> None:
    """Kill all children but the one that cleans up after the others; where there is no /proc, the steps only."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text().split():
            with contextlib.suppress(OSError):
                if b"resource_tracker" not in Path("/proc", pid, "cmdline").read_bytes():
                    os.kill(int(pid), signal.SIGKILL)


def _end() -> NoReturn:
    """End this process and its children now."""
    with contextlib.suppress(OSError, ValueError):
        _end_steps()
        _end_children()
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        for action in _before_end:
            action()
    with contextlib.suppress(OSError):
        os.write(_terminal[-1], MESSAGE.encode())
    os._exit(EXIT_CODE)
