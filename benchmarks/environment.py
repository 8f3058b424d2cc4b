"""The machine, the versions of the libraries, and the use of the machine by other programs."""

from __future__ import annotations

import os
import subprocess
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.bench import ROOT, BenchmarkError
from mnist_pipeline.utils import machine

LIBRARIES = ("dagster", "faiss-cpu", "numba", "numpy", "scikit-learn", "scipy", "torch")
# Packages by module.
COMPARED = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "threadpoolctl": "threadpoolctl"}
# Both choose the kernels of OpenBLAS, for the other libraries too.
MUST_BE_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
QUIET = 0.1  # cores that other programs may use before a warning


def require() -> None:
    """Check that the compared libraries are installed, and that OpenBLAS chooses its kernels."""
    variables = [name for name in MUST_BE_UNSET if name in os.environ]
    if variables:
        names = ", ".join(variables)
        raise BenchmarkError(f"{names} is set; unset it, or run 'make bench', which unsets it")
    missing = [package for module, package in COMPARED.items() if find_spec(module) is None]
    if missing:
        raise BenchmarkError(
            f"{', '.join(missing)} is missing; install it with .venv/bin/pip install -e '.[bench]'"
        )


def describe() -> str:
    """The commit, the machine and the libraries in two lines."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)
    commit = described.stdout.strip() or "unknown"
    memory = machine.memory_bytes() / 1e9
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Commit {commit}, {time.strftime('%Y-%m-%d')}, {machine.processor()}, "
        f"{machine.num_cores()} cores, {memory:.0f} GB\n{libraries}"
    )


class OthersWatch:
    """Measures how many cores other programs use, which can slow down only one contestant."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._others = _others_seconds()

    def warning(self) -> str:
        """A warning if other programs used the machine since the start, else an empty text."""
        cores = (_others_seconds() - self._others) / (time.perf_counter() - self._start)
        if cores <= QUIET:
            return ""
        return f"WARNING: other programs used {cores:.1f} cores; repeat on an idle machine"


def _others_seconds() -> float:
    """Processor seconds of all processes since boot, except this one and its finished children."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts = map(int, first.split()[1:8])
    ours = os.times()
    busy = (user + nice + system + interrupts + soft_interrupts) / os.sysconf("SC_CLK_TCK")
    return busy - (ours.user + ours.system + ours.children_user + ours.children_system)
