"""Write times and memory of a command as JSON: `python -m benchmarks.child FILE TEXT COMMAND …`.

FILE gets the seconds until the command has printed TEXT, its wall seconds and its peak memory. On
Linux, the peak that the system reports for a process includes the peak of the process that started
it. The benchmark itself has data sets and libraries in memory. So this small process, which imports
neither, starts the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Pass on the output of the command, and return its exit status."""
    file, text, *command = sys.argv[1:]
    start = time.perf_counter()
    first = None
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        if first is None and text in line:
            first = time.perf_counter() - start
    _, status, usage = os.wait4(process.pid, 0)  # only wait4 reports the peak of this process alone
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    measured = {"first": first, "wall": wall, "peak": peak}
    Path(file).write_text(json.dumps(measured), encoding="utf-8")
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


if __name__ == "__main__":
    sys.exit(main())
