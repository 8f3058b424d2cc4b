"""For any bytes, a reader returns valid images and labels, or raises a DatasetError;

`--fuzz-cases N` tries more.
"""

from collections import Counter

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support.sources import ALL_LAYOUTS, assert_refused

from mnist_pipeline.data.datasets import DatasetError, load_digits
from mnist_pipeline.data.values import DigitSet

LABELS = np.arange(20, dtype=np.uint8) % 10
DIGITS = DigitSet(np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8), LABELS)
# Most often at one of the ends, where formats have their fields.
positions = st.integers(0, 60) | st.integers(-400, -1) | st.integers(0, 20_000)
values = st.binary(max_size=8) | st.sampled_from([b"\0" * 4, b"\xff" * 4, b"|O", b"(99", b"PK\5\6"])
lengths = st.sampled_from([0, 1, 1, 2, 4, 8, 5_000])
edits = st.lists(st.tuples(positions, lengths, values), max_size=3)


@pytest.mark.parametrize("layout", ALL_LAYOUTS)
def test_half_of_a_file_is_refused_in_every_layout(layout, tmp_path):
    write, name = ALL_LAYOUTS[layout]
    write(tmp_path, {"train": DIGITS, "test": DIGITS})
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert_refused(tmp_path, ".")


@pytest.mark.slow
@pytest.mark.parametrize("layout", ALL_LAYOUTS)
def test_a_reader_returns_digits_or_raises_a_dataset_error(layout, pytestconfig, tmp_path):
    write, name = ALL_LAYOUTS[layout]
    write(tmp_path, {"train": DIGITS, "test": DIGITS})
    good, outcomes = (tmp_path / name).read_bytes(), Counter[str]()

    @settings(
        max_examples=pytestconfig.getoption("fuzz_cases") // len(ALL_LAYOUTS),
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(edits)
    def try_out(changes: list[tuple[int, int, bytes]]) -> None:
        content = good
        for position, removed, new in changes:
            at = position % (len(content) + 1)
            content = content[:at] + new + content[at + removed :]
        (tmp_path / name).write_bytes(content)
        try:
            found = load_digits(tmp_path, "train")
        except DatasetError:
            outcomes["refused"] += 1
        else:
            assert found.images.shape == (len(found.labels), 28, 28)
            assert found.images.dtype == found.labels.dtype == np.uint8
            outcomes["read"] += 1

    try_out()
    for outcome in ("read", "refused"):
        assert outcomes[outcome], (
            f"of {outcomes.total()} edits of {name}, none was {outcome}; "
            "try more --fuzz-cases, or edit a file that the layout checks"
        )
