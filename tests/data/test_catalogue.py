"""The data sets that are known by name: their classes, their files, and how they are fetched."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
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
from mnist_pipeline.data.datasets import DatasetError, DigitSet, Layout, load_digits

QMNIST_TEST_LABELS = "qmnist-test-labels-idx2-int"


@pytest.fixture
def few(train: DigitSet, test: DigitSet) -> dict[datasets.Split, DigitSet]:
    return {
        "train": DigitSet(train.images[:40], train.labels[:40]),
        "test": DigitSet(test.images[:20], test.labels[:20]),
    }


@pytest.fixture(params=[True, False], ids=["gz", "plain"])
def compress(request: pytest.FixtureRequest) -> bool:
    return request.param


def write(directory: Path, layout: Layout, few: dict[datasets.Split, DigitSet], compress: bool = True) -> Path:
    """The four files in a layout, as its publisher writes them."""
    directory.mkdir(parents=True, exist_ok=True)
    for split, (images, labels) in few.items():
        stored = images.swapaxes(1, 2) if layout.transposed else images
        write_file(directory / layout.images_name(split), encode_idx(stored), compress)
        encoded = encode_idx(labels) if layout.labels_magic == datasets.LABELS_MAGIC else encode_rows(rows(labels))
        write_file(directory / layout.labels_name(split), encoded, compress)
    return directory


def rows(labels: np.ndarray) -> np.ndarray:
    """QMNIST's labels: the digit, and seven columns about the writer."""
    return np.column_stack([labels, *(np.arange(len(labels)) * 1_000 * column for column in range(1, 8))])


def encode_rows(array: np.ndarray) -> bytes:
    return struct.pack(">HBB2I", 0, 0x0C, 2, *array.shape) + array.astype(">i4").tobytes()


# What is known of each


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_ten_classes_have_names_of_their_own_which_the_font_of_the_figures_can_draw(known: DataSet) -> None:
    assert len(set(known.class_names)) == len(known.class_names) == 10
    drawable = FT2Font(findfont(FontProperties(family=mpl.rcParamsDefault["font.family"]))).get_charmap()
    assert {ord(letter) for name in (*known.class_names, known.title) for letter in name} <= drawable.keys()


@pytest.mark.parametrize("known", [FASHION_MNIST, KMNIST], ids=["fashion-mnist", "kmnist"])
def test_the_names_are_those_that_torchvision_gives(known: DataSet) -> None:
    import torchvision.datasets

    assert list(known.class_names) == getattr(torchvision.datasets, str(known.publisher)).classes


def test_the_names_of_the_files_are_those_that_are_published() -> None:
    import torchvision.datasets

    published = [
        Path(url).stem for split in ("train", "test") for url, _ in torchvision.datasets.QMNIST.resources[split]
    ]
    assert list(QMNIST.layout.file_names) == published
    for known in (FASHION_MNIST, KMNIST):
        files = {Path(name).stem for name, _ in getattr(torchvision.datasets, str(known.publisher)).resources}
        assert set(known.layout.file_names) == files
    assert EMNIST_DIGITS.layout.file_names[0] == "emnist-digits-train-images-idx3-ubyte"


def test_other_than_ten_names_are_refused() -> None:
    with pytest.raises(ValueError, match="has 2 class names; there must be 10"):
        DataSet("few", "Few", ("a", "b"))


# Reading each layout


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_files_in_the_layout_of_a_data_set_come_back_as_digits(
    known: DataSet, few: dict[datasets.Split, DigitSet], compress: bool, tmp_path: Path
) -> None:
    write(tmp_path, known.layout, few, compress)
    datasets.validate(tmp_path, layout=known.layout)
    for split, expected in few.items():
        found = load_digits(tmp_path, split, layout=known.layout)
        assert found.images.dtype == found.labels.dtype == np.uint8
        assert found.images.flags.c_contiguous
        np.testing.assert_array_equal(found.images, expected.images)
        np.testing.assert_array_equal(found.labels, expected.labels)
    names = [file.name.removesuffix(".gz") for file in datasets.raw_files(tmp_path, known.layout)]
    assert names == list(known.layout.file_names)


@pytest.mark.parametrize("known", [EMNIST_DIGITS, QMNIST], ids=["emnist-digits", "qmnist"])
def test_torchvision_reads_the_same(known: DataSet, few: dict[datasets.Split, DigitSet], tmp_path: Path) -> None:
    import torchvision.datasets

    kind = getattr(torchvision.datasets, str(known.publisher))
    write(tmp_path / known.publisher / "raw", known.layout, few, compress=False)  # type: ignore[operator]
    options = {"split": "digits"} if known is EMNIST_DIGITS else {}
    read = kind(tmp_path, train=False, download=False, **options)
    images, labels = load_digits(tmp_path / str(known.publisher) / "raw", "test", layout=known.layout)
    theirs = read.data.numpy()
    np.testing.assert_array_equal(images, theirs.swapaxes(1, 2) if known is EMNIST_DIGITS else theirs)
    assert labels.tolist() == [read[index][1] for index in range(len(labels))]


def _columns(good: np.ndarray) -> bytes:
    return encode_rows(good[:, :7])


def _negative(good: np.ndarray) -> bytes:
    return encode_rows(np.where(good == good[3, 0], -1, good))


def _beyond_a_byte(good: np.ndarray) -> bytes:
    good[5, 0] = 256 + 5
    return encode_rows(good)


MALFORMED: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "bytes for integers": (lambda good: encode_idx(good[:, 0]), "magic number 0x00000801 instead of 0x00000c02"),
    "seven columns": (_columns, "holds labels of 7 columns; they must have 8"),
    "a negative label": (_negative, "is -1; labels must lie in 0–9"),
    "a label whose last byte is a digit": (_beyond_a_byte, "label 5 is 261; labels must lie in 0–9"),
    "cut": (lambda good: encode_rows(good)[:-1], "announces 20 items, 640 bytes, and only 639 are there"),
    "a byte more": (lambda good: encode_rows(good) + b"\0", "holds more bytes than the 20 items its header announces"),
    "no rows": (lambda good: encode_rows(good[:0]), "holds no items"),
    "half a header": (lambda good: encode_rows(good)[:7], "7 bytes of a 12-byte header"),
    "a row less": (lambda good: encode_rows(good[:-1]), "holds 20 images and"),
    "too many": (lambda good: struct.pack(">4I", 0x0C02, 1 << 31, 8, 0), "at most 1,000,000 are read"),
    "a huge width": (lambda good: struct.pack(">4I", 0x0C02, 20, 1 << 31, 0), "columns; they must have 8"),
}


@pytest.mark.parametrize(("damage", "told"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_rows_of_labels_are_told_with_the_file_and_what_is_wrong(
    damage: Callable[[np.ndarray], bytes],
    told: str,
    few: dict[datasets.Split, DigitSet],
    compress: bool,
    tmp_path: Path,
) -> None:
    write(tmp_path, QMNIST.layout, few, compress)
    write_file(tmp_path / QMNIST_TEST_LABELS, damage(rows(few["test"].labels)), compress)
    if compress and told.endswith("639 are there"):
        told = "639 are there"
    with pytest.raises(DatasetError) as caught:
        load_digits(tmp_path, "test", layout=QMNIST.layout)
    assert told in str(caught.value)
    assert QMNIST_TEST_LABELS in str(caught.value)
    assert "\n" not in str(caught.value)
    load_digits(tmp_path, "train", layout=QMNIST.layout)


# Fetching


class Publisher:
    """In the place of a class of torchvision: what it would have downloaded, or why it can't."""

    def __init__(self, known: DataSet, files: dict[datasets.Split, DigitSet], error: Exception | None = None) -> None:
        self.known, self.files, self.error, self.asked = known, files, error, []  # type: ignore[var-annotated]

    def __call__(self, root: str, train: bool, download: bool, **options: Any) -> Publisher:
        self.asked.append((train, download, options))
        if self.error:
            raise self.error
        self.raw_folder = str(write(Path(root) / "raw", self.known.layout, self.files))
        return self


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Publisher], Publisher]:
    import torchvision.datasets

    def replace(publisher: Publisher) -> Publisher:
        monkeypatch.setattr(torchvision.datasets, str(publisher.known.publisher), publisher)
        return publisher

    return replace


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_what_torchvision_downloads_comes_to_lie_in_the_directory_which_holds_nothing_else(
    known: DataSet,
    few: dict[datasets.Split, DigitSet],
    publishing: Callable[[Publisher], Publisher],
    tmp_path: Path,
) -> None:
    publisher = publishing(Publisher(known, few))
    data_sets.fetch(known, tmp_path / "data" / known.name)
    found = sorted(path.name for path in (tmp_path / "data" / known.name).iterdir())
    assert found == sorted(f"{name}.gz" for name in known.layout.file_names)
    assert [path.name for path in (tmp_path / "data").iterdir()] == [known.name]
    assert (
        load_digits(tmp_path / "data" / known.name, "test", layout=known.layout).labels.tolist()
        == few["test"].labels.tolist()
    )
    assert all(download for _, download, _ in publisher.asked)


def test_a_host_that_does_not_answer_is_told_in_a_line_with_the_way_around_and_leaves_nothing(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    publishing(Publisher(KMNIST, few, RuntimeError("Error downloading:\nTried mirror, got:\n<urlopen error -2>\n")))
    with pytest.raises(DatasetError) as caught:
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    told = str(caught.value)
    assert told.startswith(
        "kmnist can't be fetched: torchvision's host for it does not answer (Error downloading: Tried"
    )
    assert told.endswith("MNIST_PIPELINE_DATA_SETS=kmnist=DIRECTORY")
    assert "\n" not in told
    assert list(tmp_path.iterdir()) == []


def test_what_is_fetched_is_read_before_it_is_there(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    wrong = DigitSet(few["test"].images, few["test"].labels + 10)
    publishing(Publisher(KMNIST, {**few, "test": wrong}))
    with pytest.raises(DatasetError, match="labels must lie in 0–9"):
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    assert list(tmp_path.iterdir()) == []


def test_what_was_fetched_is_not_fetched_over(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    publisher = publishing(Publisher(KMNIST, few))
    with pytest.raises(DatasetError, match="is there already; remove it to fetch kmnist again"):
        data_sets.fetch(KMNIST, tmp_path)
    assert publisher.asked == []
