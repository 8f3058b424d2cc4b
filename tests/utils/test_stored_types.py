"""The registry of stored types."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mnist_pipeline.utils import stored_types

STARTED, MAY_END = threading.Event(), threading.Event()
MODULE = f"""
from typing import NamedTuple
from {__name__} import MAY_END, STARTED
from mnist_pipeline.utils.stored_types import stored_type

STARTED.set()
MAY_END.wait(10)

@stored_type
class SlowlyImported(NamedTuple):
    values: list[int]
"""


def test_a_type_is_found_while_another_thread_imports_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slowly_imported.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(stored_types, "_modules", ["slowly_imported"])
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(stored_types.find, "SlowlyImported")
        assert STARTED.wait(10)
        second = pool.submit(stored_types.find, "SlowlyImported")
        MAY_END.set()
        assert first.result() is second.result() is not None
