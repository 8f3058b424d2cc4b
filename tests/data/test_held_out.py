"""The images that are held out: the same for every model."""

import pytest

from mnist_pipeline.data.held_out import split


def test_the_split_is_a_fixed_partition_and_a_larger_one_holds_out_more() -> None:
    kept, held_out = split(100, 30)
    assert sorted([*kept, *held_out]) == list(range(100))
    assert len(held_out) == 30
    assert list(split(100, 30)[1]) == list(held_out)
    assert set(split(120)[1]) < set(split(120, 40)[1])
    assert len(split(120)[1]) == 10


@pytest.mark.parametrize("size", [-1, 100])
def test_a_size_that_leaves_nothing_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        split(100, size)
