"""What ran where: processor, thread pools and their kernels, library versions, settings that change speed."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.bench import ROOT
from mnist_pipeline.utils import machine

LIBRARIES = (
    "dagster", "faiss-cpu", "matplotlib", "numba", "numpy", "scikit-learn", "scipy", "threadpoolctl", "torch",
    "torchvision",
)  # fmt: skip
COMPARED = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "threadpoolctl": "threadpoolctl"}
MUST_BE_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
QUIET = 0.1  # cores that others may use before it is worth a warning
PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMBA_", "TORCH_", "ONEDNN_", "DNNL_", "ATEN_")
INSTALL = "python -m pip install -e '.[bench]'"
BUSY = 0.5  # of a core in use by others before the benchmark begins


class BenchmarkError(RuntimeError):
    """Something can't be measured. The message names the problem and the remedy."""


def require() -> None:
    """Refuse to start without the libraries to compare with, or with a manually chosen kernel of OpenBLAS.

    Raises
    ------
    BenchmarkError
        Names what is missing or set, and the command that fixes it.
    """
    chosen = [name for name in MUST_BE_UNSET if name in os.environ]
    if chosen:
        raise BenchmarkError(f"{', '.join(chosen)} is set; unset it, or run 'make bench', which does")
    missing = [package for module, package in COMPARED.items() if find_spec(module) is None]
    if missing:
        raise BenchmarkError(f"{', '.join(missing)} is missing; install it with {INSTALL}")


def describe() -> dict[str, Any]:
    """Machine, libraries and settings as plain values."""
    return {
        "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "commit": _commit(),
        "cpu": machine.processor(),
        "cores": machine.num_cores(),
        "memory_gb": round(machine.memory_bytes() / 1e9, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "settings": {name: value for name, value in sorted(os.environ.items()) if name.startswith(PREFIXES)},
        "load_average_at_start": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
    }


def summary(environment: dict[str, Any]) -> str:
    """The environment in a few lines, with a warning where others use the machine."""
    settings = " ".join(f"{name}={value}" for name, value in environment["settings"].items()) or "none"
    versions = ", ".join(f"{name} {number}" for name, number in environment["libraries"].items())
    load = (environment["load_average_at_start"] or [0.0])[0]
    lines = [
        f"{environment['started']}  {environment['cpu']}, {environment['cores']} cores, {environment['memory_gb']} GB",
        f"Python {environment['python']}, {versions}",
        f"Settings for thread pools and kernels (the same for both sides): {settings}; "
        f"{' and '.join(MUST_BE_UNSET)} unset",
    ]
    if load > BUSY:
        lines.append(f"WARNING: the load average is {load:.1f}: others use this machine, and times will not repeat.")
    return "\n".join(lines)


class OthersWatch:
    """How many cores others use meanwhile: one busy neighbour can halve one side's threads and spare the other's."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._others = _others_seconds()

    def cores(self) -> float:
        """Mean over the time since the start; 0 where the system doesn't tell."""
        return max(0.0, (_others_seconds() - self._others) / (time.perf_counter() - self._start))


def thread_pools() -> list[dict[str, Any]]:
    """The thread pools loaded by now: which library, which CPU kernel, how many threads."""
    import threadpoolctl

    return [
        {
            "library": Path(pool["filepath"]).name,
            "api": pool["internal_api"],
            "version": pool["version"],
            "kernel": pool.get("architecture"),
            "threads": pool["num_threads"],
        }
        for pool in threadpoolctl.threadpool_info()
    ]


def describe_pools(pools: list[dict[str, Any]]) -> str:
    """Thread pools in a line."""
    shown = (
        f"{pool['api']} ({pool['library']}) {pool['kernel'] or ''} {pool['threads']} threads".replace("  ", " ")
        for pool in pools
    )
    return "thread pools: " + "; ".join(shown)


def _others_seconds() -> float:
    """Processor seconds of all processes since boot, less those of this one and of its finished children."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts, *_ = (int(field) for field in first.split()[1:])
    ours = os.times()
    busy = (user + nice + system + interrupts + soft_interrupts) / os.sysconf("SC_CLK_TCK")
    return busy - (ours.user + ours.system + ours.children_user + ours.children_system)


def _commit() -> str:
    """The commit that is checked out, with `+` if files were changed since."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
