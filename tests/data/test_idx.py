"""IDX files: every form of them is read, and a malformed file is refused with one clear error."""

import gzip
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.idx import encode_idx, write_idx
from support.sources import Sets, assert_digits, assert_refused

from mnist_pipeline.data import reader
from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.datasets import load_digits
from mnist_pipeline.data.idx import FILE_NAMES

TRAIN_IMAGES, _, _, TEST_LABELS = FILE_NAMES


def written(directory: Path, few: Sets, compress: bool = True) -> Path:
    return write_idx(directory, few["train"], few["test"], compress)


@pytest.mark.parametrize("compress", [False, True])
def test_files_are_found_by_the_names_of_downloads_and_where_torchvision_puts_them(
    compress, few, tmp_path
):
    for path in sorted(written(tmp_path / "MNIST" / "raw", few, compress).iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
        path.mkdir()  # some archives have each file in a folder too
    for split, expected in few.items():
        assert_digits(tmp_path, split, expected)


def test_a_file_in_the_directory_itself_comes_before_that_of_torchvision(few, tmp_path):
    others = {split: each._replace(images=each.images[:, ::-1]) for split, each in few.items()}
    for directory in (tmp_path / "raw", tmp_path / "MNIST" / "raw"):
        written(directory, others)
    written(tmp_path, few)
    assert_digits(tmp_path, "train", few["train"])


def test_a_compressed_file_is_not_decompressed_beyond_what_its_header_announces(few, tmp_path):
    path = written(tmp_path, few) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(path.read_bytes() + gzip.compress(bytes(200_000_000)))
    tracemalloc.start()
    assert_refused(tmp_path, f"{TRAIN_IMAGES}.*too long")
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 50_000_000


MALFORMED = {  # the file that is changed, the change of its content, what the error names
    "a page": (TEST_LABELS, lambda content: b"<!DOCTYPE html>", "b'<!DOCTYP'"),
    "a header cut off": (TRAIN_IMAGES, lambda content: content[:10], "damaged"),
    "labels for images": (TRAIN_IMAGES, lambda _: encode_idx(np.zeros(20)), "file of images"),
    "two dimensions": (TRAIN_IMAGES, lambda _: encode_idx(np.zeros((60, 784))), "file of images"),
    "other numbers": (
        TRAIN_IMAGES,
        lambda content: content[:2] + b"\x0d" + content[3:],
        "file of images",
    ),
    "more than memory": (TRAIN_IMAGES, lambda content: content[:4] + b"\xff" * 12, "4294967295"),
    "no pixels": (TRAIN_IMAGES, lambda content: content[:8] + bytes(8), "60×0×0"),
    "a byte cut off": (TRAIN_IMAGES, lambda content: content[:-1], "60×28×28 bytes"),
    "a byte more": (TRAIN_IMAGES, lambda content: content + b"\0", "60×28×28 bytes"),
    "a label less": (TEST_LABELS, lambda _: encode_idx(np.zeros(39)), "40 images and 39 labels"),
    "a label outside": (TEST_LABELS, lambda _: encode_idx(np.full(40, 10)), "label 10.*0–9"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_file_is_refused(case, few, tmp_path):
    name, change, named = MALFORMED[case]
    path = written(tmp_path, few, compress=False) / name
    path.write_bytes(change(path.read_bytes()))
    assert_refused(tmp_path, named)


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], gzip.decompress], ids=["cut", "plain"]
)
def test_a_damaged_gzip_file_is_refused(damage, few, tmp_path):
    path = written(tmp_path, few) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    assert_refused(tmp_path, f"{TRAIN_IMAGES}.*damaged")


def test_classes_txt_may_name_more_classes(few, tmp_path):
    shifted = {split: digits._replace(labels=digits.labels + 30) for split, digits in few.items()}
    written(tmp_path, shifted)
    (tmp_path / "classes.txt").write_text("\n".join(f"class {number}" for number in range(40)))
    assert_digits(tmp_path, "test", shifted["test"])


def test_a_missing_file_is_named(few, tmp_path):
    (written(tmp_path, few) / f"{TEST_LABELS}.gz").unlink()
    assert_refused(tmp_path, TEST_LABELS)


def test_one_changed_byte_in_an_embedded_file_is_refused(data_directory, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "EMBEDDED_DATA", tmp_path)
    for name in FILE_NAMES:
        shutil.copy(data_directory / f"{name}.gz", tmp_path)
    read_raw(tmp_path)
    path = tmp_path / f"{TEST_LABELS}.gz"
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # the time stamp of the gzip header: the digits are the same, the file is not
    path.write_bytes(content)
    load_digits(tmp_path, "test")
    assert_refused(tmp_path, str(path))
