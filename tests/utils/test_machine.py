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
    assert found["processor"].strip()
    assert 1 <= found["cores"] <= os.cpu_count()
    assert found["memory_gb"] == round(machine.memory_bytes() / 1e9, 1) > 0
    assert platform.system() in found["system"]


def test_only_the_cores_that_the_process_may_use_count() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system binds no process to cores")
    code = (
        "import os; from mnist_pipeline.utils import machine; os.sched_setaffinity(0, "
        "{min(os.sched_getaffinity(0))}); print(machine.num_cores())"
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
