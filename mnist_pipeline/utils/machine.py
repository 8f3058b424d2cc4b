"""The machine that computes: processor, cores, memory, accelerator."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of mallopt(3)


def describe() -> dict[str, str | int | float | None]:
    """Processor, usable cores, memory in GB, system and accelerator, as plain values."""
    return {
        "processor": processor(),
        "cores": num_cores(),
        "memory_gb": round(memory_bytes() / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "accelerator": accelerator(),
    }


def num_cores() -> int:
    """Processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory() -> None:
    """Let the allocator keep what arrays leave for the next ones, where it is that of glibc.

    It gives large blocks back to the system as they are freed, and each page of the next array is then made anew,
    zeroed, at a fault of its own. Blocks of up to 32 MB, glibc's limit, come from a heap that keeps 128 MB. Threads
    share two heaps: each of their own would reserve 64 MB of address space.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 128 << 20)
        mallopt(M_ARENA_MAX, 2)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Within, modules are imported: nothing is searched for garbage, and what is there at the end never will be.

    Python searches all objects again and again while their number grows; in an import that is a quarter of the time,
    and finds nothing. If all modules were there already, what is there at the end is searched as before: it would
    otherwise stay for good, a run's worth each time.
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
    """Main memory; 0 where the system does not tell."""
    names = ("SC_PAGE_SIZE", "SC_PHYS_PAGES")
    if not all(name in getattr(os, "sysconf_names", {}) for name in names):
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def processor() -> str:
    """The processor's name, as the system gives it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def accelerator() -> str | None:
    """Name of the GPU, None without one; torch is asked only where it is loaded already."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name() if torch is not None and torch.cuda.is_available() else None
