"""Fuzz the reader: for any files, it returns exactly their digits, or raises a DatasetError.

`--fuzz-cases N` sets the total number of cases.
"""

import gzip
import struct
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from support.fuzzing import fuzzed

from mnist_pipeline.data.datasets import FILE_NAMES, DatasetError, DigitSet, load_digits

pytestmark = pytest.mark.slow

CONSTANT_BYTES = 3 << 20  # the memory that reading may take, whatever a header claims
PIXELS = 28 * 28
GOOD = tuple(
    (
        struct.pack(">IIII", 0x803, count, 28, 28) + bytes(i * 7 % 256 for i in range(count * PIXELS)),
        struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count)),
    )
    for count in (1, 3)
)

Edit = tuple[int, int, bytes]  # the place, the number of bytes removed there, and the bytes inserted instead
Files = tuple[tuple[bytes, bool], ...]  # for images and labels: the content, and whether its name ends in .gz


def compressed(data: bytes) -> bytes:
    """Gzip data without the time, so that a case is always the same bytes."""
    return gzip.compress(data, 1, mtime=0)


sizes = st.sampled_from([0, 1, 2, 3, 27, 28, 60_000, 10**6, 10**6 + 1, 2**31]) | st.integers(0, 2**32 - 1)
headers = st.tuples(
    st.sampled_from([0x803, 0x801, 0x802, 0x903, 0xD03, 0x08030000]) | st.integers(0, 2**32 - 1),
    st.lists(sizes, max_size=4) | sizes.map(lambda size: [size, 28, 28]),
).map(lambda fields: struct.pack(f">{1 + len(fields[1])}I", fields[0], *fields[1]))
# Most often at one of the ends, where formats have their fields.
places = st.integers(0, 24) | st.integers(-12, -1) | st.integers(0, 3_000)
edit = st.tuples(places, st.sampled_from([0, 1, 4, 8, 16, 10_000]), st.just(b"") | st.binary(max_size=24) | headers)
edits = st.just([]) | st.lists(edit, max_size=3)
packings = st.sampled_from(
    [
        compressed,
        zlib.compress,
        lambda content: compressed(compressed(content)),
        lambda content: compressed(content[:20]) + compressed(content[20:]) + bytes(7),
    ]
)


def edited(content: bytes, changes: list[Edit]) -> bytes:
    for place, removed, new in changes:
        at = place % (len(content) + 1)
        content = content[:at] + new + content[at + removed :]
    return content


@st.composite
def files(draw: st.DrawFn) -> Files:
    """Files that are good, or noise behind a header, packed or not, with a few edits before and after."""
    made = []
    are_good = draw(st.integers(0, 3)) > 0
    for good in draw(st.sampled_from(GOOD)):
        content = good if are_good else draw(headers) + draw(st.binary(max_size=200))
        content, packed = edited(content, draw(edits)), draw(st.booleans())
        made.append((edited(draw(packings)(content), draw(edits)) if packed else content, packed))
    return tuple(made)


def test_the_reader_returns_the_digits_or_raises_a_dataset_error_within_bounded_memory(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    cases = pytestconfig.getoption("fuzz_cases")
    outcomes: Counter[str] = Counter()

    @fuzzed(cases)
    @given(files())
    def try_out(drawn: Files) -> None:
        outcomes[compare(drawn, tmp_path)] += 1

    try_out()
    assert outcomes.total() >= cases
    assert outcomes["refused"] > cases / 4
    assert outcomes["read"] > cases / 50


def compare(files: Files, directory: Path) -> str:
    """Read the files with both readers, and compare the results."""
    for name, (content, packed) in zip(FILE_NAMES, files):
        (directory / name).unlink(missing_ok=True)
        (directory / f"{name}.gz").unlink(missing_ok=True)
        (directory / (f"{name}.gz" if packed else name)).write_bytes(content)
    contents = [unpacked(content) if packed else content for content, packed in files]
    truth = decoded(contents)
    read = read_within(CONSTANT_BYTES + 3 * sum(len(content or b"") for content in contents), directory)
    if truth is None:
        assert read is None
        return "refused"
    assert read is not None
    for array, expected in zip(read, truth, strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected)
    return "read"


def unpacked(content: bytes) -> bytes | None:
    """The content of gzip data; None if the data are malformed."""
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None


def decoded(contents: list[bytes | None]) -> DigitSet | None:
    """The digits in two IDX files, exactly by the format; None if the files are malformed."""
    images, labels = contents
    if images is None or labels is None or len(labels) <= 8:
        return None
    count = len(labels) - 8
    if images[:16] != struct.pack(">IIII", 0x803, count, 28, 28) or labels[:8] != struct.pack(">II", 0x801, count):
        return None
    if len(images) != 16 + count * PIXELS or max(labels[8:]) > 9:
        return None
    return DigitSet(
        np.frombuffer(images[16:], np.uint8).reshape(count, 28, 28),
        np.frombuffer(labels[8:], np.uint8),
    )


def read_within(limit: int, directory: Path) -> DigitSet | None:
    """The digits, or None if they are refused; fail if reading takes more memory than the limit.

    A peak counts only if it recurs: in a long run, Python's own tables, for example of interned names, grow at times.
    """
    for _ in range(2):
        tracemalloc.start()
        message = str(directory)
        try:
            digits = load_digits(directory, "train")
        except DatasetError as error:
            digits, message = None, str(error)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert str(directory) in message
        assert message.isprintable()
        if peak < limit:
            return digits
    raise AssertionError(f"{peak:,} bytes were allocated; {limit:,} are allowed")
