"""The machine as plain values."""

import gc
import os
import subprocess
import sys
import weakref

import pytest

from mnist_pipeline.utils import machine


def test_only_the_cores_that_the_process_may_use_count():
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


def test_garbage_is_found_after_an_import_of_what_was_there_already():
    ring = weakref.ref(Ring())
    with machine.importing():
        assert not gc.isenabled()
        import json  # noqa: F401
    assert gc.isenabled()
    gc.collect()
    assert ring() is None
