"""The assets of the digits, called as functions."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.idx import write_idx
from support.resources import DATA_SET

from assets import digits
from mnist_pipeline.data.datasets import DatasetError, DigitSet
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
