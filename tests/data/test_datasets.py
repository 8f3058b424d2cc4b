"""Reading the four files: valid files are read to the byte, and a malformed file is refused with one clear error."""

import bz2
import errno
import gzip
import hashlib
import os
import re
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.idx import encode_idx, write_file, write_idx

from mnist_pipeline.data import datasets, idx
from mnist_pipeline.data.datasets import FILE_NAMES, DatasetError, DigitSet, load_digits
from mnist_pipeline.data.idx import Idx

TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = FILE_NAMES
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Not here.</body></html>\n"
MEGABYTE = 1 << 20
LABELS = np.zeros(20, np.uint8)
READERS = (datasets.validate, datasets.raw_files, idx.verify_checksums)

Change = Callable[[bytes], bytes]
Spoil = Callable[[Path], Path]
Few = tuple[DigitSet, DigitSet]


@pytest.fixture
def few(train: DigitSet, test: DigitSet) -> Few:
    """Forty training and twenty test digits: enough to damage."""
    return DigitSet(train.images[:40], train.labels[:40]), DigitSet(test.images[:20], test.labels[:20])


@pytest.fixture
def canonical_copy(data_directory: Path, tmp_path: Path) -> Path:
    for name in FILE_NAMES:
        shutil.copyfile(data_directory / f"{name}.gz", tmp_path / f"{name}.gz")
    return tmp_path


# Valid files


def test_the_number_of_images_is_read_from_the_header(few: Few, tmp_path: Path) -> None:
    write_idx(tmp_path, *few)
    assert [Idx(tmp_path).num_images(split) for split in ("train", "test")] == [40, 20]
    (path,) = tmp_path.glob(f"{TRAIN_IMAGES}*")
    for content in (HTML, b"", b"\x1f\x8b damaged"):
        path.write_bytes(content)
        with pytest.raises(DatasetError):
            Idx(tmp_path).num_images("train")


def test_the_embedded_data_are_the_sixty_and_ten_thousand_digits(train: DigitSet, test: DigitSet) -> None:
    for digits, count in ((train, 60_000), (test, 10_000)):
        assert digits.images.shape == (count, 28, 28)
        assert digits.labels.shape == (count,)
        assert digits.images.dtype == digits.labels.dtype == np.uint8
        assert (digits.images.min(), digits.images.max()) == (0, 255)
        assert np.unique(digits.labels).tolist() == list(range(10))


@pytest.mark.slow
def test_torchvision_has_the_same_bytes_and_checksums(test: DigitSet, canonical_copy: Path) -> None:
    from torchvision.datasets import MNIST

    class Copied(MNIST):  # type: ignore[misc]  # torchvision carries no types
        raw_folder = str(canonical_copy)

    theirs = Copied(str(canonical_copy), train=False, download=True)  # it only unpacks the files that are there
    np.testing.assert_array_equal(theirs.data.numpy(), test.images)
    np.testing.assert_array_equal(theirs.targets.numpy(), test.labels)
    assert dict(MNIST.resources) == idx.MNIST_SUMS


@pytest.mark.parametrize("compress", [True, False], ids=["gz", "plain"])
def test_other_digits_are_read_as_they_were_written(tmp_path: Path, compress: bool) -> None:
    generator = np.random.default_rng(0)
    written = [
        DigitSet(generator.integers(0, 256, (count, 28, 28), np.uint8), generator.integers(0, 10, count, np.uint8))
        for count in (300, 7)
    ]
    write_idx(tmp_path, *written, compress)
    datasets.validate(tmp_path)
    for split, digits in zip(idx.MNIST_LAYOUT.names, written, strict=True):
        for found, expected in zip(load_digits(tmp_path, split), digits, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_plain_files_and_gzip_files_of_several_members_are_read_together(tmp_path: Path, few: Few) -> None:
    content = encode_idx(few[0].images)
    path = write_idx(tmp_path, *few, compress=False) / TRAIN_IMAGES
    path.unlink()
    path.with_suffix(".gz").write_bytes(gzip.compress(content[:999]) + gzip.compress(content[999:]) + bytes(512))
    images, labels = load_digits(str(tmp_path), "train")
    np.testing.assert_array_equal(images, few[0].images)
    np.testing.assert_array_equal(labels, few[0].labels)


def test_the_compressed_file_is_read_if_both_exist(tmp_path: Path, few: Few) -> None:
    write_idx(tmp_path, *few)
    write_file(tmp_path / TEST_LABELS, encode_idx(few[1].labels[::-1]), compress=False)
    np.testing.assert_array_equal(load_digits(tmp_path, "test").labels, few[1].labels)
    assert [file.name for file in datasets.raw_files(tmp_path)] == [f"{name}.gz" for name in FILE_NAMES]


def test_raw_files_have_a_name_a_size_and_a_checksum(data_directory: Path) -> None:
    for file, name in zip(datasets.raw_files(data_directory), FILE_NAMES, strict=True):
        content = (data_directory / f"{name}.gz").read_bytes()
        assert file == (f"{name}.gz", len(content), hashlib.sha256(content).hexdigest())


def test_the_first_of_each_class_is_the_earliest_with_its_label(train: DigitSet) -> None:
    labels = train.labels.tolist()
    expected = train.images[[labels.index(label) for label in range(10)]]
    np.testing.assert_array_equal(datasets.first_of_each_class(train), expected)


def test_means_and_deviations_are_those_of_numpy_and_classes_may_be_missing(small_train: DigitSet) -> None:
    images, labels = small_train
    np.testing.assert_allclose(datasets.mean_and_deviation(images), (images.mean(), images.std()), rtol=1e-12)
    kept = DigitSet(images[labels != 7], labels[labels != 7])
    for label, mean in enumerate(datasets.class_means(kept)):
        expected = np.zeros((28, 28)) if label == 7 else images[labels == label].mean(axis=0)
        np.testing.assert_allclose(mean, expected)
    with pytest.raises(DatasetError, match="7"):
        datasets.first_of_each_class(kept)


# Malformed files


def _edit(name: str, change: Change) -> Spoil:
    """Change the bytes of a file on disk."""

    def spoil(directory: Path) -> Path:
        path = idx.find_file(directory, name)
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


def _replace(name: str, make: Callable[[Path], object] = str) -> Spoil:
    """Remove a file, and put something else in its place."""

    def spoil(directory: Path) -> Path:
        path = idx.find_file(directory, name)
        path.unlink()
        make(path)
        return path

    return spoil


def _grow(size: int) -> Spoil:
    """Extend the training images with a hole, which takes no space on the disk."""
    return lambda directory: os.truncate(path := idx.find_file(directory, TRAIN_IMAGES), size) or path


def _header(*sizes: int) -> Change:
    """Put other sizes into the header."""
    header = struct.pack(f">{len(sizes)}I", *sizes)
    return lambda content: content[:4] + header + content[4 + len(header) :]


def _label(where: int, label: int) -> Change:
    return lambda content: content[: 8 + where] + bytes([label]) + content[9 + where :]


# How to spoil a valid directory, a spoiled path returned, and a regular expression for what else the error names.
COMPRESSED: dict[str, tuple[Spoil, str]] = {
    # The directory and the kinds of files
    "directory missing": (_replace_directory(lambda path: None), "MNIST_PIPELINE_DATA"),
    "file in place of the directory": (_replace_directory(Path.touch), "MNIST_PIPELINE_DATA"),
    "data directory a link to itself": (_replace_directory(lambda d: d.symlink_to(d)), "links"),
    "training images missing": (_replace(TRAIN_IMAGES), f"{TRAIN_IMAGES}.gz"),
    "capital letters": (_replace(TRAIN_IMAGES, lambda path: path.with_name(path.name.upper()).touch()), TRAIN_IMAGES),
    "directory in place of a file": (_replace(TEST_IMAGES, Path.mkdir), "directory"),
    "link to nowhere": (_replace(TEST_IMAGES, lambda path: path.symlink_to("nowhere")), "No such file"),
    "link to a device": (_replace(TEST_IMAGES, lambda path: path.symlink_to("/dev/zero")), "regular file"),
    "pipe in place of a file": (_replace(TRAIN_LABELS, os.mkfifo), "regular file"),
    "compressed file of terabytes": (_grow(1 << 42), "785,048,576"),
    # Gzip
    "gzip cut in its header": (_edit(TRAIN_IMAGES, lambda c: c[:6]), "ended"),
    "gzip cut in the middle": (_edit(TRAIN_IMAGES, lambda c: c[: len(c) // 2]), "ended"),
    "gzip without its last byte": (_edit(TEST_IMAGES, lambda c: c[:-1]), "ended"),
    "gzip that becomes garbage": (_edit(TRAIN_IMAGES, lambda c: c[:10] + b"\xff" * 500), "decompressing"),
    "gzip checksum damaged": (_edit(TRAIN_IMAGES, lambda c: c[:-8] + bytes([c[-8] ^ 1]) + c[-7:]), "CRC"),
    "gzip length damaged": (_edit(TRAIN_LABELS, lambda c: c[:-1] + b"\1"), "length"),
    "gzip of an unknown method": (_edit(TRAIN_LABELS, lambda c: c[:2] + b"\7" + c[3:]), "method"),
    "garbage behind the gzip stream": (_edit(TEST_IMAGES, lambda c: c + b"garbage"), "b'ga'"),
    "second gzip member cut": (_edit(TEST_LABELS, lambda c: c + gzip.compress(b"")[:-3]), "ended"),
    "second gzip member with more images": (
        _edit(TRAIN_IMAGES, lambda c: c + gzip.compress(bytes(784))),
        "40 items, 31,360 bytes.*more",
    ),
    "compressed twice": (_edit(TRAIN_IMAGES, gzip.compress), "0x1f8b"),
    "gzip file of no bytes": (_edit(TRAIN_LABELS, lambda c: b""), "0 of 8 bytes"),
    "plain file under a gzip name": (_edit(TRAIN_IMAGES, gzip.decompress), "gzip"),
    "bzip2 under a gzip name": (_edit(TRAIN_IMAGES, bz2.compress), "gzip.*b'BZ'"),
    "page in place of a gzip file": (_edit(TRAIN_IMAGES, lambda c: HTML), "gzip.*b'<!'"),
    "compressed page": (_content(TEST_IMAGES, lambda c: HTML), "b'<!DOCTYP'"),
    # The header
    "header only": (_content(TRAIN_IMAGES, lambda c: c[:16]), "31,360 bytes.* 0 "),
    "wrong magic number": (_content(TRAIN_IMAGES, lambda c: b"\0\0\x0d\x03" + c[4:]), "0x00000d03.*0x00000803"),
    "labels in place of images": (_content(TRAIN_IMAGES, lambda c: encode_idx(LABELS)), "0x00000801"),
    "no images": (_content(TRAIN_IMAGES, lambda c: _header(0)(c)[:16]), "0 items"),
    "images without a side": (_content(TRAIN_IMAGES, _header(40, 0, 28)), "0×28.*28×28"),
    "images of 32 by 32": (
        _content(TRAIN_IMAGES, lambda c: encode_idx(np.zeros((40, 32, 32), np.uint8))),
        "32×32.*28×28",
    ),
    "sides that multiply to the right size": (_content(TRAIN_IMAGES, _header(40, 14, 56)), "14×56.*28×28"),
    "four billion items": (_content(TRAIN_IMAGES, _header(2**32 - 1)), "4,294,967,295.*1,000,000"),
    "a million items that no such file can hold": (_content(TRAIN_IMAGES, _header(1_000_000)), "784,000,000"),
    # The number of bytes and the labels
    "labels cut, then compressed": (_content(TEST_LABELS, lambda c: c[:-3]), "20 bytes.* 17"),
    "many bytes more": (_content(TEST_LABELS, lambda c: c + bytes(MEGABYTE)), "20 bytes.* more"),
    "one label too few": (_content(TRAIN_LABELS, lambda c: _header(39)(c)[:-1]), "40 images.* 39 labels"),
    "labels of the other split": (_content(TRAIN_LABELS, lambda c: encode_idx(LABELS)), "40 images.* 20 labels"),
    "a label of 10": (_content(TRAIN_LABELS, _label(13, 10)), "13 is 10;.*0–9"),
}
PLAIN: dict[str, tuple[Spoil, str]] = {
    "test labels missing": (_replace(TEST_LABELS), f"{TEST_LABELS}.gz"),
    "plain pipe": (_replace(TRAIN_LABELS, os.mkfifo), "regular file"),
    "file of terabytes": (_grow(1 << 42), "785,048,576"),
    "damaged gzip next to a valid plain file": (
        lambda directory: write_file(directory / TRAIN_IMAGES, HTML).rename(directory / f"{TRAIN_IMAGES}.gz"),
        "0x3c21444f",
    ),
    "gzip file under a plain name": (_edit(TRAIN_IMAGES, gzip.compress), "0x1f8b"),
    "table of text": (_edit(TEST_LABELS, lambda c: b"label\n7\n2\n1\n"), "b'label"),
    "plain file of no bytes": (_edit(TEST_IMAGES, lambda c: b""), "0 of 16 bytes"),
    "header cut": (_edit(TEST_IMAGES, lambda c: c[:15]), "15 of 16 bytes"),
    "line ends converted": (_edit(TRAIN_IMAGES, lambda c: c.replace(b"\0", b"\r\n")), "0x0d0a0d0a"),
    "header in little-endian order": (_edit(TRAIN_LABELS, lambda c: c[3::-1] + c[7:3:-1] + c[8:]), "0x01080000"),
    "four billion pixels per side": (_edit(TEST_IMAGES, _header(20, 2**32 - 1, 2**32 - 1)), "4294967295×4294967295"),
    "a million items that are not there": (_edit(TRAIN_IMAGES, _header(1_000_000)), "784,000,000"),
    "plain file cut": (_edit(TRAIN_IMAGES, lambda c: c[:-1]), "31,360 bytes.* 31,359"),
    "one byte more": (_edit(TRAIN_IMAGES, lambda c: c + b"\0"), "31,360 bytes.* more"),
    "a label of 255": (_edit(TEST_LABELS, _label(0, 255)), "0 is 255;.*0–9"),
}


@pytest.mark.parametrize(
    ("compress", "spoil", "named"),
    [
        pytest.param(compress, *case, id=name)
        for compress, cases in ((True, COMPRESSED), (False, PLAIN))
        for name, case in cases.items()
    ],
)
def test_a_malformed_directory_is_refused_in_one_line_that_names_the_file_the_problem_and_the_remedy(
    compress: bool, spoil: Spoil, named: str, tmp_path: Path, few: Few
) -> None:
    directory = write_idx(tmp_path / "data", *few, compress=compress)
    culprit = spoil(directory)
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=named) as caught:
            datasets.validate(directory)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert str(culprit.parent) in message
    assert culprit.name.removesuffix(".gz") in message
    assert message.isprintable()
    problem, _, remedy = message.rpartition("; ")
    assert problem
    assert remedy
    assert peak < 4 * MEGABYTE  # whatever the header announces


@pytest.mark.parametrize(
    ("count", "repeats", "megabytes"),
    [(40, 640, 2), (60_000, 640, 64), (2**32 - 1, 640, 2), (200_000, 10, 2)],
    ids=["10 GB too long", "as long as MNIST and too long", "a false header", "a bomb as long as its header announces"],
)
def test_a_file_that_expands_a_thousand_times_is_refused_without_taking_memory(
    count: int, repeats: int, megabytes: int, tmp_path: Path, few: Few
) -> None:
    path = write_idx(tmp_path, *few) / f"{TRAIN_IMAGES}.gz"
    header = struct.pack(">IIII", 0x803, count, 28, 28)
    path.write_bytes(gzip.compress(header) + gzip.compress(bytes(16 * MEGABYTE)) * repeats)
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=f"{path}.*{count:,} items"):
            datasets.validate(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < megabytes * MEGABYTE
    finally:
        tracemalloc.stop()


def test_blank_images_are_no_bomb(tmp_path: Path, few: Few) -> None:
    blank = DigitSet(np.zeros((60_000, 28, 28), np.uint8), np.zeros(60_000, np.uint8))
    assert not load_digits(write_idx(tmp_path, blank, few[1]), "train").images.any()


# Files that change while they are read, and files that can't be read


@pytest.mark.parametrize(
    ("change", "named"),
    [(Path.unlink, "No such file"), (lambda path: (path.unlink(), os.mkfifo(path)), "regular file")],
    ids=["vanishes", "becomes a pipe"],
)
@pytest.mark.parametrize("read", READERS)
def test_a_file_that_changes_after_it_is_found_is_named(
    read: Callable[[Path], object],
    change: Callable[[Path], object],
    named: str,
    tmp_path: Path,
    few: Few,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_file = idx.find_file

    def find(root: Path, name: str) -> Path:
        path = find_file(root, name)
        change(path)
        return path

    monkeypatch.setattr(idx, "find_file", find)
    write_idx(tmp_path, *few)
    with pytest.raises(DatasetError, match=f"{tmp_path}.*{named}"):
        read(tmp_path)


def test_images_that_do_not_fit_in_memory_are_named(tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(gzip.GzipFile, "read", fail)
    with pytest.raises(datasets.UnreadableError, match=f"{TRAIN_IMAGES}.gz.* memory"):
        load_digits(write_idx(tmp_path, *few), "train")


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
        ("~/nowhere", "~/nowhere"),
        ("a\0b", re.escape(r"a\x00b")),
        ("\ud800", re.escape(r"\ud800")),
        ("n" * 256, "nnn.*too long"),
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


@pytest.mark.parametrize("opened", ["os.open", "pathlib.Path.iterdir"], ids=["file", "directory"])
@pytest.mark.parametrize("read", READERS)
def test_what_may_not_be_read_may_be_readable_later(
    read: Callable[[Path], object], opened: str, tmp_path: Path, few: Few, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    write_idx(tmp_path, *few)
    monkeypatch.setattr(opened, refuse)
    with pytest.raises(datasets.UnreadableError, match=f"{tmp_path}.* permissions"):
        read(tmp_path)


# The canonical files


def test_the_embedded_files_pass_their_checksums(data_directory: Path) -> None:
    datasets.validate(data_directory, canonical=True)


@pytest.mark.parametrize("name", FILE_NAMES)
def test_one_changed_byte_in_a_canonical_file_is_refused(name: str, canonical_copy: Path) -> None:
    path = canonical_copy / f"{name}.gz"
    content = bytearray(path.read_bytes())
    content[4] ^= 1  # the time stamp of the gzip header: the digits are the same, the file is not
    path.write_bytes(content)
    load_digits(canonical_copy, "train" if "train" in name else "test")
    with pytest.raises(DatasetError, match=str(path)):
        idx.verify_checksums(canonical_copy)
