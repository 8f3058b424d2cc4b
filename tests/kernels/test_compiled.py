"""The parts that all compiled code shares."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from mnist_pipeline.kernels.compiled import CACHE, cache_directory, compiled


def test_a_change_in_any_file_of_the_kernels_compiles_anew(tmp_path: Path) -> None:
    kernels, cache = tmp_path / "kernels", tmp_path / "cache"
    kernels.mkdir()
    (kernels / "search.py").write_text("from tiles import LANES")
    (kernels / "tiles.py").write_text("LANES = 32")
    before = cache_directory(kernels, cache)
    assert before == cache_directory(kernels, cache)
    assert before.parent == cache
    (kernels / "tiles.py").write_text("LANES = 16")
    assert cache_directory(kernels, cache) != before


def test_the_compiled_code_lies_in_the_directory_of_these_kernels() -> None:
    @compiled(cache=True)
    def one_more(value):  # type: ignore[no-untyped-def]
        return value + 1

    assert Path(one_more.stats.cache_path).is_relative_to(CACHE)


@pytest.mark.slow
def test_compiling_keeps_no_array_of_the_callers_alive() -> None:
    @compiled()
    def last_rows(values):  # type: ignore[no-untyped-def]
        num_rows, num_columns = values.shape
        found = np.zeros((4, num_columns), np.uint8)
        for i in range(num_rows % 4):  # at whose assignment Numba meets an error, which it keeps
            found[i] = values[num_rows - num_rows % 4 + i]
        return found

    def work() -> weakref.ref[np.ndarray]:
        values = np.ones((6, 3), np.uint8)
        assert last_rows(values).sum() == 6
        return weakref.ref(values)

    gc.disable()  # so that only the compilation collects garbage
    try:
        assert work()() is None
    finally:
        gc.enable()
