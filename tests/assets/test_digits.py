"""The assets of the digits, called as functions."""

import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.idx import write_idx
from support.resources import DATA_SET

from assets import digits
from mnist_pipeline.data.datasets import DatasetError, DigitSet, load_digits
from mnist_pipeline.runtime.graph.results import HEADLINE, ROW_COUNT

READERS = {"train": digits.train_digits, "test": digits.test_digits}


@pytest.fixture
def files(storage: Path) -> pd.DataFrame:
    """The value of raw_mnist for the slice."""
    return digits.raw_mnist(data_set=DATA_SET).value


@pytest.fixture
def own(
    small_train: DigitSet, small_test: DigitSet, storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A small data directory that a test may spoil, which the environment names."""
    directory = tmp_path / "own"
    write_idx(directory, _first(small_train, 60), _first(small_test, 40), compress=False)
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(directory))
    return directory


def _first(digit_set: DigitSet, count: int) -> DigitSet:
    return DigitSet(digit_set.images[:count], digit_set.labels[:count])


def _last(digit_set: DigitSet, count: int) -> DigitSet:
    return DigitSet(digit_set.images[-count:], digit_set.labels[-count:])


def test_raw_mnist_holds_name_size_and_sha_256_of_the_four_files(files: pd.DataFrame, slice_directory: Path) -> None:
    assert sorted(files["name"]) == sorted(path.name for path in slice_directory.iterdir())
    for name, size, sha256 in files.itertuples(index=False):
        content = (slice_directory / name).read_bytes()
        assert (size, sha256) == (len(content), hashlib.sha256(content).hexdigest())
    metadata = digits.raw_mnist(data_set=DATA_SET).metadata
    assert Path(metadata["directory"].value) == slice_directory.resolve()
    assert metadata["canonical"] is False
    assert "4 files" in metadata[HEADLINE]


def test_the_embedded_files_are_recognized_as_mnist(
    storage: Path, data_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_PIPELINE_DATA")
    metadata = digits.raw_mnist(data_set=DATA_SET).metadata
    assert metadata["canonical"] is True
    assert Path(metadata["directory"].value) == data_directory


@pytest.mark.parametrize("split", READERS)
def test_digits_are_those_of_the_files_and_counted_by_class(
    split: str, files: pd.DataFrame, small_train: DigitSet, small_test: DigitSet
) -> None:
    result = READERS[split](files, data_set=DATA_SET)
    found: DigitSet = result.value
    expected = {"train": small_train, "test": small_test}[split]
    np.testing.assert_array_equal(found.images, expected.images, strict=True)
    np.testing.assert_array_equal(found.labels, expected.labels, strict=True)
    counts = [record.data["count"] for record in result.metadata["classes"].records]
    assert counts == np.bincount(found.labels, minlength=10).tolist()
    assert result.metadata[ROW_COUNT] == sum(counts)
    assert result.metadata["pixel_mean"] == pytest.approx(found.images.mean(dtype=np.float64), rel=1e-5)


@pytest.fixture
def swapped_at(
    own: Path, small_train: DigitSet, small_test: DigitSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int], None]:
    """A function that exchanges the data directory by another one while the file of a number, from 0, is open."""
    other, real_open = tmp_path / "other", os.open
    write_idx(other, _last(small_train, 60), _last(small_test, 40), compress=False)
    opened, swapped = itertools.count(), [-1]

    def exchange() -> None:
        own.rename(tmp_path / "aside")
        other.rename(own)
        (tmp_path / "aside").rename(other)

    def swapping_open(path: str | Path, *arguments: int, **options: int) -> int:
        if Path(path).parent != own:
            return real_open(path, *arguments, **options)
        is_swapped = next(opened) == swapped[0]
        if is_swapped:
            exchange()
        descriptor = real_open(path, *arguments, **options)
        if is_swapped:
            exchange()
        return descriptor

    def swap_at(number: int) -> None:
        nonlocal opened
        opened, swapped[0] = itertools.count(), number

    monkeypatch.setattr(os, "open", swapping_open)
    return swap_at


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("split", READERS)
def test_a_file_that_is_swapped_away_and_back_is_never_read_as_the_recorded_one(
    split: str, number: int, own: Path, swapped_at: Callable[[int], None]
) -> None:
    recorded, expected = digits.raw_mnist(data_set=DATA_SET).value, load_digits(own, split)
    swapped_at(number)
    if number < 2:  # images and labels
        with pytest.raises(DatasetError, match=str(own)):
            READERS[split](recorded, data_set=DATA_SET)
    else:  # no file is opened a third time
        found = READERS[split](recorded, data_set=DATA_SET).value
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("number", range(8))
def test_raw_mnist_records_the_bytes_that_it_validated(
    number: int, own: Path, swapped_at: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own.with_name("other") / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x0b")  # 11 is not a class
    expected = digits.raw_mnist(data_set=DATA_SET).value
    swapped_at(number)
    if number == 1:
        with pytest.raises(DatasetError, match=path.name):
            digits.raw_mnist(data_set=DATA_SET)
    else:
        found = digits.raw_mnist(data_set=DATA_SET).value
        assert expected.equals(found) == (number >= 4)
        assert hashlib.sha256(path.read_bytes()).hexdigest() not in set(found["sha256"])


@pytest.mark.parametrize("split", READERS)
def test_digits_are_refused_where_the_files_changed_after_raw_mnist(
    split: str, own: Path, small_train: DigitSet, small_test: DigitSet
) -> None:
    recorded = digits.raw_mnist(data_set=DATA_SET).value
    assert READERS[split](recorded, data_set=DATA_SET).value.images.shape[1:] == (28, 28)
    write_idx(own, _first(small_train, 61), _first(small_test, 41), compress=False)
    with pytest.raises(DatasetError, match=f"{own}.*run --changed"):
        READERS[split](recorded, data_set=DATA_SET)
    assert len(READERS[split](digits.raw_mnist(data_set=DATA_SET).value, data_set=DATA_SET).value.labels) in (61, 41)


def test_raw_mnist_refuses_a_malformed_file_and_names_it(own: Path) -> None:
    path = own / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DatasetError, match=path.name):
        digits.raw_mnist(data_set=DATA_SET)


def test_digit_images_are_the_first_of_each_class(small_train: DigitSet) -> None:
    images = digits.digit_images(small_train, data_set=DATA_SET).value
    assert (images.shape, images.dtype) == ((10, 28, 28), np.uint8)
    for label, image in enumerate(images):
        first = small_train.labels.tolist().index(label)
        np.testing.assert_array_equal(image, small_train.images[first])
