"""Reading the four files: valid files are read to the byte, and a malformed file is refused with one clear error."""

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
READERS = (datasets.validate, datasets.raw_files, datasets.verify_checksums)

Change = Callable[[bytes], bytes]
Spoil = Callable[[Path], Path]
Few = tuple[DigitSet, DigitSet]


@pytest.fixture
def few(train: DigitSet, test: DigitSet) -> Few:
    """Forty training and twenty test digits: enough to damage."""
    return DigitSet(train.images[:40], train.labels[:40]), DigitSet(test.images[:20], test.labels[:20])


@pytest.fixture(params=[True, False], ids=["gz", "plain"])
def compress(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if anything is downloaded."""

    def refuse(*arguments: object, **options: object) -> None:
        pytest.fail(f"a download was attempted: {arguments}")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture
def canonical_copy(data_directory: Path, tmp_path: Path) -> Path:
    for name in FILE_NAMES:
        shutil.copyfile(data_directory / f"{name}.gz", tmp_path / f"{name}.gz")
    return tmp_path


# Valid files


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


def test_other_digits_are_read_as_they_were_written(tmp_path: Path, compress: bool) -> None:
    generator = np.random.default_rng(0)
    written = [
        DigitSet(generator.integers(0, 256, (count, 28, 28), np.uint8), generator.integers(0, 10, count, np.uint8))
        for count in (300, 7)
    ]
    write_idx(tmp_path, *written, compress)
    datasets.validate(tmp_path)
    for split, digits in zip(datasets.PREFIXES, written, strict=True):
        for found, expected in zip(load_digits(tmp_path, split), digits, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_plain_files_and_gzip_files_of_several_members_are_read_side_by_side(tmp_path: Path, few: Few) -> None:
    content = encode_idx(few[0].images)
    path = write_idx(tmp_path, *few, compress=False) / TRAIN_IMAGES
    path.unlink()
    path.with_suffix(".gz").write_bytes(gzip.compress(content[:999]) + gzip.compress(content[999:]))
    images, labels = load_digits(str(tmp_path), "train")
    np.testing.assert_array_equal(images, few[0].images)
    np.testing.assert_array_equal(labels, few[0].labels)


def test_the_compressed_file_is_read_if_both_exist(tmp_path: Path, few: Few) -> None:
    write_idx(tmp_path, *few)
    write_file(tmp_path / TEST_LABELS, encode_idx(few[1].labels[::-1]), compress=False)
    np.testing.assert_array_equal(load_digits(tmp_path, "test").labels, few[1].labels)
    assert [file.name for file in datasets.raw_files(tmp_path)] == [f"{name}.gz" for name in FILE_NAMES]


def test_raw_files_have_a_name_a_size_and_a_checksum(data_directory: Path) -> None:
    described = datasets.raw_files(data_directory)
    assert [file.name for file in described] == [f"{name}.gz" for name in FILE_NAMES]
    for file in described:
        content = (data_directory / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_the_first_of_each_class_is_the_earliest_with_its_label(train: DigitSet) -> None:
    labels = train.labels.tolist()
    expected = train.images[[labels.index(label) for label in range(10)]]
    np.testing.assert_array_equal(datasets.first_of_each_class(train), expected)


def test_classes_without_an_image_are_named(small_train: DigitSet) -> None:
    kept = ~np.isin(small_train.labels, (3, 8))
    with pytest.raises(DatasetError, match="3, 8"):
        datasets.first_of_each_class(DigitSet(small_train.images[kept], small_train.labels[kept]))


def test_each_class_mean_is_that_of_the_images_of_the_class(small_train: DigitSet) -> None:
    kept = small_train.labels != 7
    means = datasets.class_means(DigitSet(small_train.images[kept], small_train.labels[kept]))
    for label, mean in enumerate(means):
        members = small_train.images[small_train.labels == label].astype(float)
        np.testing.assert_allclose(mean, np.zeros((28, 28)) if label == 7 else members.mean(axis=0))


def test_mean_and_deviation_are_those_of_all_pixels(small_train: DigitSet) -> None:
    expected = small_train.images.mean(), small_train.images.std()
    np.testing.assert_allclose(datasets.mean_and_deviation(small_train.images), expected, rtol=1e-12)


# Malformed files


class Bad(NamedTuple):
    """A way to spoil a valid directory, and the value or the problem that the error must name."""

    spoil: Spoil  # returns the path that the error must name
    named: str  # a regular expression
    compress: bool = True  # whether the valid files are gzip


def _edit(name: str, change: Change) -> Spoil:
    """Change the bytes of a file on disk."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, name)
        path.write_bytes(change(path.read_bytes()))
        return path

    return spoil


def _content(name: str, change: Change) -> Spoil:
    """Change the bytes of a file before compression."""
    return _edit(name, lambda content: gzip.compress(change(gzip.decompress(content)), 1))


def _replace_directory(make: Callable[[Path], object]) -> Spoil:
    def spoil(directory: Path) -> Path:
        shutil.rmtree(directory)
        make(directory)
        return directory

    return spoil


def _replace(name: str, make: Callable[[Path], object], suffix: str = ".gz") -> Spoil:
    """Put something else in the place of a file."""

    def spoil(directory: Path) -> Path:
        path = directory / f"{name}{suffix}"
        path.unlink(missing_ok=True)
        make(path)
        return path

    return spoil


def _link(target: str) -> Spoil:
    """Replace the test images by a link; a relative target lies in the data directory."""
    return _replace(TEST_IMAGES, lambda path: path.symlink_to(path.parent / target))


def _rename(name: str, new: str | None = None) -> Spoil:
    """Give a file another name, or remove it."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, name)
        path.rename(directory / (new or "elsewhere"))
        return directory / name

    return spoil


def _empty_directory(directory: Path) -> Path:
    for path in directory.iterdir():
        path.unlink()
    return directory / TRAIN_IMAGES


def _below_a_file(directory: Path) -> Path:
    shutil.rmtree(directory)
    directory.parent.rmdir()
    directory.parent.write_text("not a directory")
    return directory


def _grow(size: int) -> Spoil:
    """Extend the training images with a hole, which takes no space on the disk."""

    def spoil(directory: Path) -> Path:
        path = datasets.find_file(directory, TRAIN_IMAGES)
        os.truncate(path, size)
        return path

    return spoil


def _copy(source: str, target: str) -> Spoil:
    return lambda directory: Path(
        shutil.copy(datasets.find_file(directory, source), datasets.find_file(directory, target))
    )


def _zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("data", content)
    return buffer.getvalue()


def _saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _header(*sizes: int) -> Change:
    """Put other sizes into the header."""
    header = struct.pack(f">{len(sizes)}I", *sizes)
    return lambda content: content[:4] + header + content[4 + len(header) :]


def _label(where: int, label: int) -> Change:
    return lambda content: content[: 8 + where] + bytes([label]) + content[9 + where :]


def _cut_header(*sizes: int) -> Change:
    """Put other sizes into the header, and remove the rest."""
    return lambda content: _header(*sizes)(content)[: 4 * (1 + len(sizes))]


MALFORMED = {
    # The directory and the kinds of files
    "directory missing": Bad(_replace_directory(lambda path: None), "MNIST_PIPELINE_DATA"),
    "file in place of the directory": Bad(_replace_directory(Path.touch), "MNIST_PIPELINE_DATA"),
    "directory below a file": Bad(_below_a_file, "MNIST_PIPELINE_DATA"),
    "data directory a link to itself": Bad(_replace_directory(lambda d: d.symlink_to(d)), "links"),
    "directory empty": Bad(_empty_directory, TRAIN_IMAGES),
    "training images missing": Bad(_rename(TRAIN_IMAGES), f"{TRAIN_IMAGES}.gz"),
    "test labels missing": Bad(_rename(TEST_LABELS), f"{TEST_LABELS}.gz", False),
    "file of another name": Bad(_rename(TRAIN_IMAGES, f"{TRAIN_IMAGES}.gz.bak"), "neither"),
    "file with capital letters": Bad(_rename(TRAIN_IMAGES, "TRAIN-IMAGES-IDX3-UBYTE.GZ"), "neither"),
    "file with a dot in its name": Bad(_rename(TRAIN_IMAGES, "train-images.idx3-ubyte"), "neither", False),
    "directory in place of a file": Bad(_replace(TEST_IMAGES, Path.mkdir), "not a file"),
    "link to nowhere": Bad(_link("nowhere"), "link"),
    "link to itself": Bad(_link(f"{TEST_IMAGES}.gz"), "links"),
    "link to a device": Bad(_link("/dev/zero"), "not a file"),
    "link to a directory": Bad(_link("."), "not a file"),
    "pipe in place of a file": Bad(_replace(TRAIN_LABELS, os.mkfifo), "not a file"),
    "plain pipe": Bad(_replace(TRAIN_LABELS, os.mkfifo, ""), "not a file", False),
    "socket in place of a file": Bad(
        _replace(TRAIN_LABELS, lambda path: os.mknod(path, stat.S_IFSOCK | 0o600)), "not a file"
    ),
    "unreadable medium": Bad(_link("/proc/self/mem"), "Input/output"),
    # Gzip
    "damaged gzip beside a valid plain file": Bad(_replace(TRAIN_IMAGES, Path.touch), "gzip", False),
    "gzip cut in its header": Bad(_edit(TRAIN_IMAGES, lambda c: c[:6]), "truncated"),
    "gzip cut in the middle": Bad(_edit(TRAIN_IMAGES, lambda c: c[: len(c) // 2]), "truncated"),
    "gzip without its checksum": Bad(_edit(TEST_LABELS, lambda c: c[:-8]), "truncated"),
    "gzip without its last byte": Bad(_edit(TEST_IMAGES, lambda c: c[:-1]), "truncated"),
    "gzip that becomes garbage": Bad(_edit(TRAIN_IMAGES, lambda c: c[:10] + b"\xff" * 500), "damaged"),
    "gzip checksum damaged": Bad(
        _edit(TRAIN_IMAGES, lambda c: c[:-8] + bytes([c[-8] ^ 1]) + c[-7:]), "incorrect data check"
    ),
    "gzip length damaged": Bad(_edit(TRAIN_LABELS, lambda c: c[:-1] + b"\1"), "incorrect length check"),
    "gzip of an unknown method": Bad(_edit(TRAIN_LABELS, lambda c: c[:2] + b"\7" + c[3:]), "unknown compression"),
    "garbage behind the gzip stream": Bad(_edit(TEST_IMAGES, lambda c: c + b"garbage"), "damaged"),
    "zeros behind the gzip stream": Bad(_edit(TEST_IMAGES, lambda c: c + bytes(512)), "damaged"),
    "second gzip member cut": Bad(_edit(TEST_LABELS, lambda c: c + gzip.compress(b"")[:-3]), "truncated"),
    "second gzip member with more images": Bad(
        _edit(TRAIN_IMAGES, lambda c: c + gzip.compress(bytes(784))), "more bytes than the 40 items"
    ),
    "compressed twice": Bad(_edit(TRAIN_IMAGES, gzip.compress), "0x1f8b"),
    "gzip file of no bytes": Bad(_edit(TRAIN_LABELS, lambda c: b""), "gzip.* b''"),
    "plain file under a gzip name": Bad(_edit(TRAIN_IMAGES, gzip.decompress), "gzip"),
    "gzip file under a plain name": Bad(_edit(TRAIN_IMAGES, gzip.compress), "0x1f8b", False),
    "zlib under a gzip name": Bad(_edit(TRAIN_IMAGES, lambda c: zlib.compress(gzip.decompress(c))), "gzip"),
    "bzip2 under a gzip name": Bad(_edit(TRAIN_IMAGES, bz2.compress), "b'BZh"),
    "xz under a gzip name": Bad(_edit(TRAIN_IMAGES, lzma.compress), "7zXZ"),
    "zip archive": Bad(_edit(TEST_LABELS, _zipped), "PK"),
    "seven hundred million zeros behind the gzip stream": Bad(_grow(700_000_000), "more bytes than the 40 items"),
    "gzip header with a name of 100 kB and nothing else": Bad(
        _edit(TRAIN_IMAGES, lambda c: b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100_000), "truncated"
    ),
    "hundred thousand empty gzip members": Bad(
        _edit(TRAIN_IMAGES, lambda c: gzip.compress(b"") * 100_000), "0 bytes of a 16-byte header"
    ),
    # Other formats
    "NumPy's format": Bad(_edit(TRAIN_LABELS, lambda c: _saved(np.zeros(40, np.uint8))), "NUMPY", False),
    "pickle": Bad(_edit(TRAIN_LABELS, lambda c: pickle.dumps(list(c))), "magic number", False),
    "table of text": Bad(_edit(TEST_LABELS, lambda c: b"label\n7\n2\n1\n"), "b'label", False),
    "pointer of Git LFS": Bad(_edit(TRAIN_IMAGES, lambda c: b"version https://git-lfs.example\n"), "b'version"),
    "page in place of a gzip file": Bad(_edit(TRAIN_IMAGES, lambda c: HTML), "b'<!DOCTYPE"),
    "page in place of a plain file": Bad(_edit(TEST_LABELS, lambda c: HTML), "b'<!DOCTYP'", False),
    "compressed page": Bad(_content(TEST_IMAGES, lambda c: HTML), "b'<!DOCTYP'"),
    "plain file of no bytes": Bad(_edit(TEST_IMAGES, lambda c: b""), "0 bytes of a 16-byte", False),
    # The header
    "header cut": Bad(_edit(TEST_IMAGES, lambda c: c[:15]), "15 bytes of a 16-byte", False),
    "header only": Bad(_content(TRAIN_IMAGES, lambda c: c[:16]), "31,360 bytes.* 0 "),
    "UTF-8 mark before the header": Bad(_edit(TRAIN_IMAGES, lambda c: b"\xef\xbb\xbf" + c), "0xefbbbf00", False),
    "line ends converted": Bad(_edit(TRAIN_IMAGES, lambda c: c.replace(b"\0", b"\r\n")), "0x0d0a0d0a", False),
    "header in little-endian order": Bad(
        _edit(TRAIN_LABELS, lambda c: c[3::-1] + c[7:3:-1] + c[8:]), "0x01080000", False
    ),
    "wrong magic number": Bad(_content(TRAIN_IMAGES, lambda c: b"\0\0\x0d\x03" + c[4:]), "0x00000d03.*0x00000803"),
    "signed bytes": Bad(_edit(TRAIN_IMAGES, lambda c: b"\0\0\x09\x03" + c[4:]), "0x00000903", False),
    "images in two dimensions": Bad(
        _content(TRAIN_IMAGES, lambda c: struct.pack(">III", 0x802, 40, 784) + c[16:]), "0x00000802"
    ),
    "255 dimensions": Bad(_content(TRAIN_IMAGES, lambda c: b"\0\0\x08\xff" + c[4:]), "0x000008ff"),
    "labels in place of images": Bad(_copy(TRAIN_LABELS, TRAIN_IMAGES), "0x00000801"),
    "images in place of labels": Bad(_copy(TEST_IMAGES, TEST_LABELS), "0x00000803", False),
    "no images": Bad(_content(TRAIN_IMAGES, _cut_header(0, 28, 28)), "no items"),
    "no labels": Bad(_content(TRAIN_LABELS, _cut_header(0)), "no items"),
    "images without a side": Bad(_content(TRAIN_IMAGES, _cut_header(40, 0, 28)), "0×28.*28×28"),
    "images of 32 by 32": Bad(
        _content(TRAIN_IMAGES, lambda c: encode_idx(np.zeros((40, 32, 32), np.uint8))), "32×32.*28×28"
    ),
    "sides that multiply to the right size": Bad(_content(TRAIN_IMAGES, _header(40, 14, 56)), "14×56.*28×28"),
    "sizes whose product overflows 64 bits": Bad(
        _content(TRAIN_IMAGES, _header(*[2**31] * 3)), "2,147,483,648.*1,000,000"
    ),
    "four billion items": Bad(_content(TRAIN_IMAGES, _header(2**32 - 1)), "4,294,967,295.*1,000,000"),
    "four billion pixels per side": Bad(
        _edit(TEST_IMAGES, _header(20, 2**32 - 1, 2**32 - 1)), "4294967295×4294967295.*28×28", False
    ),
    "a million items that are not there": Bad(_edit(TRAIN_IMAGES, _header(1_000_000)), "784,000,000", False),
    "a million items that no such gzip file can hold": Bad(_content(TRAIN_IMAGES, _header(1_000_000)), "784,000,000"),
    # The number of bytes and the labels
    "plain file cut": Bad(_edit(TRAIN_IMAGES, lambda c: c[:-1]), "31,360.* 31,359", False),
    "labels cut, then compressed": Bad(_content(TEST_LABELS, lambda c: c[:-3]), "20 bytes.* 17"),
    "one byte more than announced": Bad(_edit(TRAIN_IMAGES, lambda c: c + b"\0"), "more bytes.* 40", False),
    "many bytes more, compressed": Bad(_content(TEST_LABELS, lambda c: c + bytes(MEGABYTE)), "more bytes.* 20"),
    "file of terabytes": Bad(_grow(1 << 42), "4,398,046,511,104", False),
    "compressed file of terabytes": Bad(_grow(1 << 42), "4,398,046,511,104"),
    "one label too few": Bad(_content(TRAIN_LABELS, lambda c: _header(39)(c)[:-1]), "40 images.* 39 labels"),
    "labels of the other split": Bad(_copy(TEST_LABELS, TRAIN_LABELS), "40 images.* 20 labels"),
    "a label of 10": Bad(_content(TRAIN_LABELS, _label(13, 10)), "13 is 10;.*0–9"),
    "a label of 255": Bad(_edit(TEST_LABELS, _label(0, 255)), "0 is 255;.*0–9", False),
    "labels of letters": Bad(_content(TRAIN_LABELS, _label(39, 26)), "39 is 26;.*0–9"),
}
if sys.platform != "linux":
    for name in ("unreadable medium", "socket in place of a file"):  # made by means of Linux
        del MALFORMED[name]
CLAIMS = [name for name in MALFORMED if any(word in name for word in ("billion", "million", "more"))]


def test_there_are_many_kinds_of_malformed_directories() -> None:
    assert len(MALFORMED) >= 80


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_directory_is_refused_in_one_line_that_names_the_file_the_problem_and_the_remedy(
    name: str, tmp_path: Path, few: Few
) -> None:
    spoil, named, compress = MALFORMED[name]
    directory = write_idx(tmp_path / "data", *few, compress=compress)
    culprit = spoil(directory)
    with pytest.raises(DatasetError, match=named) as caught:
        datasets.validate(directory)
    message = str(caught.value)
    assert str(culprit.parent) in message
    assert culprit.name in message
    assert message.isprintable()
    problem, _, remedy = message.rpartition("; ")
    assert problem
    assert remedy


@pytest.mark.parametrize("name", CLAIMS)
def test_a_false_header_allocates_no_memory(name: str, tmp_path: Path, few: Few) -> None:
    directory = write_idx(tmp_path / "data", *few, compress=MALFORMED[name].compress)
    MALFORMED[name].spoil(directory)
    assert _peak_of_refusal(directory) < 4 * MEGABYTE


def _peak_of_refusal(directory: Path, named: str | None = None) -> int:
    """Most memory allocated at a time while the directory is refused, in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=named):
            datasets.validate(directory)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Decompression bombs


@pytest.mark.parametrize(
    ("name", "header", "named", "megabytes"),
    [
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 40, 28, 28), "40 items", 2),
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 60_000, 28, 28), "60,000 items", 64),
        (TRAIN_IMAGES, struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28), "4,294,967,295 items", 2),
        (TRAIN_LABELS, struct.pack(">II", 0x801, 1_000_000), "1,000,000 items", 2),
        (TEST_IMAGES, b"", "0x00000000", 2),
    ],
)
def test_ten_megabytes_of_gzip_that_hold_ten_gigabytes_are_refused_at_once(
    name: str, header: bytes, named: str, megabytes: int, tmp_path: Path, few: Few
) -> None:
    path = write_idx(tmp_path, *few) / f"{name}.gz"
    path.write_bytes(gzip.compress(header) + gzip.compress(bytes(16 * MEGABYTE)) * 640)
    assert 9 * MEGABYTE < path.stat().st_size < 12 * MEGABYTE
    before = time.process_time()
    assert _peak_of_refusal(tmp_path, f"{path}.*{named}") < megabytes * MEGABYTE
    assert time.process_time() - before < 5


def test_a_bomb_of_the_size_that_its_header_announces_is_refused(tmp_path: Path, few: Few) -> None:
    path = write_idx(tmp_path, *few) / f"{TRAIN_IMAGES}.gz"
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    content = packer.compress(struct.pack(">IIII", 0x803, 200_000, 28, 28))
    path.write_bytes(content + packer.compress(bytes(200_000 * 784)) + packer.flush())
    assert _peak_of_refusal(tmp_path, "200,000 items") < 2 * MEGABYTE


def test_blank_images_are_no_bomb(tmp_path: Path, few: Few) -> None:
    blank = DigitSet(np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.uint8))
    assert not load_digits(write_idx(tmp_path, blank, few[1]), "train").images.any()


# Files that change while they are read


def _change_after_find_file(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]) -> None:
    """Change each file as soon as its path is known."""
    find_file = datasets.find_file

    def find(root: Path, name: str) -> Path:
        path = find_file(root, name)
        change(path)
        return path

    monkeypatch.setattr(datasets, "find_file", find)


def test_a_pipe_that_replaces_a_file_is_not_waited_for(
    tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, *few)
    _change_after_find_file(monkeypatch, lambda path: (path.unlink(), os.mkfifo(path)))
    with pytest.raises(DatasetError, match=f"{TRAIN_IMAGES}.gz is not a file"):
        load_digits(tmp_path, "train")


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_vanishes_is_named(
    read: Callable[[Path], object], tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path, *few)
    _change_after_find_file(monkeypatch, Path.unlink)
    with pytest.raises(DatasetError, match=f"{tmp_path}.*No such file"):
        read(tmp_path)


@pytest.mark.parametrize(("change", "named"), [(-100, "truncated"), (100, "more bytes than the 40 items")])
def test_a_file_whose_length_changes_is_refused(
    change: int, named: str, tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_idx(tmp_path, *few, compress=False) / TRAIN_IMAGES
    require_length, size = datasets._require_length, path.stat().st_size

    def checked_and_changed(*arguments: object) -> None:
        require_length(*arguments)  # type: ignore[arg-type]
        os.truncate(path, size + change)

    monkeypatch.setattr(datasets, "CHUNK_BYTES", 32)
    monkeypatch.setattr(datasets, "_require_length", checked_and_changed)
    with pytest.raises(DatasetError, match=f"{path}.*{named}"):
        load_digits(tmp_path, "train")


def test_images_that_do_not_fit_in_memory_are_named(tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(datasets, "_extend", fail)
    with pytest.raises(datasets.UnreadableError, match=f"{TRAIN_IMAGES}.gz.* memory"):
        load_digits(write_idx(tmp_path, *few), "train")


# Names


@pytest.mark.parametrize("name", ["with blanks", "数字 ✏️", "-rf", "a\nb", "%s{}", os.fsdecode(b"\xff\xfe"), "n" * 255])
def test_a_directory_may_have_any_name(name: str, tmp_path: Path, few: Few) -> None:
    directory = write_idx(tmp_path / name, *few)
    np.testing.assert_array_equal(load_digits(directory, "test").labels, few[1].labels)
    (directory / f"{TEST_LABELS}.gz").write_bytes(b"")
    with pytest.raises(DatasetError, match=f"{TEST_LABELS}.gz") as caught:
        load_digits(directory, "test")
    assert str(caught.value).isprintable()
    assert str(caught.value).encode()  # a message that can't be encoded can't be stored in a log


@pytest.mark.parametrize(
    ("root", "named"),
    [
        ("", TRAIN_IMAGES),
        ("nowhere", "nowhere"),
        ("~/nowhere", "~/nowhere"),
        ("a\0b", r"a\\x00b"),
        ("\ud800", r"\\ud800"),
        ("n" * 256, "nnn.*too long"),
        ("d/" * 3_000, "d/d/.*too long"),
        ("http://yann.lecun.com/exdb/mnist", "MNIST_PIPELINE_DATA"),
        ("/dev/null", "/dev/null"),
    ],
)
def test_a_directory_without_data_is_named(
    root: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for read in READERS:
        with pytest.raises(DatasetError, match=named):
            read(root)


def test_an_unknown_split_is_named_with_the_known_ones(data_directory: Path) -> None:
    with pytest.raises(ValueError, match=r"'valid'.*'train', 'test'"):
        load_digits(data_directory, "valid")  # type: ignore[arg-type]


# Permissions


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """A directory that other users can reach, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    for closed in (directory, directory / "data"):
        if closed.exists():
            closed.chmod(0o755)
    shutil.rmtree(directory)


@contextmanager
def _as_ordinary_user() -> Iterator[None]:
    """Give up the rights of root, which may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of POSIX")
@pytest.mark.parametrize("closed", ["file", "directory", "parent"])
@pytest.mark.parametrize("read", READERS)
def test_what_may_not_be_read_is_named(
    read: Callable[[Path], object], closed: str, public_directory: Path, few: Few
) -> None:
    directory = write_idx(public_directory / "data", *few)
    path = {"file": directory / f"{TRAIN_IMAGES}.gz", "directory": directory, "parent": public_directory}[closed]
    path.chmod(0)
    with _as_ordinary_user(), pytest.raises(datasets.UnreadableError, match=f"{directory}.* permissions"):
        read(directory)


# The canonical files


def test_the_embedded_files_pass_their_checksums(data_directory: Path) -> None:
    datasets.validate(data_directory, canonical=True)


@pytest.mark.parametrize("name", FILE_NAMES)
def test_one_changed_byte_in_a_canonical_file_is_refused(name: str, canonical_copy: Path, no_network: None) -> None:
    path = canonical_copy / f"{name}.gz"
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # the time stamp of the gzip header: the digits are the same, the file is not
    path.write_bytes(content)
    load_digits(canonical_copy, "train" if "train" in name else "test")
    with pytest.raises(DatasetError, match=f"{path}.*git checkout"):
        datasets.verify_checksums(canonical_copy)
    with pytest.raises(DatasetError, match=str(path)):
        load_digits(canonical_copy, "test", canonical=True)


def test_a_missing_canonical_file_is_reported_and_not_downloaded(canonical_copy: Path, no_network: None) -> None:
    (canonical_copy / f"{TEST_LABELS}.gz").unlink()
    with pytest.raises(DatasetError, match=f"{canonical_copy}.*{TEST_LABELS}"):
        load_digits(canonical_copy, "test", canonical=True)


def test_a_canonical_file_that_changes_while_it_is_read_is_refused(
    canonical_copy: Path, few: Few, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_idx = datasets._read_idx

    def changing(path: Path, magic: int) -> np.ndarray:
        write_idx(canonical_copy, *few)
        return read_idx(path, magic)

    monkeypatch.setattr(datasets, "_read_idx", changing)
    with pytest.raises(DatasetError, match="MNIST"):
        load_digits(canonical_copy, "test", canonical=True)
