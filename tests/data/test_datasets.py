"""Reading the four files: what is right is read to the byte, what is wrong is told in one clear error."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import pickle
import shutil
import socket
import stat
import struct
import sys
import tempfile
import time
import tracemalloc
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.idx import encode_idx, write_file, write_idx

from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import FILE_NAMES, DatasetError, DigitSet, load_digits

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILE_NAMES
NOBODY = 65534
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not here.</body></html>\n"
MEGABYTE = 1 << 20


@pytest.fixture
def few(train: DigitSet, test: DigitSet) -> tuple[DigitSet, DigitSet]:
    """Forty training and twenty test digits: enough to damage."""
    return DigitSet(train.images[:40], train.labels[:40]), DigitSet(test.images[:20], test.labels[:20])


@pytest.fixture(params=[True, False], ids=["gz", "plain"])
def compress(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to fetch something ends the test."""

    def refuse(*arguments: object, **options: object) -> None:
        pytest.fail(f"a download was attempted: {arguments}")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


# What is right


def test_the_embedded_data_are_the_sixty_and_ten_thousand_digits(train: DigitSet, test: DigitSet) -> None:
    for digits, count in ((train, 60_000), (test, 10_000)):
        assert digits.images.shape == (count, 28, 28)
        assert digits.labels.shape == (count,)
        assert digits.images.dtype == digits.labels.dtype == np.uint8
        assert (digits.images.min(), digits.images.max()) == (0, 255)
        assert np.unique(digits.labels).tolist() == list(range(10))


@pytest.mark.parametrize("split", ["train", "test"])
def test_torchvision_reads_the_same_bytes(
    split: datasets.Split, canonical_copy: Path, request: pytest.FixtureRequest, no_network: None
) -> None:
    from torchvision.datasets import MNIST

    class Copied(MNIST):  # type: ignore[misc]  # torchvision carries no types
        raw_folder = str(canonical_copy)

    digits = Copied(str(canonical_copy), train=split == "train", download=True)
    own: DigitSet = request.getfixturevalue(split)
    np.testing.assert_array_equal(digits.data.numpy(), own.images)
    np.testing.assert_array_equal(digits.targets.numpy(), own.labels)


def test_the_checksums_are_those_that_torchvision_publishes() -> None:
    from torchvision.datasets import MNIST

    assert dict(MNIST.resources) == datasets.MNIST_SUMS


def test_other_digits_come_back_as_they_were_written(tmp_path: Path, compress: bool) -> None:
    generator = np.random.default_rng(0)
    written = {
        split: DigitSet(
            generator.integers(0, 256, (count, 28, 28), np.uint8), generator.integers(0, 10, count, np.uint8)
        )
        for split, count in (("train", 300), ("test", 7))
    }
    write_idx(tmp_path, written["train"], written["test"], compress)
    for split, digits in written.items():
        read = load_digits(tmp_path, split)
        np.testing.assert_array_equal(read.images, digits.images)
        np.testing.assert_array_equal(read.labels, digits.labels)
    datasets.validate(tmp_path)


def test_plain_and_compressed_files_can_stand_side_by_side(tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    write_idx(tmp_path, *few)
    packed = tmp_path / f"{TRAIN_IMAGES}.gz"
    (tmp_path / TRAIN_IMAGES).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    images, labels = load_digits(str(tmp_path), "train")
    np.testing.assert_array_equal(images, few[0].images)
    np.testing.assert_array_equal(labels, few[0].labels)


def test_a_gzip_file_of_several_members_is_read_whole(tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    write_idx(tmp_path, *few)
    content = encode_idx(few[0].images)
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(content[:999]) + gzip.compress(content[999:]))
    np.testing.assert_array_equal(load_digits(tmp_path, "train").images, few[0].images)


def test_raw_files_are_described_by_name_size_and_checksum(data_directory: Path) -> None:
    described = datasets.raw_files(data_directory)
    assert [file.name for file in described] == [f"{name}.gz" for name in FILE_NAMES]
    for file in described:
        content = (data_directory / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_first_of_each_class_are_the_earliest_of_their_label(train: DigitSet) -> None:
    images = datasets.first_of_each_class(train)
    labels = train.labels.tolist()
    assert images.shape == (10, 28, 28)
    for label, image in enumerate(images):
        np.testing.assert_array_equal(image, train.images[labels.index(label)])


def test_a_class_without_an_image_is_named(small_train: DigitSet) -> None:
    kept = ~np.isin(small_train.labels, (3, 8))
    with pytest.raises(DatasetError, match="no image of class 3, 8"):
        datasets.first_of_each_class(DigitSet(small_train.images[kept], small_train.labels[kept]))


# What is wrong


class Malformed(NamedTuple):
    """A way to spoil a good directory, and what the error must say.

    Attributes
    ----------
    spoil : function of the directory, giving the path that the message must name
    compress : whether the good files are gzip
    wrong, remedy : regular expressions
    """

    spoil: Callable[[Path], Path]
    compress: bool
    wrong: str
    remedy: str


def _edit(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """Edits the bytes of a file as they lie on disk."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, name)
        path.write_bytes(edit(path.read_bytes()))
        return path

    return spoil


def _edit_content(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """Edits the bytes of a file before compression."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, name)
        packed = path.suffix == ".gz"
        content = path.read_bytes()
        return write_file(directory / name, edit(gzip.decompress(content) if packed else content), packed)

    return spoil


def _remove_directory(directory: Path) -> Path:
    shutil.rmtree(directory)
    return directory


def _file_for_directory(directory: Path) -> Path:
    shutil.rmtree(directory)
    directory.write_text("not a directory")
    return directory


def _empty_directory(directory: Path) -> Path:
    for path in directory.iterdir():
        path.unlink()
    return directory / TRAIN_IMAGES


def _remove(name: str) -> Callable[[Path], Path]:
    def spoil(directory: Path) -> Path:
        datasets.find_file(directory, name).unlink()
        return directory / name

    return spoil


def _directory_for_file(directory: Path) -> Path:
    path = directory / f"{TEST_IMAGES}.gz"
    path.unlink()
    path.mkdir()
    return path


def _link_to(target: str) -> Callable[[Path], Path]:
    """A link in place of the compressed test images; a relative target lies in the data directory."""

    def spoil(directory: Path) -> Path:
        path = directory / f"{TEST_IMAGES}.gz"
        path.unlink()
        path.symlink_to(directory / target)
        return path

    return spoil


def _looping_directory(directory: Path) -> Path:
    shutil.rmtree(directory)
    directory.symlink_to(directory)
    return directory


def _special_file(make: Callable[[Path], None], suffix: str = ".gz") -> Callable[[Path], Path]:
    def spoil(directory: Path) -> Path:
        path = directory / f"{TRAIN_LABELS}{suffix}"
        path.unlink()
        make(path)
        return path

    return spoil


def _make_socket(path: Path) -> None:
    os.mknod(path, stat.S_IFSOCK | 0o600)


def _below_a_file(directory: Path) -> Path:
    shutil.rmtree(directory)
    directory.parent.rmdir()
    directory.parent.write_text("not a directory")
    return directory


def _rename_to(new: str) -> Callable[[Path], Path]:
    """Another name for the training images."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, TRAIN_IMAGES)
        path.rename(directory / new)
        return directory / TRAIN_IMAGES

    return spoil


def _damaged_beside_good(directory: Path) -> Path:
    path = directory / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(b"")
    return path


def _grow(size: int) -> Callable[[Path], Path]:
    """Makes the training images that long with a hole, which takes no room on the disk."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, TRAIN_IMAGES)
        os.truncate(path, size)
        return path

    return spoil


def _zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data", content)
    return buffer.getvalue()


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _copy(source: str, target: str) -> Callable[[Path], Path]:
    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, target)
        shutil.copy(datasets.find_file(directory, source), path)
        return path

    return spoil


def _damaged_checksum(content: bytes) -> bytes:
    return content[:-8] + bytes([content[-8] ^ 1]) + content[-7:]


def _announce(*sizes: int) -> Callable[[bytes], bytes]:
    """Puts other sizes into the header."""
    header = struct.pack(f">{len(sizes)}I", *sizes)
    return lambda content: content[:4] + header + content[4 + len(header) :]


def _label(where: int, label: int) -> Callable[[bytes], bytes]:
    return lambda content: content[: 8 + where] + bytes([label]) + content[9 + where :]


FETCH = "fetch the file again"
MALFORMED = {
    "directory missing": Malformed(
        _remove_directory, True, "does not exist", "point MNIST_PIPELINE_DATA at a directory"
    ),
    "file in place of the directory": Malformed(
        _file_for_directory, True, "is not a directory", "MNIST_PIPELINE_DATA must name one"
    ),
    "directory empty": Malformed(_empty_directory, True, "holds neither", "copy the file there"),
    "training images missing": Malformed(_remove(TRAIN_IMAGES), True, "holds neither", "copy the file there"),
    "test labels missing": Malformed(_remove(TEST_LABELS), False, "holds neither", "copy the file there"),
    "directory in place of a file": Malformed(_directory_for_file, True, "is not a file", "put the IDX file"),
    "link to nowhere": Malformed(_link_to("nowhere"), True, "a link to what does not exist", "put the IDX file"),
    "link to itself": Malformed(
        _link_to(f"{TEST_IMAGES}.gz"), True, "can't be read: Too many levels", "links lead back"
    ),
    "data directory a link to itself": Malformed(
        _looping_directory, True, "can't be read: Too many levels", "links lead back"
    ),
    "link to a device": Malformed(_link_to("/dev/zero"), True, "is not a file", "put the IDX file"),
    "link to a directory": Malformed(_link_to("."), True, "is not a file", "put the IDX file"),
    "pipe in place of a file": Malformed(_special_file(os.mkfifo), True, "is not a file", "put the IDX file"),
    "socket in place of a file": Malformed(_special_file(_make_socket), True, "is not a file", "put the IDX file"),
    "plain pipe": Malformed(_special_file(os.mkfifo, ""), False, "is not a file", "put the IDX file"),
    "file below a file": Malformed(_below_a_file, True, "does not exist", "point MNIST_PIPELINE_DATA at a directory"),
    "file of another name": Malformed(
        _rename_to(f"{TRAIN_IMAGES}.gz.bak"), True, "holds neither", "copy the file there"
    ),
    "file with capital letters": Malformed(
        _rename_to("TRAIN-IMAGES-IDX3-UBYTE.GZ"), True, "holds neither", "copy the file there"
    ),
    "file with a dot in its name, as some pages offer it": Malformed(
        _rename_to("train-images.idx3-ubyte"), False, "holds neither", "copy the file there"
    ),
    "unreadable medium": Malformed(_link_to("/proc/self/mem"), True, "can't be read: Input/output", "check its name"),
    "damaged gzip beside a good plain file": Malformed(_damaged_beside_good, False, "not gzip data", FETCH),
    "gzip cut in its header": Malformed(_edit(TRAIN_IMAGES, lambda c: c[:6]), True, "truncated", FETCH),
    "gzip cut in the middle": Malformed(_edit(TRAIN_IMAGES, lambda c: c[: len(c) // 2]), True, "truncated", FETCH),
    "gzip without its checksum": Malformed(_edit(TEST_LABELS, lambda c: c[:-8]), True, "truncated", FETCH),
    "gzip without its last byte": Malformed(_edit(TEST_IMAGES, lambda c: c[:-1]), True, "truncated", FETCH),
    "gzip that turns into garbage": Malformed(
        _edit(TRAIN_IMAGES, lambda c: c[:10] + b"\xff" * 500), True, "damaged", FETCH
    ),
    "gzip checksum damaged": Malformed(
        _edit(TRAIN_IMAGES, _damaged_checksum), True, "damaged.*incorrect data check", FETCH
    ),
    "gzip length damaged": Malformed(
        _edit(TRAIN_LABELS, lambda c: c[:-1] + b"\1"), True, "damaged.*incorrect length check", FETCH
    ),
    "gzip of an unknown method": Malformed(
        _edit(TRAIN_LABELS, lambda c: c[:2] + b"\7" + c[3:]), True, "damaged.*unknown compression method", FETCH
    ),
    "garbage behind the gzip stream": Malformed(_edit(TEST_IMAGES, lambda c: c + b"garbage"), True, "damaged", FETCH),
    "zeros behind the gzip stream": Malformed(_edit(TEST_IMAGES, lambda c: c + bytes(512)), True, "damaged", FETCH),
    "second gzip member cut": Malformed(
        _edit(TEST_LABELS, lambda c: c + gzip.compress(b"")[:-3]), True, "truncated.*ends early", FETCH
    ),
    "second gzip member with more images": Malformed(
        _edit(TRAIN_IMAGES, lambda c: c + gzip.compress(bytes(784))), True, "more bytes than the 40 items", FETCH
    ),
    "compressed twice": Malformed(_edit(TRAIN_IMAGES, gzip.compress), True, "not an IDX file of images", FETCH),
    "zlib stream under a gzip name": Malformed(
        _edit(TRAIN_IMAGES, lambda c: zlib.compress(gzip.decompress(c))), True, "not gzip data", FETCH
    ),
    "bzip2 under a gzip name": Malformed(
        _edit(TRAIN_IMAGES, bz2.compress), True, "not gzip data: it begins with b'BZh", FETCH
    ),
    "xz under a gzip name": Malformed(_edit(TRAIN_IMAGES, lzma.compress), True, "not gzip data.*7zXZ", FETCH),
    "zip archive": Malformed(_edit(TEST_LABELS, _zipped), True, "not gzip data: it begins with b'PK", FETCH),
    "NumPy's format": Malformed(
        _edit(TRAIN_LABELS, lambda c: _saved(np.zeros(40, np.uint8))), False, "not an IDX file.*NUMPY", FETCH
    ),
    "pickle": Malformed(
        _edit(TRAIN_LABELS, lambda c: pickle.dumps(list(c))), False, "not an IDX file of labels.*magic number", FETCH
    ),
    "table of text": Malformed(
        _edit(TEST_LABELS, lambda c: b"label\n7\n2\n1\n"), False, "not an IDX file.*label", FETCH
    ),
    "pointer of Git LFS": Malformed(
        _edit(TRAIN_IMAGES, lambda c: b"version https://git-lfs.github.com/spec/v1\n"),
        True,
        "begins with b'version",
        FETCH,
    ),
    "UTF-8 mark before the header": Malformed(
        _edit(TRAIN_IMAGES, lambda c: b"\xef\xbb\xbf" + c), False, "not an IDX file of images", FETCH
    ),
    "line ends converted": Malformed(
        _edit(TRAIN_IMAGES, lambda c: c.replace(b"\0", b"\r\n")), False, "not an IDX file of images", FETCH
    ),
    "header in little-endian order": Malformed(
        _edit(TRAIN_LABELS, lambda c: c[3::-1] + c[7:3:-1] + c[8:]), False, "magic number 0x01080000", FETCH
    ),
    "signed bytes": Malformed(
        _edit(TRAIN_IMAGES, lambda c: b"\0\0\x09\x03" + c[4:]), False, "magic number 0x00000903", FETCH
    ),
    "images in two dimensions": Malformed(
        _edit_content(TRAIN_IMAGES, lambda c: struct.pack(">III", 0x802, 40, 784) + c[16:]),
        True,
        "magic number 0x00000802",
        FETCH,
    ),
    "255 dimensions": Malformed(
        _edit_content(TRAIN_IMAGES, lambda c: b"\0\0\x08\xff" + c[4:]), True, "magic number 0x000008ff", FETCH
    ),
    "images without a side": Malformed(
        _edit_content(TRAIN_IMAGES, lambda c: _announce(40, 0, 28)(c)[:16]), True, "images of 0×28", "must be 28×28"
    ),
    "sides that multiply to the right size": Malformed(
        _edit_content(TRAIN_IMAGES, _announce(40, 14, 56)), True, "images of 14×56", "must be 28×28"
    ),
    "sizes whose product overflows 64 bits": Malformed(
        _edit_content(TRAIN_IMAGES, _announce(*[2**31] * 3)), True, "2,147,483,648 items", "at most 1,000,000"
    ),
    "no labels": Malformed(
        _edit_content(TRAIN_LABELS, lambda c: _announce(0)(c)[:8]), True, "no items", "at least one"
    ),
    "one label too few": Malformed(
        _edit_content(TRAIN_LABELS, lambda c: _announce(39)(c)[:-1]),
        True,
        "40 images and .* 39 labels",
        "the same data",
    ),
    "labels of letters": Malformed(
        _edit_content(TRAIN_LABELS, _label(39, 26)), True, "label 39 is 26", "must lie in 0–9"
    ),
    "file of terabytes": Malformed(_grow(1 << 42), False, "4,398,046,511,104 bytes long", "put the IDX file"),
    "compressed file of terabytes": Malformed(_grow(1 << 42), True, "4,398,046,511,104 bytes long", "put the IDX file"),
    "seven hundred million zeros behind the gzip stream": Malformed(
        _grow(700_000_000), True, "more bytes than the 40 items", FETCH
    ),
    "gzip header with a name of 100 kB and nothing else": Malformed(
        _edit(TRAIN_IMAGES, lambda c: b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100_000), True, "ends early", FETCH
    ),
    "hundred thousand empty gzip members": Malformed(
        _edit(TRAIN_IMAGES, lambda c: gzip.compress(b"") * 100_000),
        True,
        "truncated: 0 bytes of a 16-byte header",
        FETCH,
    ),
    "plain file cut": Malformed(_edit(TRAIN_IMAGES, lambda c: c[:-1]), False, "truncated", FETCH),
    "labels cut, then compressed": Malformed(
        _edit_content(TEST_LABELS, lambda c: c[:-3]), True, "truncated.* 20 items, 20 bytes, and only 17", FETCH
    ),
    "wrong magic number": Malformed(
        _edit_content(TRAIN_IMAGES, lambda c: b"\0\0\x0d\x03" + c[4:]),
        True,
        "magic number 0x00000d03 instead of 0x00000803",
        FETCH,
    ),
    "labels in place of images": Malformed(
        _copy(TRAIN_LABELS, TRAIN_IMAGES), True, "not an IDX file of images.*0x00000801", FETCH
    ),
    "images in place of labels": Malformed(
        _copy(TEST_IMAGES, TEST_LABELS), False, "not an IDX file of labels.*0x00000803", FETCH
    ),
    "labels of the other split": Malformed(
        _copy(TEST_LABELS, TRAIN_LABELS), True, "40 images and .* 20 labels", "must come from the same data set"
    ),
    "a label of 10": Malformed(_edit_content(TRAIN_LABELS, _label(13, 10)), True, "label 13 is 10", "must lie in 0–9"),
    "a label of 255": Malformed(_edit_content(TEST_LABELS, _label(0, 255)), False, "label 0 is 255", "must lie in 0–9"),
    "images of 32 by 32": Malformed(
        lambda directory: write_file(directory / TRAIN_IMAGES, encode_idx(np.zeros((40, 32, 32), np.uint8))),
        True,
        "images of 32×32 pixels",
        "must be 28×28",
    ),
    "page in place of a gzip file": Malformed(
        _edit(TRAIN_IMAGES, lambda c: HTML), True, "not gzip data: it begins with b'<!DOCTYPE", FETCH
    ),
    "page in place of a plain file": Malformed(
        _edit(TEST_LABELS, lambda c: HTML), False, "not an IDX file of labels: it begins with b'<!DOCTYP'", FETCH
    ),
    "compressed page": Malformed(_edit_content(TEST_IMAGES, lambda c: HTML), True, "not an IDX file of images", FETCH),
    "plain file under a gzip name": Malformed(_edit(TRAIN_IMAGES, gzip.decompress), True, "not gzip data", FETCH),
    "gzip file under a plain name": Malformed(
        _edit(TRAIN_IMAGES, gzip.compress), False, "not an IDX file of images", FETCH
    ),
    "gzip file of no bytes": Malformed(_edit(TRAIN_LABELS, lambda c: b""), True, "not gzip data", FETCH),
    "plain file of no bytes": Malformed(_edit(TEST_IMAGES, lambda c: b""), False, "truncated: 0 bytes", FETCH),
    "header cut": Malformed(_edit(TEST_IMAGES, lambda c: c[:15]), False, "15 bytes of a 16-byte header", FETCH),
    "header only": Malformed(_edit_content(TRAIN_IMAGES, lambda c: c[:16]), True, "truncated", FETCH),
    "one byte more than announced": Malformed(
        _edit(TRAIN_IMAGES, lambda c: c + b"\0"), False, "more bytes than the 40 items", FETCH
    ),
    "many bytes more, compressed": Malformed(
        _edit_content(TEST_LABELS, lambda c: c + bytes(MEGABYTE)), True, "more bytes than the 20 items", FETCH
    ),
    "no items": Malformed(
        _edit_content(TRAIN_IMAGES, lambda c: _announce(0)(c)[:16]), True, "no items", "at least one"
    ),
    "four billion items": Malformed(
        _edit_content(TRAIN_IMAGES, _announce(2**32 - 1)), True, "4,294,967,295 items", "at most 1,000,000"
    ),
    "four billion pixels a side": Malformed(
        _edit_content(TEST_IMAGES, _announce(20, 2**32 - 1, 2**32 - 1)),
        False,
        "images of 4294967295×4294967295",
        "must be 28×28",
    ),
    "a million items that are not there": Malformed(
        _edit_content(TRAIN_IMAGES, _announce(1_000_000)), False, "truncated.*784,000,000", FETCH
    ),
    "a million items that no such gzip file can hold": Malformed(
        _edit_content(TRAIN_IMAGES, _announce(1_000_000)), True, "made to fill the memory.*784,000,000", FETCH
    ),
}


if sys.platform != "linux":
    for name in ("unreadable medium", "socket in place of a file"):  # made by means of Linux
        del MALFORMED[name]


def test_there_are_many_kinds_of_malformed_directories() -> None:
    assert len(MALFORMED) >= 80


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_directory_is_told_in_one_error_that_says_where_what_and_what_to_do(
    case: Malformed, tmp_path: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    directory = write_idx(tmp_path / "data", *few, compress=case.compress)
    culprit = case.spoil(directory)
    with pytest.raises(DatasetError, match=f"(?s){case.wrong}.*{case.remedy}") as caught:
        datasets.validate(directory)
    message = str(caught.value)
    assert str(culprit.parent) in message
    assert culprit.name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "case",
    [case for name, case in MALFORMED.items() if "billion" in name or "million" in name or "more" in name],
    ids=[name for name in MALFORMED if "billion" in name or "million" in name or "more" in name],
)
def test_what_a_header_claims_costs_no_memory(case: Malformed, tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    directory = write_idx(tmp_path / "data", *few, compress=case.compress)
    case.spoil(directory)
    assert _peak_of_refusal(directory) < 4 * MEGABYTE


def test_a_gzip_file_that_expands_without_end_is_not_read_to_its_end(
    tmp_path: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    write_idx(tmp_path, *few)
    write_file(tmp_path / TRAIN_LABELS, encode_idx(few[0].labels) + bytes(64 * MEGABYTE))
    assert _peak_of_refusal(tmp_path) < 4 * MEGABYTE


def _peak_of_refusal(directory: Path, told: str | None = None) -> int:
    """Most bytes held at a time while the directory is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=told):
            datasets.validate(directory)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_any_damaged_byte_is_refused_or_harmless(
    tmp_path: Path, few: tuple[DigitSet, DigitSet], compress: bool
) -> None:
    generator = np.random.default_rng(0)
    write_idx(tmp_path, *few, compress=compress)
    refused = 0
    for name in (TRAIN_IMAGES, TRAIN_LABELS):
        path = datasets.find_file(tmp_path, name)
        good = path.read_bytes()
        # The start, where a format keeps its fields, byte for byte; of the rest a sample.
        places = [*range(min(60, len(good))), *generator.integers(0, len(good), 60)]
        for place in places:
            bad = bytearray(good)
            bad[place] ^= int(generator.integers(1, 256))
            path.write_bytes(bad)
            try:
                images, labels = load_digits(tmp_path, "train")
            except DatasetError:
                refused += 1
                continue
            assert images.shape == (40, 28, 28)
            assert labels.max() < 10
            if compress:  # the checksum guards every byte that means anything
                np.testing.assert_array_equal(images, few[0].images)
                np.testing.assert_array_equal(labels, few[0].labels)
        path.write_bytes(good)
    assert refused > 20


def test_a_cut_anywhere_is_refused(tmp_path: Path, few: tuple[DigitSet, DigitSet], compress: bool) -> None:
    write_idx(tmp_path, *few, compress=compress)
    path = datasets.find_file(tmp_path, TEST_LABELS)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(DatasetError, match=path.name):
            load_digits(tmp_path, "test")


# Bombs


def _bomb(header: bytes) -> bytes:
    """Ten megabytes of gzip data that expand to the header and ten gigabytes of zeros."""
    return gzip.compress(header) + gzip.compress(bytes(16 * MEGABYTE)) * 640


@pytest.mark.parametrize(
    ("name", "header", "wrong", "megabytes"),
    [
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 40, 28, 28), "more bytes than the 40 items", 2),
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 60_000, 28, 28), "more bytes than the 60,000 items", 64),
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28), "at most 1,000,000", 2),
        (TRAIN_LABELS, struct.pack(">II", 0x801, 1_000_000), "more bytes than the 1,000,000 items", 2),
        (TEST_IMAGES, b"", "not an IDX file of images", 2),
    ],
)
def test_ten_gigabytes_in_a_gzip_file_of_ten_megabytes_are_refused_at_once(
    name: str, header: bytes, wrong: str, megabytes: int, tmp_path: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    path = write_idx(tmp_path, *few) / f"{name}.gz"
    path.write_bytes(_bomb(header))
    assert 9 * MEGABYTE < path.stat().st_size < 12 * MEGABYTE
    before = time.process_time()
    assert _peak_of_refusal(tmp_path, f"{path}.*{wrong}") < megabytes * MEGABYTE
    assert time.process_time() - before < 5


def test_a_bomb_of_just_the_size_that_its_header_announces_is_refused(
    tmp_path: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    path = write_idx(tmp_path, *few) / f"{TRAIN_IMAGES}.gz"
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    content = packer.compress(struct.pack(">IIII", 0x803, 200_000, 28, 28))
    path.write_bytes(content + packer.compress(bytes(200_000 * 784)) + packer.flush())
    assert _peak_of_refusal(tmp_path, "made to fill the memory.*200,000 items") < 2 * MEGABYTE


def test_blank_images_are_no_bomb(tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    blank = DigitSet(np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.uint8))
    assert not load_digits(write_idx(tmp_path, blank, few[1]), "train").images.any()


# What happens to a file while it is read


def test_a_pipe_that_takes_the_place_of_a_file_after_it_was_found_is_not_waited_for(
    tmp_path: Path, few: tuple[DigitSet, DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, *few)
    found = datasets.find_file

    def swapping(root: Path, name: str) -> Path:
        path = found(root, name)
        path.unlink()
        os.mkfifo(path)
        return path

    monkeypatch.setattr(datasets, "find_file", swapping)
    with pytest.raises(DatasetError, match=f"{TRAIN_IMAGES}.gz is not a file"):
        load_digits(tmp_path, "train")


@pytest.mark.parametrize(("change", "wrong"), [(-1, "truncated.*only 31,359 are there"), (1, "more bytes than the 40")])
def test_a_file_that_changes_its_length_while_it_is_read_is_refused(
    change: int, wrong: str, tmp_path: Path, few: tuple[DigitSet, DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_idx(tmp_path, *few, compress=False) / TRAIN_IMAGES
    read = datasets._read_at_most

    def changing(stream: datasets.Readable, limit: int) -> bytearray:
        if limit > 16:
            os.truncate(path, path.stat().st_size + change)
        return read(stream, limit)

    monkeypatch.setattr(datasets, "_read_at_most", changing)
    with pytest.raises(DatasetError, match=f"{path}.*{wrong}"):
        load_digits(tmp_path, "train")


@pytest.mark.parametrize("read", [datasets.validate, datasets.raw_files, datasets.verify_checksums])
def test_a_file_that_vanishes_after_it_was_found_is_named(
    read: Callable[[Path], object], tmp_path: Path, few: tuple[DigitSet, DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, *few)
    found = datasets.find_file

    def removing(root: Path, name: str) -> Path:
        path = found(root, name)
        path.unlink()
        return path

    monkeypatch.setattr(datasets, "find_file", removing)
    with pytest.raises(DatasetError, match=f"{tmp_path}.*can't be read: No such file"):
        read(tmp_path)


def test_images_that_do_not_fit_in_memory_are_told_as_such(
    tmp_path: Path, few: tuple[DigitSet, DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(stream: datasets.Readable, limit: int) -> bytearray:
        raise MemoryError

    monkeypatch.setattr(datasets, "_read_at_most", exhausted)
    with pytest.raises(DatasetError, match=f"{TRAIN_IMAGES}.gz does not fit in memory; free some"):
        load_digits(write_idx(tmp_path, *few), "train")


# Names


@pytest.mark.parametrize("name", ["with blanks", "数字 ✏️", "-rf", "a\nb", "%s{}", os.fsdecode(b"\xff\xfe"), "n" * 255])
def test_a_directory_may_have_any_name(name: str, tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    directory = write_idx(tmp_path / name, *few)
    np.testing.assert_array_equal(load_digits(directory, "test").labels, few[1].labels)
    (directory / f"{TEST_LABELS}.gz").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"labels-idx1-ubyte\.gz is not gzip data") as caught:
        load_digits(directory, "test")
    message = str(caught.value)
    assert message.isprintable()
    assert message.encode()  # a message that can't be encoded could not be stored in a log


@pytest.mark.parametrize(
    ("root", "told"),
    [
        ("", "holds neither train-images-idx3-ubyte nor"),
        ("nowhere", "data directory nowhere does not exist"),
        ("~/nowhere", "data directory ~/nowhere does not exist"),
        ("a\0b", r"a\\x00b can't be read: .*null.*; check its name"),
        ("\ud800", r"\\ud800 can't be read: .*; check its name"),
        ("n" * 256, "can't be read: File name too long; move it to a shorter path"),
        ("d/" * 3_000, "can't be read: File name too long; move it to a shorter path"),
        ("http://yann.lecun.com/exdb/mnist", "does not exist; point MNIST_PIPELINE_DATA at a directory"),
        ("/dev/null", "/dev/null is not a directory"),
    ],
)
def test_a_name_that_leads_to_no_data_is_told(
    root: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for read in (datasets.validate, datasets.raw_files, datasets.verify_checksums):
        with pytest.raises(DatasetError, match=told):
            read(root)


def test_where_both_are_there_the_compressed_file_is_read(tmp_path: Path, few: tuple[DigitSet, DigitSet]) -> None:
    write_idx(tmp_path, *few)
    write_file(tmp_path / TEST_LABELS, encode_idx(few[1].labels[::-1]), compress=False)
    np.testing.assert_array_equal(load_digits(tmp_path, "test").labels, few[1].labels)
    assert [file.name for file in datasets.raw_files(tmp_path)] == [f"{name}.gz" for name in FILE_NAMES]


def test_an_unknown_split_is_named_with_the_known_ones(data_directory: Path) -> None:
    with pytest.raises(ValueError, match=r"'valid'.*'train', 'test'"):
        load_digits(data_directory, "valid")  # type: ignore[arg-type]


# No permission to read


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users can reach, which pytest's own is not."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    for closed in (directory, directory / "data"):
        if closed.exists():
            closed.chmod(0o755)
    shutil.rmtree(directory)


@contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Root may read everything; so the superuser steps down."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
@pytest.mark.parametrize("read", [datasets.validate, datasets.raw_files, datasets.verify_checksums])
def test_a_file_that_may_not_be_read_is_named(
    read: Callable[[Path], object], public_directory: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    path = write_idx(public_directory, *few) / f"{TRAIN_IMAGES}.gz"
    path.chmod(0)
    with (
        _as_ordinary_user(),
        pytest.raises(DatasetError, match=f"{path} can't be read: Permission denied; check its permissions"),
    ):
        read(public_directory)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
@pytest.mark.parametrize("closed", ["the data directory", "its parent"])
def test_a_directory_that_may_not_be_entered_is_named(
    closed: str, public_directory: Path, few: tuple[DigitSet, DigitSet]
) -> None:
    directory = write_idx(public_directory / "data", *few)
    (directory if closed == "the data directory" else public_directory).chmod(0)
    with (
        _as_ordinary_user(),
        pytest.raises(DatasetError, match=f"{directory}.*can't be read: Permission denied"),
    ):
        load_digits(directory, "train")


# The canonical files


@pytest.fixture
def canonical_copy(data_directory: Path, tmp_path: Path) -> Path:
    for name in FILE_NAMES:
        shutil.copyfile(data_directory / f"{name}.gz", tmp_path / f"{name}.gz")
    return tmp_path


def test_the_embedded_files_pass_their_checksums(data_directory: Path) -> None:
    datasets.validate(data_directory, canonical=True)


@pytest.mark.parametrize("name", FILE_NAMES)
def test_one_changed_byte_in_a_canonical_file_is_refused(name: str, canonical_copy: Path, no_network: None) -> None:
    path = canonical_copy / f"{name}.gz"
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # the time stamp of the gzip header: the digits are the same, the file is not
    path.write_bytes(content)
    load_digits(canonical_copy, "train" if "train" in name else "test")
    with pytest.raises(DatasetError, match=f"{path} is not the MNIST file of that name.*restore it"):
        datasets.verify_checksums(canonical_copy)
    with pytest.raises(DatasetError, match=str(path)):
        load_digits(canonical_copy, "test", canonical=True)


def test_a_missing_canonical_file_is_reported_and_not_downloaded(canonical_copy: Path, no_network: None) -> None:
    (canonical_copy / f"{TEST_LABELS}.gz").unlink()
    with pytest.raises(DatasetError, match=f"{canonical_copy} holds neither {TEST_LABELS}"):
        load_digits(canonical_copy, "test", canonical=True)


def test_a_canonical_file_that_changes_while_it_is_read_is_refused(
    canonical_copy: Path, few: tuple[DigitSet, DigitSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = datasets._read_idx

    def changing(path: Path, magic: int) -> np.ndarray:
        write_idx(canonical_copy, *few)
        return read(path, magic)

    monkeypatch.setattr(datasets, "_read_idx", changing)
    with pytest.raises(DatasetError, match="is not the MNIST file"):
        load_digits(canonical_copy, "test", canonical=True)
