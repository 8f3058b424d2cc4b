"""Fuzz the readers of other layouts: for any bytes, they return valid images and labels, or raise a DatasetError.

`--fuzz-cases N` sets the total number of cases.
"""

import shutil
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from data.test_datasets_fuzz import CONSTANT_BYTES, edited, read_within
from hypothesis import given
from support.fuzzing import fuzzed
from support.sources import write_folders, write_npz, write_parquet

from mnist_pipeline.data.datasets import DigitSet

pytestmark = pytest.mark.slow

LABELS = np.arange(20, dtype=np.uint8) % 2
DIGITS = DigitSet(np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8), LABELS)
SETS = {"train": DIGITS, "test": DIGITS}
places = st.integers(0, 60) | st.integers(-400, -1) | st.integers(0, 20_000)
values = st.binary(max_size=8) | st.sampled_from(
    [b"\0" * 4, b"\xff" * 4, b"\xff" * 8, b"\x7f", b"|O", b"(99", b"PK\5\6"]
)
edits = st.lists(st.tuples(places, st.sampled_from([0, 1, 1, 2, 4, 8, 5_000]), values), max_size=3)


@pytest.mark.parametrize("layout", ["npz", "parquet", "folders"])
def test_a_reader_returns_digits_or_raises_a_dataset_error_within_bounded_memory(
    layout: str, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    cases = pytestconfig.getoption("fuzz_cases") // 10
    root, path = {
        "npz": lambda: (write_npz(tmp_path / "a.npz", SETS), tmp_path / "a.npz"),
        "parquet": lambda: (
            write_parquet(tmp_path / "p", SETS, ("0", "1")),
            tmp_path / "p" / "train-00000-of-00001.parquet",
        ),
        "folders": lambda: (
            write_folders(tmp_path / "f", SETS, ("0", "1")),
            tmp_path / "f" / "train" / "0" / "00000.png",
        ),
    }[layout]()
    good, outcomes = path.read_bytes(), Counter[str]()

    @fuzzed(cases)
    @given(edits)
    def try_out(changes: list[tuple[int, int, bytes]]) -> None:
        path.write_bytes(edited(good, changes))
        found = read_within(CONSTANT_BYTES + 40 * len(good), root)
        outcomes["refused" if found is None else "read"] += 1
        if found is not None:
            assert found.images.shape == (len(found.labels), 28, 28)
            assert found.images.dtype == found.labels.dtype == np.uint8
            assert 0 < len(found.labels) <= 20
            assert set(found.labels.tolist()) <= {0, 1}

    try_out()
    assert outcomes["refused"] > cases / 4
    assert outcomes["read"] > cases / 500
    assert pa.default_memory_pool().max_memory() < 64 << 20  # which tracemalloc does not see
    shutil.rmtree(tmp_path / root.name, ignore_errors=True)
