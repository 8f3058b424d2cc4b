"""Ctrl-C, SIGTERM and a closed terminal end a command within seconds: first by an exception, then by force.

Stored results are safe, because a process may be killed at any time.
"""

import contextlib
import os
import select
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mnist_pipeline.utils.processes import kill_children

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
STEPS_SECONDS = 1.0  # for step processes to end by themselves
GRACE_SECONDS = 1.0  # then, for this process
EXIT_CODE = 130
SHOW_CURSOR = "\x1b[?25h"
MESSAGE = "\nInterrupted. Stored results are kept. Continue with: mnist-pipeline run --changed\n"

_state = {"received": False, "terminal": 2}  # standard error; while steps run, Dagster replaces descriptor 2


def stopping_signals() -> list[signal.Signals]:
    """The signals that end a command; without SIGHUP under `nohup`, which has it ignored."""
    return [each for each in SIGNALS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]


def received() -> bool:
    """Whether this command was interrupted."""
    return bool(_state["received"])


def handle_signals() -> None:
    """Raise KeyboardInterrupt at a signal, and end the process soon after with exit code 130.

    Python runs a signal handler only between two of its own instructions, and compiled code may delay that for long.
    So the number of the signal also goes into a pipe, and a thread that reads the pipe ends the process after a while.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    _state["terminal"] = os.dup(2)
    for each in stopping_signals():
        signal.signal(each, _interrupt)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader,), daemon=True).start()


def release() -> None:
    """Restore the usual signal handlers, for a command that ends by itself."""
    signal.set_wakeup_fd(-1)
    for each in SIGNALS:
        if signal.getsignal(each) == _interrupt:
            signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)


def end_if_interrupted() -> None:
    """End the process now if this command was interrupted."""
    if received():
        _end()


def _interrupt(signum: int, frame: FrameType | None) -> NoReturn:
    _state["received"] = True
    raise KeyboardInterrupt


def _watch(reader: int) -> None:
    """After a signal, wait for a second signal or until the time is over, and end the process."""
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        while number := pipe.read(1):
            if number[0] in SIGNALS:
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
    """End this process now, and its children."""
    with contextlib.suppress(OSError, ValueError):
        _end_steps()
        kill_children()
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(_state["terminal"], MESSAGE.encode())
        Path("/dev/tty").write_text(SHOW_CURSOR)  # a live view hides it
    os._exit(EXIT_CODE)
