"""The machine as plain values."""

import gc
import os
import weakref

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
