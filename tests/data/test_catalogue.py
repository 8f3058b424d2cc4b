"""The known data sets: their classes, their files, and their download."""

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
    """Write the four files in a layout, as its publisher does."""
    directory.mkdir(parents=True, exist_ok=True)
    for split, (images, labels) in few.items():
        stored = images.swapaxes(1, 2) if layout.transposed else images
        write_file(directory / layout.images_name(split), encode_idx(stored), compress)
        encoded = (
            encode_idx(labels) if layout.labels_magic == datasets.LABELS_MAGIC else encode_rows(label_rows(labels))
        )
        write_file(directory / layout.labels_name(split), encoded, compress)
    return directory


def label_rows(labels: np.ndarray) -> np.ndarray:
    """QMNIST's labels: the digit, and seven columns about the writer."""
    return np.column_stack([labels, *(np.arange(len(labels)) * 1_000 * column for column in range(1, 8))])


def encode_rows(array: np.ndarray) -> bytes:
    return struct.pack(">HBB2I", 0, 0x0C, 2, *array.shape) + array.astype(">i4").tobytes()


# Names


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_ten_classes_have_different_names_that_the_font_of_the_figures_can_draw(known: DataSet) -> None:
    assert len(set(known.class_names)) == len(known.class_names) == 10
    drawable = FT2Font(findfont(FontProperties(family=mpl.rcParamsDefault["font.family"]))).get_charmap()
    assert {ord(letter) for name in (*known.class_names, known.title) for letter in name} <= drawable.keys()


@pytest.mark.parametrize("known", [FASHION_MNIST, KMNIST], ids=["fashion-mnist", "kmnist"])
def test_class_names_are_those_of_torchvision(known: DataSet) -> None:
    import torchvision.datasets

    assert list(known.class_names) == getattr(torchvision.datasets, str(known.publisher)).classes


def test_file_names_are_those_of_the_publisher() -> None:
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
    with pytest.raises(ValueError, match=r"few has 2 .* 10"):
        DataSet("few", "Few", ("a", "b"))


# Reading each layout


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_files_of_a_data_set_are_read_as_digits(
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


MALFORMED: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "bytes for integers": (lambda rows: encode_idx(rows[:, 0]), "0x00000801.*0x00000c02"),
    "seven columns": (lambda rows: encode_rows(rows[:, :7]), "7 columns.* 8"),
    "a negative label": (lambda rows: encode_rows(rows - 9 * np.eye(1, 8, dtype=int)), "is -[0-9].*0–9"),
    "a label whose last byte is a digit": (
        lambda rows: encode_rows(rows + 256 * np.eye(1, 8, dtype=int)),
        "0 is 263.*0–9",
    ),
    "cut": (lambda rows: encode_rows(rows)[:-1], "639"),
    "a byte more": (lambda rows: encode_rows(rows) + b"\0", "more bytes than the 20 items"),
    "no rows": (lambda rows: encode_rows(rows[:0]), "no items"),
    "half a header": (lambda rows: encode_rows(rows)[:7], "7 bytes of a 12-byte header"),
    "a row less": (lambda rows: encode_rows(rows[:-1]), "19 labels"),
    "too many": (lambda rows: struct.pack(">4I", 0x0C02, 1 << 31, 8, 0), "2,147,483,648.*1,000,000"),
    "a huge width": (lambda rows: struct.pack(">4I", 0x0C02, 20, 1 << 31, 0), "2,147,483,648 columns.* 8"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_rows_of_labels_are_refused_by_file_and_value(
    name: str, few: dict[datasets.Split, DigitSet], compress: bool, tmp_path: Path
) -> None:
    damage, named = MALFORMED[name]
    write(tmp_path, QMNIST.layout, few, compress)
    write_file(tmp_path / QMNIST_TEST_LABELS, damage(label_rows(few["test"].labels)), compress)
    with pytest.raises(DatasetError, match=f"{QMNIST_TEST_LABELS}.*{named}"):
        load_digits(tmp_path, "test", layout=QMNIST.layout)
    load_digits(tmp_path, "train", layout=QMNIST.layout)


# Fetching


class Publisher:
    """Replaces a class of torchvision: it writes files as if downloaded, or raises an error."""

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
def test_the_directory_contains_the_downloaded_files_and_nothing_else(
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


def test_the_error_of_an_unreachable_host_names_the_setting_that_helps(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    publishing(Publisher(KMNIST, few, RuntimeError("Error downloading:\nTried mirror, got:\n<urlopen error -2>\n")))
    with pytest.raises(DatasetError, match=r"kmnist.*urlopen error -2.*MNIST_PIPELINE_DATA_SETS=kmnist=") as caught:
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_download_is_validated_before_it_is_moved_into_place(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    wrong = DigitSet(few["test"].images, few["test"].labels + 10)
    publishing(Publisher(KMNIST, {**few, "test": wrong}))
    with pytest.raises(DatasetError, match="0–9"):
        data_sets.fetch(KMNIST, tmp_path / "kmnist")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_not_overwritten(
    few: dict[datasets.Split, DigitSet], publishing: Callable[[Publisher], Publisher], tmp_path: Path
) -> None:
    publisher = publishing(Publisher(KMNIST, few))
    with pytest.raises(DatasetError, match=f"{tmp_path}.*kmnist"):
        data_sets.fetch(KMNIST, tmp_path)
    assert publisher.asked == []
