"""Work shared by threads, a block of rows at a time."""

import multiprocessing
import threading

import numpy as np
import pytest

from mnist_pipeline.utils import blocks
from mnist_pipeline.utils.blocks import in_blocks, read_only


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("count", "size"), [(0, 3), (1, 3), (3, 3), (10, 3), (100, 1)])
def test_each_row_is_in_one_block(count, size, threads, monkeypatch):
    monkeypatch.setattr(blocks, "num_threads", lambda: threads)
    seen = []
    in_blocks(lambda block: seen.extend(range(count)[block]), count, size)
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize("callers", [True, False])
def test_blocks_are_worked_on_side_by_side_and_an_error_in_any_thread_is_raised(
    callers, monkeypatch
):
    monkeypatch.setattr(blocks, "num_threads", lambda: 2)
    meeting = threading.Barrier(2)

    def work(block: slice) -> None:
        meeting.wait(timeout=60)
        if (threading.current_thread() is threading.main_thread()) == callers:
            raise ArithmeticError(f"no block {block.start}")

    with pytest.raises(ArithmeticError, match="no block"):
        in_blocks(work, 2, 1)


def test_blocks_are_worked_on_after_a_fork_which_leaves_the_threads_behind(monkeypatch):
    monkeypatch.setattr(blocks, "num_threads", lambda: 2)
    in_blocks(lambda block: None, 2, 1)
    child = multiprocessing.get_context("fork").Process(
        target=in_blocks, args=(lambda block: None, 2, 1), daemon=True
    )
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0


def test_a_read_only_view_leaves_its_array_writable():
    array = np.zeros(3)
    view = read_only(array)
    array[0] = 1
    assert view.tolist() == [1, 0, 0]
    assert not view.flags.writeable
