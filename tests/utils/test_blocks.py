"""Work shared by threads, a block of rows at a time."""

import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from mnist_pipeline.utils import blocks
from mnist_pipeline.utils.blocks import in_blocks, row_blocks


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("count", "size"), [(0, 3), (1, 3), (3, 3), (10, 3), (100, 1)])
def test_each_row_is_in_one_block(
    count: int, size: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "num_threads", lambda: threads)
    seen: list[int] = []
    in_blocks(lambda block: seen.extend(range(count)[block]), count, size)
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("callers", [True, False])
def test_blocks_are_worked_on_side_by_side_and_an_error_in_any_thread_is_raised(
    callers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "num_threads", lambda: 2)
    meeting = threading.Barrier(2)

    def work(block: slice) -> None:
        meeting.wait(timeout=60)
        if (threading.current_thread() is threading.main_thread()) == callers:
            raise ArithmeticError(f"no block {block.start}")

    with pytest.raises(ArithmeticError, match="no block"):
        in_blocks(work, 2, 1)


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_the_rows_of_a_mapped_file_and_changes_to_them_stay(
    mode: Literal["r", "r+", "c"], tmp_path: Path
) -> None:
    expected: Any = np.arange(60_000).reshape(-1, 4)
    np.save(tmp_path / "rows.npy", expected)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode=mode)
    if mode != "r":
        mapped[7] = expected[7] = -1
    for _ in range(2):
        read = [block.copy() for _, block in row_blocks(mapped.view(np.ndarray), 1_000)]
        np.testing.assert_array_equal(np.concatenate(read), expected)
