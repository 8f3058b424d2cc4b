"""The machine as plain values."""

import gc
import os
import platform
import re
import weakref
from pathlib import Path

import pytest

from mnist_pipeline.utils import machine


def test_only_the_cores_that_the_process_may_use_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5}, raising=False)
    assert machine.num_cores() == 2


class Ring:
    """Refers to itself: only a search for garbage finds that it is not needed."""

    def __init__(self) -> None:
        self.own = self


def test_garbage_is_found_after_an_import_of_what_was_there_already():
    ring = weakref.ref(Ring())
    with machine.importing():
        assert not gc.isenabled()
        import json  # noqa: F401
    assert gc.isenabled()
    gc.collect()
    assert ring() is None


def resident_mb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"RssAnon:\s*(\d+)", status)[0]) // 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_returned_to_the_system():
    blocks = [bytearray(b"x") * 100_000 for _ in range(2_000)]
    last = blocks.pop()  # keeps the heap from shrinking on its own
    blocks.clear()
    before = resident_mb()
    machine.return_freed_memory()
    assert resident_mb() < before - 100, len(last)
