"""The parts that all compiled code shares."""

import gc
import weakref

import numpy as np
import pytest

from mnist_pipeline.kernels.compiled import compiled


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
