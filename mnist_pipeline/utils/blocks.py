"""Work on many rows, a block of them at a time, on several threads."""

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.utils.machine import num_threads


def slices(count: int, size: int) -> list[slice]:
    """Slices of `size` rows that cover `count` rows; the last may be shorter."""
    return [slice(first, first + size) for first in range(0, count, size)]


def in_blocks(work: Callable[[slice], object], count: int, size: int) -> None:
    """Call `work` with each block of rows, on as many threads as `num_threads` says.

    The calling thread works too; the other threads stay for the next call. Threads help only if
    `work` releases the interpreter lock, as compiled code does. Do not nest calls that span several
    blocks: the pool could deadlock.
    """
    blocks = iter(slices(count, size))  # shared: every thread takes the next block

    def work_off() -> None:
        for block in blocks:
            work(block)

    num_others = min(num_threads(), -(-count // size)) - 1
    others = [_pool(os.getpid(), num_others).submit(work_off) for _ in range(num_others)]
    work_off()
    for other in others:
        other.result()


@functools.cache
def _pool(process: int, size: int) -> ThreadPoolExecutor:
    """The threads of a process. The key is the process, because a fork does not inherit threads."""
    return ThreadPoolExecutor(size)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous, aligned, read-only view of an array in memory or in a mapped file.

    All views have the same type, so Numba compiles a kernel once.
    """
    view = np.require(array, requirements=["C", "A"]).view(np.ndarray)
    view.flags.writeable = False
    return view
