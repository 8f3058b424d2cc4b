"""The machine as plain values."""

import gc
import json
import os
import platform
import subprocess
import sys
import weakref

import pytest

from mnist_pipeline.utils import machine


def test_the_description_is_plain_and_complete() -> None:
    found = machine.describe()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert list(found) == ["processor", "cores", "memory_gb", "system", "accelerator"]
    assert found["processor"].strip()
    assert 1 <= found["cores"] <= os.cpu_count()
    assert found["memory_gb"] == round(machine.memory_bytes() / 1e9, 1) > 0
    assert platform.system() in found["system"]


def test_only_the_cores_that_the_process_may_use_count() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system binds no process to cores")
    code = (
        "import os; from mnist_pipeline.utils import machine; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "print(machine.num_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


class Ring:
    """Refers to itself: only a search for garbage finds that it is not needed."""

    def __init__(self) -> None:
        self.own = self


def test_garbage_is_found_after_an_import_of_what_was_there_already() -> None:
    ring = weakref.ref(Ring())
    with machine.importing():
        assert not gc.isenabled()
        import json  # noqa: F401
    assert gc.isenabled()
    gc.collect()
    assert ring() is None


def test_modules_that_an_import_brought_are_not_searched_again() -> None:
    code = """
import gc
from mnist_pipeline.utils import machine
before = gc.get_freeze_count()
with machine.importing():
    import wave
print(before, gc.get_freeze_count() > before)
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["0", "True"]


def test_memory_that_is_kept_needs_no_new_pages_for_the_next_arrays() -> None:
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another allocator than glibc's")
    code = """
import resource
from mnist_pipeline.utils import machine

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        blocks = [bytearray(b"x") * (16 << 20) for _ in range(3)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

machine.keep_freed_memory()
faults(1)
print(faults(10))
"""
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(ran.stdout) < (3 * 16 << 20) // 4096  # a page for each would be ten times as many
