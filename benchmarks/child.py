"""Run a command and write its time and memory as JSON: `python -m benchmarks.child FILE COMMAND …`, in a small process.

The peak memory that the system reports for a process includes the peak of the process that started it. A benchmark that
holds data sets and libraries would pass its own peak on; this process, which imports neither, has next to none.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT = 3_600  # seconds


def main() -> int:
    """Run the command; exit as it does."""
    file, *command = sys.argv[1:]
    start = time.perf_counter()
    process = subprocess.Popen(command)
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(TIMEOUT)
    _, status, usage = os.wait4(process.pid, 0)  # only wait4 reports the peak of this child alone
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    taken = {"wall": wall, "processor": usage.ru_utime + usage.ru_stime, "peak": peak}
    Path(file).write_text(json.dumps(taken), encoding="utf-8")
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(main())
