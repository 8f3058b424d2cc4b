"""The known data sets: their classes, their files, and their download."""

import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from support.idx import encode_idx, write_file

from mnist_pipeline.data import catalogue as data_sets
from mnist_pipeline.data import datasets
from mnist_pipeline.data.catalogue import EMNIST_DIGITS, FASHION_MNIST, KMNIST, KNOWN, QMNIST, DataSet
from mnist_pipeline.data.datasets import DatasetError, DigitSet, load_digits
from mnist_pipeline.data.idx import LABELS_MAGIC, Layout

Digits = dict[datasets.Split, DigitSet]
each_known = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)


def write(directory: Path, layout: Layout, few: Digits, compress: bool = True) -> Path:
    """Write the four files in a layout, as its publisher does."""
    directory.mkdir(parents=True, exist_ok=True)
    for split, (images, labels) in few.items():
        stored = images.swapaxes(1, 2) if layout.transposed else images
        images_name, labels_name = layout.names[split]
        write_file(directory / images_name, encode_idx(stored), compress)
        encoded = encode_idx(labels) if layout.labels_magic == LABELS_MAGIC else encode_rows(label_rows(labels))
        write_file(directory / labels_name, encoded, compress)
    return directory


def label_rows(labels: np.ndarray) -> np.ndarray:
    """QMNIST's labels: the digit, and seven columns about the writer."""
    return np.column_stack([labels, *(np.arange(len(labels)) * 1_000 * column for column in range(1, 8))])


def encode_rows(array: np.ndarray) -> bytes:
    return struct.pack(">HBB2I", 0, 0x0C, 2, *array.shape) + array.astype(">i4").tobytes()


# Names


@each_known
def test_ten_classes_have_different_names_that_the_font_of_the_figures_can_draw(known: DataSet) -> None:
    assert len(set(known.class_names)) == len(known.class_names) == 10
    drawable = FT2Font(findfont(FontProperties(family=mpl.rcParamsDefault["font.family"]))).get_charmap()
    assert {ord(letter) for name in (*known.class_names, known.title) for letter in name} <= drawable.keys()


def test_class_names_and_file_names_are_those_of_torchvision() -> None:
    import torchvision.datasets

    for known in (FASHION_MNIST, KMNIST):
        published = getattr(torchvision.datasets, str(known.publisher))
        assert list(known.class_names) == published.classes
        assert set(known.layout.file_names) == {Path(name).stem for name, _ in published.resources}
    resources = torchvision.datasets.QMNIST.resources
    assert list(QMNIST.layout.file_names) == [
        Path(url).stem for split in ("train", "test") for url, _ in resources[split]
    ]
    assert EMNIST_DIGITS.layout.file_names[0] == "emnist-digits-train-images-idx3-ubyte"


# Reading each layout


@pytest.mark.parametrize("compress", [True, False], ids=["gz", "plain"])
@each_known
def test_the_files_of_each_data_set_are_read(known: DataSet, few: Digits, compress: bool, tmp_path: Path) -> None:
    write(tmp_path, known.layout, few, compress)
    datasets.validate(tmp_path)
    for split, expected in few.items():
        found = load_digits(tmp_path, split)
        assert found.images.dtype == found.labels.dtype == np.uint8
        assert found.images.flags.c_contiguous
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
    names = [file.name.removesuffix(".gz") for file in datasets.raw_files(tmp_path)]
    assert names == list(known.layout.file_names)


@pytest.mark.parametrize("known", [EMNIST_DIGITS, QMNIST], ids=["emnist-digits", "qmnist"])
def test_torchvision_reads_the_same(known: DataSet, few: Digits, tmp_path: Path) -> None:
    import torchvision.datasets

    kind = getattr(torchvision.datasets, str(known.publisher))
    write(tmp_path / known.publisher / "raw", known.layout, few, compress=False)  # type: ignore[operator]
    options = {"split": "digits"} if known is EMNIST_DIGITS else {}
    read = kind(tmp_path, train=False, download=False, **options)
    images, labels = load_digits(tmp_path / str(known.publisher) / "raw", "test")
    theirs = read.data.numpy()
    np.testing.assert_array_equal(images, theirs.swapaxes(1, 2) if known is EMNIST_DIGITS else theirs)
    assert labels.tolist() == [read[index][1] for index in range(len(labels))]


# Fetching


Published = list[tuple[bool, dict[str, Any]]]  # the options of each call


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, few: Digits) -> Callable[..., Published]:
    """Replace a class of torchvision: it writes files as if they were downloaded, or raises an error."""
    import torchvision.datasets

    def replace(known: DataSet, error: Exception | None = None, **files: DigitSet) -> Published:
        asked: Published = []

        def published(root: str, train: bool, download: bool, **options: Any) -> SimpleNamespace:
            asked.append((download, options))
            if error:
                raise error
            return SimpleNamespace(raw_folder=write(Path(root) / "raw", known.layout, {**few, **files}))

        monkeypatch.setattr(torchvision.datasets, str(known.publisher), published)
        return asked

    return replace


@each_known
def test_the_directory_contains_the_downloaded_files_and_nothing_else(
    known: DataSet, few: Digits, publish: Callable[..., Published], tmp_path: Path
) -> None:
    publish(known)
    directory = tmp_path / "data" / known.name
    data_sets.fetch(known, directory)
    assert {path.name for path in directory.iterdir()} == {f"{name}.gz" for name in known.layout.file_names}
    assert list(directory.parent.iterdir()) == [directory]
    np.testing.assert_array_equal(load_digits(directory, "test").labels, few["test"].labels)


def test_the_error_of_an_unreachable_host_names_the_setting_that_helps(
    publish: Callable[..., Published], tmp_path: Path
) -> None:
    publish(KMNIST, RuntimeError("Error downloading:\nTried mirror, got:\n<urlopen error -2>\n"))
    with pytest.raises(DatasetError, match=r"kmnist.*urlopen error -2.*MNIST_PIPELINE_DATA") as caught:
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_download_is_validated_before_it_is_moved_into_place(
    few: Digits, publish: Callable[..., Published], tmp_path: Path
) -> None:
    publish(KMNIST, test=DigitSet(few["test"].images, few["test"].labels + 10))
    with pytest.raises(DatasetError, match="0–9"):
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_not_overwritten(publish: Callable[..., Published], tmp_path: Path) -> None:
    asked = publish(KMNIST)
    with pytest.raises(DatasetError, match=f"{tmp_path}.*kmnist"):
        data_sets.fetch(KMNIST, tmp_path)
    assert asked == []
