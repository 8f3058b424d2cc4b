"""The machine that computes: processor, cores, memory, accelerator."""

import contextlib
import ctypes
import functools
import gc
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

LIBRARIES = ("dagster", "matplotlib", "numba", "numpy", "pandas", "scipy", "torch")


def describe() -> dict[str, str | int | float | None]:
    """Processor, usable cores, memory in GB, system and accelerator, as plain values."""
    return {
        "processor": processor(),
        "cores": num_cores(),
        "memory_gb": round(memory_bytes() / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "accelerator": accelerator(),
    }


@functools.cache
def library_versions() -> dict[str, str]:
    """The versions of Python and of the libraries that compute."""
    # Imported here, because a command that prints help does not need it.
    from importlib import metadata

    versions = {name: metadata.version(name) for name in LIBRARIES}
    return {"Python": platform.python_version(), **versions}


def num_cores() -> int:
    """Number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def num_threads() -> int:
    """Number of threads that compiled code may use: NUMBA_NUM_THREADS, or one per core."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or num_cores())


def limit_loaded(variable: str, num_threads: int) -> None:
    """Limit the threads of libraries that were imported before their variable was set."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if variable == "OMP_NUM_THREADS" and torch:
        torch.set_num_threads(num_threads)
    elif variable == "OPENBLAS_NUM_THREADS" and numpy:
        import threadpoolctl  # imported here, because a command sets the variables in time

        threadpoolctl.threadpool_limits(num_threads, user_api="blas")


def return_freed_memory() -> None:
    """Return the memory of freed arrays to the system, where the C library is glibc.

    Without this call, glibc keeps it, for each thread that has allocated anything.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Context for imports without garbage collection, then and afterwards, of imported objects.

    The collector searches all objects again and again while their number grows, which takes a
    quarter of the time of an import and frees nothing. If no module was imported, nothing is
    frozen: otherwise, garbage of earlier runs would never be freed.
    """
    gc.disable()
    before = len(sys.modules)
    try:
        yield
    finally:
        if len(sys.modules) != before:
            gc.freeze()
        gc.enable()


def memory_bytes() -> int:
    """Size of the main memory; 0 if the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return 0


def processor() -> str:
    """The processor's name, as the system reports it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def accelerator() -> str | None:
    """Name of the GPU; None without a GPU, or without torch, whose import would take too long."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())
