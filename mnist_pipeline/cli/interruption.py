"""Ctrl-C and SIGTERM end a command within seconds: first by an exception, then by force.

Stored results are safe, because a process may be killed at any time.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STEPS_SECONDS = 1.0  # for step processes to end by themselves
GRACE_SECONDS = 1.0  # then, for this process
EXIT_CODE = 130
SHOW_CURSOR = "\x1b[?25h"
MESSAGE = "\nInterrupted. Stored results are kept. Continue with: mnist-pipeline run --changed\n"

_state = {"bounded": False, "received": False}
_terminal = [2]  # standard error; while steps run, Dagster replaces descriptor 2


def received() -> bool:
    """Whether this command was interrupted."""
    return _state["received"]


def release() -> None:
    """Restore the usual signal handlers, for a command that ends by itself."""
    _state["bounded"] = False
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Raise KeyboardInterrupt at a signal, and end the process soon after with exit code 130.

    Python runs a signal handler only between two of its own instructions, and compiled code may delay that for long.
    So the number of the signal also goes into a pipe, and a thread that reads the pipe ends the process after a while.
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
        end_if_interrupted()
        _state["bounded"] = False
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(_terminal.pop())
        os.close(writer)


def end_if_interrupted() -> None:
    """End the process now if this command was interrupted."""
    if _state["bounded"] and _state["received"]:
        _end()


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    _state["received"] = True
    raise KeyboardInterrupt


def _watch(reader: int) -> None:
    """After a signal, wait for a second signal or until the time is over, and end the process."""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] in SIGNALS and _state["bounded"]:
                _state["received"] = True
                if not select.select([pipe], [], [], STEPS_SECONDS)[0]:
                    _end_steps()
                    select.select([pipe], [], [], GRACE_SECONDS)
                _end()


def _end_steps() -> None:
    """Kill the step processes of the multiprocess executor."""
    if multiprocessing := sys.modules.get("multiprocessing"):
        for child in multiprocessing.active_children():
            child.kill()


def _end() -> NoReturn:
    """End this process now, and its children except Python's resource tracker, which cleans up after them."""
    with contextlib.suppress(OSError, ValueError):
        _end_steps()
        for listed in Path("/proc/self/task").glob("*/children"):
            for pid in listed.read_text().split():
                with contextlib.suppress(OSError):
                    if b"resource_tracker" not in Path("/proc", pid, "cmdline").read_bytes():
                        os.kill(int(pid), signal.SIGKILL)
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(_terminal[-1], MESSAGE.encode())
        Path("/dev/tty").write_text(SHOW_CURSOR)  # a live view hides it
    os._exit(EXIT_CODE)
