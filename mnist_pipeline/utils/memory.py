"""Memory that runs short: how much there is, how much a run needs, and what to do."""

import contextlib
import errno
import re
from pathlib import Path

from mnist_pipeline.utils import machine
from mnist_pipeline.utils.printable import one_line
from mnist_pipeline.utils.reported import ReportedError

INFO = Path("/proc/meminfo")
# The limit of a container, in both versions of cgroups.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
# torch has no class of its own for main memory: a RuntimeError has one of these texts.
OF_TORCH = re.compile("can't allocate memory|not enough memory|out of memory")
# Peaks that `make bench ARGS="--only limits"` measured, see docs/benchmarks.md.
NEEDED = "a run of all assets needs about 0.7 GB and 5 kB per image in grey levels"
ADVICE = "use fewer images, a machine with more memory, or --select for a part of the graph"


class ShortageError(ReportedError, MemoryError):
    """There was not enough memory. The message says how much was missing, as far as it is known,
    how much there is, how much a run needs, and what to do.
    """


def available_bytes() -> int:
    """Memory that programs can still get, at most the limit of a container or of this process.

    On systems that report nothing else, it is the size of the main memory.
    """
    sizes = [machine.memory_bytes()]
    with contextlib.suppress(OSError):
        kilobytes = re.findall(r"MemAvailable: *(\d+)", INFO.read_text(encoding="ascii"))
        sizes += [1024 * int(size) for size in kilobytes]
    for limit in LIMITS:
        with contextlib.suppress(OSError, ValueError):  # without a limit, it is the text "max"
            sizes.append(int(limit.read_text(encoding="ascii")))
    with contextlib.suppress(ImportError):  # on Windows
        import resource

        own, _ = resource.getrlimit(resource.RLIMIT_AS)
        if own != resource.RLIM_INFINITY:
            sizes.append(own)
    return min(sizes)


def is_shortage(error: BaseException) -> bool:
    """Whether an error of Python, NumPy or torch says that memory was short."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError):
        return bool(OF_TORCH.search(str(error)))
    return isinstance(error, MemoryError)


def shortage(problem: str) -> ShortageError:
    """An error for lack of memory, with the message of another one, which may be empty."""
    parts = (
        one_line(problem) or "out of memory",
        f"{available_bytes() / 1e9:.1f} GB of memory are available",
        NEEDED,
        ADVICE,
    )
    return ShortageError("; ".join(parts))
