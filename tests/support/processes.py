"""Processes that tests start, watch and kill."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnist_pipeline.runtime.project import PROJECT

CAPABILITIES_VERSION = 0x20080522
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
LOCK = """
import sys
from pathlib import Path
from mnist_pipeline.runtime.storage import files
with files.lock(Path(sys.argv[1]), print):
    print("locked", flush=True)
    sys.stdin.read()
"""


def accept_hangup() -> None:
    """For a process that starts: handle SIGHUP as in a terminal, even if the tests run under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def python(*arguments: str) -> subprocess.Popen[str]:
    """Start Python in the project with pipes to it."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, *arguments], cwd=PROJECT, env=environment, text=True, preexec_fn=accept_hangup, **pipes
    )


@contextmanager
def locked_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process lock a file."""
    process = python("-c", LOCK, str(path))
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def give_up_override() -> None:
    """Make permissions apply to this process, even if it is root's."""
    if os.geteuid() != 0:
        return
    header = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~(1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
