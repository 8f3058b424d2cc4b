"""Work shared by threads, a block of rows at a time."""

import threading

import pytest

from mnist_pipeline.utils.blocks import in_blocks


@pytest.mark.parametrize("num_threads", [1, 2, 5])
@pytest.mark.parametrize(("count", "size"), [(0, 3), (1, 3), (3, 3), (10, 3), (100, 1)])
def test_each_row_is_in_one_block(count: int, size: int, num_threads: int) -> None:
    seen: list[int] = []
    in_blocks(lambda block: seen.extend(range(count)[block]), count, size, num_threads)
    assert sorted(seen) == list(range(count))


def test_blocks_are_worked_on_side_by_side_and_one_of_the_threads_is_the_callers() -> None:
    meeting, threads = threading.Barrier(3), set()

    def meet(block: slice) -> None:
        threads.add(threading.current_thread())
        meeting.wait(timeout=60)

    in_blocks(meet, 3, 1, num_threads=3)
    assert len(threads) == 3
    assert threading.current_thread() in threads


@pytest.mark.parametrize("callers", [True, False])
def test_what_fails_in_any_thread_is_raised(callers: bool) -> None:
    meeting = threading.Barrier(2)

    def work(block: slice) -> None:
        meeting.wait(timeout=60)
        if (threading.current_thread() is threading.main_thread()) == callers:
            raise ArithmeticError(f"no block {block.start}")

    with pytest.raises(ArithmeticError, match="no block"):
        in_blocks(work, 2, 1, num_threads=2)
