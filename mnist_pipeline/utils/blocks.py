"""Work on many rows, a block of them at a time, on all cores."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.utils.machine import num_cores


def slices(count: int, size: int) -> list[slice]:
    """Slices of so many rows each, of which the last may have fewer."""
    return [slice(first, first + size) for first in range(0, count, size)]


def in_blocks(work: Callable[[slice], object], count: int, size: int, num_threads: int | None = None) -> None:
    """Do something to each block of rows, on as many threads as there are cores by default; compiled code can use them.

    This thread is one of them, the others stay for the next call. `work` must not call this in its turn.
    """
    left = deque(slices(count, size))
    num_others = min(num_threads or num_cores(), len(left)) - 1
    others = [_pool(os.getpid(), num_others).submit(_work_off, work, left) for _ in range(num_others)]
    try:
        _work_off(work, left)
    finally:
        wait(others)
    for other in others:
        other.result()


def _work_off(work: Callable[[slice], object], left: deque[slice]) -> None:
    """Take blocks, one after another, until none are left; if one fails, leave none to the other threads."""
    try:
        while True:
            try:
                block = left.popleft()
            except IndexError:
                return
            work(block)
    except BaseException:
        left.clear()
        raise


@functools.cache
def _pool(process: int, num_threads: int) -> ThreadPoolExecutor:
    """The threads of a process; a forked one has none of its parent's."""
    return ThreadPoolExecutor(num_threads)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """An array as compiled code takes it, whether it lies in memory or in a mapped file: contiguous, and not written.

    The code is compiled for one such type, and not anew for each.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
