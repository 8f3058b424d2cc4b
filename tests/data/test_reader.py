"""Folders, archives and Parquet files: every form of them is read, and a malformed one is refused
clearly.
"""

import datetime
import gc
import importlib.util
import json
import os
import shutil
import tracemalloc
import warnings
import weakref
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from support.sources import (
    NAMES,
    assert_digits,
    assert_refused,
    encoded,
    picture_table,
    write_folders,
    write_npz,
    write_parquet,
)

from mnist_pipeline.data import findings, folders, parquet, reader, source
from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.conversion import fitted
from mnist_pipeline.data.datasets import DatasetError, load_digits, reader_of
from mnist_pipeline.data.decoding import MAX_BYTES, Draft, decode
from mnist_pipeline.data.reader import Reader, SplitContent
from mnist_pipeline.data.source import Loaded, Source
from mnist_pipeline.data.split import SPLITS
from mnist_pipeline.data.values import DigitSet

BLANK = encoded(np.zeros((28, 28), np.uint8))


def test_a_layout_may_decode_pictures_that_are_no_files(few, tmp_path):
    images, labels = few["train"]
    loaded = Loaded([encoded(image) for image in images], labels)
    layout = Source("archive", [], {"train": (".",)}, lambda _: loaded, decode, are_files=False)
    reader = Reader(tmp_path, layout, {}, None)
    parts = reader.read(*SPLITS)
    assert sum(len(part.images) for part in parts) == len(images)
    assert [*reader.files(), *(path for part in parts for path in part.paths)] == []


def test_labels_without_names_are_sorted_and_are_the_names(tmp_path):
    images = np.arange(60, dtype=np.uint8).repeat(28 * 28).reshape(60, 28, 28)
    np.savez(tmp_path / "a.npz", images=images, labels=np.array([10, 9, 100] * 20))
    assert reader_of(tmp_path).class_names == ("9", "10", "100")
    for split in SPLITS:
        found = load_digits(tmp_path, split)
        expected = [[1, 0, 2][level % 3] for level in found.images[:, 0, 0].tolist()]
        assert found.labels.tolist() == expected


def test_parquet_files_may_lie_in_the_folder_data_of_a_copy_from_hugging_face(few, tmp_path):
    write_parquet(tmp_path / "data", few)
    (tmp_path / "README.md").touch()
    assert_digits(tmp_path, "test", few["test"])


@pytest.mark.parametrize("names", [None, [1, 2], [None, *"bcdefghij"]])
def test_metadata_that_name_no_class_are_ignored(names, few, tmp_path):
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": {"names": names}}}})}
    table = picture_table(few["train"]).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "all.parquet")
    assert reader_of(tmp_path).class_names == NAMES


@pytest.mark.parametrize("value", [1.0, 16.0, 65_535])
def test_the_largest_value_of_an_archive_is_white(value, tmp_path):
    images = np.zeros((8, 28, 28), type(value))
    images[:, 3, 4], images[0, 0, 0] = value, value / 2
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["a", "b"] * 4))
    found = [load_digits(tmp_path / "a.npz", split) for split in SPLITS]
    assert {int(image[3, 4]) for split in found for image in split.images} == {255}
    assert max(int(image[0, 0]) for split in found for image in split.images) in (127, 128)
    assert reader_of(tmp_path).class_names == ("a", "b")


def test_the_largest_value_of_all_splits_is_white_also_if_it_is_zero(few, tmp_path):
    arrays = {f"y_{split}": few[split].labels for split in SPLITS}
    for split, largest in (("train", 2.0), ("test", 4.0)):
        arrays[f"x_{split}"] = few[split].images / 255 * largest
    np.savez(tmp_path / "a.npz", **arrays)
    assert [load_digits(tmp_path, split).images.max() for split in SPLITS] == [128, 255]
    blank = {name: 0.0 * array if name[0] == "x" else array for name, array in arrays.items()}
    np.savez(tmp_path / "a.npz", **blank)
    with np.errstate(all="raise"):
        assert not load_digits(tmp_path, "train").images.any()


def test_an_archive_may_have_channels_and_a_column_of_labels(few, tmp_path):
    images, labels = few["train"]
    for channels in (1, 3):
        arrays = {"x_train": np.stack([images] * channels, axis=-1), "y_train": labels[:, None]}
        arrays |= {"test_images": images, "test_labels": labels}
        np.savez(tmp_path / "colour.npz", **arrays)
        assert_digits(tmp_path, "train", few["train"])


def test_training_images_decide_for_both_splits_whether_dark_digits_are_inverted(few, tmp_path):
    train, test = few["train"], few["test"]
    mixed = {"train": train._replace(images=255 - train.images), "test": test}
    root = write_npz(tmp_path / "a.npz", mixed)
    assert_digits(root, "train", train)
    assert_digits(root, "test", test._replace(images=255 - test.images))
    (tmp_path / "dataset.yaml").write_text("noun: sign\n")
    assert_digits(root, "train", mixed["train"])


OF_SYSTEMS = (".DS_Store", "._1.png", "Thumbs.db", "desktop.ini", "Picasa.ini", "Icon\r")
LITTER = ("1.xmp", "1.png~", "notes.txt")


def test_files_that_are_not_pictures_are_counted_in_one_warning_without_those_of_systems(
    few, tmp_path
):
    root = write_folders(tmp_path, few)
    folder = root / "train" / "3"
    for directory in (root, root / "train", folder):
        (directory / "@eaDir").mkdir()
        for name in OF_SYSTEMS:
            (directory / name).touch()
    assert_digits(root, "train", few["train"])
    assert skipped(root) == []
    for name in LITTER:
        (folder.parent / name).touch()
        (folder / name).touch()
    os.mkfifo(folder / "pipe")
    (warning,) = skipped(root)
    assert f" {len(LITTER) + 1}, " in warning


def skipped(root: Path) -> list[str]:
    return [warning for warning in findings.inspect(root).warnings if "skipped" in warning]


def test_images_of_28_pixels_get_the_form_of_mnist_too_if_the_description_asks_for_it(tmp_path):
    page = np.full((28, 28), 240, np.uint8)
    page[2:8, 3:5] = 40
    np.savez(tmp_path / "a.npz", images=np.tile(page, (8, 1, 1)), labels=[0, 1] * 4)
    (tmp_path / "dataset.yaml").write_text("fit: mnist")
    for image in load_digits(tmp_path, "train").images:
        np.testing.assert_array_equal(image, fitted(page, "mnist"))


def test_labels_that_are_texts_are_line_numbers_of_classes_txt(few, tmp_path):
    images = few["train"].images
    labels = np.array(["a", "b", "b"] * 20)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    (tmp_path / "classes.txt").write_text("b\nc\na\n")
    assert load_digits(tmp_path, "train").labels.tolist() == [2, 0, 0] * 20


def test_classes_txt_may_end_with_blank_lines(few, tmp_path):
    root = write_npz(tmp_path / "a.npz", few)
    content = "\ufeff" + "\r\n".join(["no entry", *"bcdefghij"]) + "\r\n \r\n"
    (tmp_path / "classes.txt").write_text(content, newline="")
    assert reader_of(root).class_names == ("no entry", *"bcdefghij")


def test_all_pictures_that_can_not_be_read_are_counted_and_the_first_ten_are_named(few, tmp_path):
    root = write_folders(tmp_path, few)
    paths = [path for split in few for path in sorted((root / split / "7").iterdir())]
    for path in paths:
        path.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match=f"^{len(paths)} pictures") as caught:
        read_raw(root)
    assert len(paths) > 10
    assert sum(str(path) in str(caught.value) for path in paths) == 10


def test_too_many_class_folders_are_refused_before_a_picture_is_read(tmp_path):
    for number in range(257):
        (tmp_path / "folders" / str(number)).mkdir(parents=True)
        (tmp_path / "folders" / str(number) / "a.png").touch()
    with pytest.raises(DatasetError, match="257"):
        reader_of(tmp_path / "folders")


def test_too_many_labels_are_refused_with_their_number(tmp_path):
    sets = DigitSet(np.zeros((514, 28, 28), np.uint8), np.arange(257).repeat(2))
    assert_refused(write_npz(tmp_path / "train.npz", {"": sets}), "257")


def test_a_class_may_have_the_name_of_a_split(few, tmp_path):
    root = write_folders(tmp_path, {"": few["train"]})
    for number, name in enumerate(("bus", "test", "train")):
        (root / str(number)).rename(root / name)
    assert {"bus", "test", "train"} < {*reader_of(root).class_names}


# Malformed sources: how to spoil a valid one, and a regular expression for what the error names.
# test_fuzz.py damages files; here are files that are whole, and not what a data set needs.

Spoil = Callable[[Path], object]


def _write(name: str, content: str) -> Spoil:
    return lambda root: (root / name).write_text(content)


def _classes(*names: str) -> Spoil:
    """Only these class folders, in one part, each with a picture."""

    def spoil(root: Path) -> None:
        for path in root.iterdir():
            shutil.rmtree(path)
        for name in names:
            (root / name).mkdir()
            (root / name / "1.png").write_bytes(BLANK)

    return spoil


FOLDERS: dict[str, tuple[Spoil, str]] = {
    "an empty class": (
        lambda root: [path.unlink() for path in (root / "test" / "7").iterdir()],
        "test/7",
    ),
    "a picture outside of the class folders": (_write("train/a.png", ""), "train/a.png.*0, 1, 2"),
    "pictures without classes for testing": (
        lambda root: [
            shutil.rmtree(root / "test"),
            (root / "test").mkdir(),
            (root / "test" / "1.png").write_bytes(BLANK),
        ],
        "test.*predict",
    ),
    "a class in one split": (
        lambda root: (root / "test" / "7").rename(root / "test" / "8a"),
        "'7'",
    ),
    "a folder in a group": (
        lambda root: (root / "train" / "7" / "group" / "more").mkdir(parents=True),
        "7/group/more",
    ),
    "a split in a class folder": (lambda root: (root / "train" / "7" / "test").mkdir(), "7/test"),
    "one class": (_classes("only"), r"is 1 \(only\)"),
    "one picture per class": (_classes("a", "b"), "single image of class a"),
    "classes.txt with a name too few": (
        _write("classes.txt", "\n".join("abcdefghi")),
        "label 9.*0–8.*classes.txt",
    ),
    "classes.txt with a name twice": (_write("classes.txt", "\n".join("abcdefghia")), "'a'.*twice"),
    "classes.txt in Latin-1": (
        lambda root: (root / "classes.txt").write_bytes(b"caf\xe9\n" * 10),
        "UTF-8",
    ),
    "classes.txt with a blank line": (_write("classes.txt", "a\nb\n\n" + "d\n" * 7), "''"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_malformed_folders_are_refused(name, few, tmp_path):
    root = write_folders(tmp_path / "folders", few)
    spoil, named = FOLDERS[name]
    spoil(root)
    assert_refused(root, named)


@pytest.mark.parametrize(
    ("name", "array", "named"),
    [
        ("y_train", np.array([1, "a", None] * 20, object), "numbers"),  # only pickle reads it
        ("y_train", np.zeros(59, int), "60 images.*59 labels"),
        ("y_train", np.zeros(60), "y_train.*float64"),
        ("x_train", np.zeros((60, 784), np.uint8), r"\(60, 784\)"),
        ("x_train", np.zeros((60, 0, 28), np.uint8), r"\(60, 0, 28\)"),
        ("x_test", np.full((40, 28, 28), np.nan), "x_test"),
        ("x_test", np.full((40, 28, 28), np.inf), "x_test"),
        ("x_test", np.full((40, 28, 28), -1), "x_test"),
    ],
)
def test_unsuitable_arrays_are_refused_by_name_and_shape(name, array, named, few, tmp_path):
    path = write_npz(tmp_path / "digits.npz", few)
    with np.load(path) as archive:
        arrays = {**archive, name: array}
    np.savez(path, **arrays)
    assert_refused(path, f"digits.npz.*{named}")


@pytest.mark.parametrize(
    ("images", "labels", "named"),
    [
        (np.zeros((20_000, 28, 28), np.uint8), np.arange(3), "20,000 images.*3 labels"),
        (np.zeros((2, 1, 5_000_000), np.uint8), np.zeros((2, 3_000_000), np.uint8), "labels is"),
        (np.zeros((2, 2, 2, 2_000_000), np.uint8), np.arange(2), "images is"),
        (np.zeros((4, 2, 200_000), complex), np.arange(4), "images is complex128"),
    ],
)
def test_arrays_of_an_archive_that_do_not_fit_are_refused_before_they_take_memory(
    images, labels, named, tmp_path
):
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=labels)
    tracemalloc.start()
    assert_refused(tmp_path, named)
    largest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert largest < 2_000_000


def test_an_array_that_is_longer_in_its_header_than_in_the_archive_is_refused(tmp_path):
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("images.npy", "labels.npy"):
            with archive.open(name, "w") as file:
                np.lib.format.write_array_header_1_0(file, header)
    assert_refused(tmp_path, "a.npz is damaged")


def test_an_archive_that_inflates_to_more_than_a_limit_is_refused_unless_it_is_as_large(
    few, tmp_path, monkeypatch
):
    monkeypatch.setattr(source, "LARGEST", 10_000)
    assert_refused(write_npz(tmp_path / "small.npz", few), "inflates to more than")
    arrays = {f"x_{split}": digits.images for split, digits in few.items()}
    arrays |= {f"y_{split}": digits.labels for split, digits in few.items()}
    np.savez(tmp_path / "large.npz", **arrays)
    assert_digits(tmp_path / "large.npz", "train", few["train"])


def test_a_picture_of_very_many_bytes_is_refused_without_reading_them(few, tmp_path):
    root = write_folders(tmp_path, few)
    with (root / "train" / "3" / "huge.png").open("wb") as file:
        file.truncate(2**40)  # of no blocks on the disk
    assert_refused(root, f"1 picture can't be read: .*huge.png.*{MAX_BYTES:,} bytes")


def test_a_parquet_column_that_repeats_a_picture_is_refused_beyond_a_limit(
    few, tmp_path, monkeypatch
):
    blank = DigitSet(np.zeros_like(few["train"].images), few["train"].labels)
    root = write_parquet(tmp_path, {"train": blank})
    monkeypatch.setattr(source, "LARGEST", 0)
    monkeypatch.setattr(parquet, "BATCH", 10)
    assert_refused(root, "bytes of pictures")


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (["a" * 256, *"abcdefghi"], "label of 256 characters"),
        ([None, *"abcdefghi"], "type NoneType"),
        ([["a"], *[["b"]] * 9], "type list"),
        (["", *"abcdefghi"], "empty cells"),
        ([0.5, *range(9)], "type float"),
        ([datetime.datetime(2020, 1, 1)] * 10, "type datetime"),
        ([{"name": "a"}] * 10, "type dict"),
    ],
)
def test_labels_of_another_form_are_refused_before_they_become_an_array(labels, named, tmp_path):
    table = pa.table({"image": [BLANK] * 10, "label": labels})
    pq.write_table(table, tmp_path / "all.parquet")
    assert_refused(tmp_path, named)


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"image": [BLANK] * 4}, "the columns image, and|the columns image;"),
        ({f"column {number}": [0] for number in range(3_000)}, "the columns column 0"),
        ({"image": [*[BLANK] * 3, None], "label": [0, 1] * 2}, "not an encoded picture"),
        ({"image": ["a.png"] * 4, "label": [0, 1] * 2}, "4 pictures.*not an encoded picture"),
        ({"image": [{"bytes": 7}] * 4, "label": [0, 1] * 2}, "not an encoded picture"),
        ({"image": [b"<html>"] * 4, "label": [0, 1] * 2}, "image 0 of train.* is not a PNG"),
        ({"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())}, "no rows"),
    ],
)
def test_unsuitable_columns_are_refused(columns, named, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "all.parquet")
    assert_refused(tmp_path, named)


@pytest.mark.parametrize("write", [write_npz, write_parquet])
@pytest.mark.parametrize(
    "damage",
    [lambda content: b"", lambda content: content[:-20], lambda content: b"\0" * len(content)],
    ids=["empty", "cut", "zeros"],
)
def test_a_damaged_file_is_refused_without_the_advice_to_allow_pickles(
    write, damage, few, tmp_path
):
    write(tmp_path / "a.npz" if write is write_npz else tmp_path, few)
    for path in tmp_path.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert_refused(tmp_path, "^(?!.*pickle).*damaged")


def test_too_little_memory_is_not_called_damage(tmp_path):
    with pytest.raises(DatasetError, match="more memory"), source.damage_named(tmp_path):
        raise MemoryError


def test_a_missing_library_is_named_with_the_extra(few, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert_refused(write_parquet(tmp_path, few), "pip install pyarrow")


def test_a_file_is_decoded_once_by_all_readers_as_long_as_it_stays_the_same(few, tmp_path):
    write_folders(tmp_path, few)
    decoded = []

    def note(path: Path, draft: Draft) -> tuple[Image.Image, str]:
        decoded.append(path)
        return decode(path, draft)

    def read() -> list[SplitContent]:
        of_files = folders.find(tmp_path)._replace(decode=note)
        return Reader(tmp_path, of_files, {}, None).read(*SPLITS)

    first, again = read(), read()
    assert len(decoded) == len({*decoded}) == sum(len(split.labels) for split in first)
    for content, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(content.images, same.images)
    changed = decoded[0]
    changed.write_bytes(BLANK)
    read()
    assert decoded.count(changed) == 2


def test_threads_that_ignore_warnings_at_the_same_time_leave_the_filters_as_they_were(
    few, tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    monkeypatch.setattr(reader, "BLOCK_IMAGES", 2)
    monkeypatch.setattr(reader, "SLOW", 0)
    first_began, second_began, first_ended = Event(), Event(), Event()

    def ignoring(number: int, draft: Draft) -> tuple[Image.Image, str]:
        decoded = decode(BLANK, draft)
        if number == 3:
            first_began.wait(10)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if number == 2:
                first_began.set()
                second_began.wait(10)
            if number == 3:
                second_began.set()
                first_ended.wait(10)
        if number == 2:
            first_ended.set()
        return decoded

    # The first two are read on a single thread, which shows how slow they are.
    loaded = Loaded(range(4), np.arange(4) % 2)
    groups = {split: (split,) for split in SPLITS}
    layout = Source("numbers", [], groups, lambda _: loaded, ignoring, are_files=False)
    monkeypatch.setattr(Reader, "_digest", lambda self, item: f"{item:02}")
    filters = [*warnings.filters]
    Reader(tmp_path, layout, {}, None).read("train")
    assert warnings.filters == filters


def test_long_readings_say_how_far_they_are(few, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(reader, "BLOCK_IMAGES", 25)
    write_folders(tmp_path, few)
    said = []
    digits = load_digits(tmp_path, "train", on_read=lambda *numbers: said.append(numbers))
    assert len(digits.labels) == 60
    assert said == [(25, 60), (50, 60), (60, 60)]


def test_images_are_freed_with_their_reader_and_not_at_the_next_collection(few, tmp_path):
    write_folders(tmp_path, few)
    gc.disable()
    try:
        used = reader_of(tmp_path)
        used.read(*SPLITS)
        reference = weakref.ref(used)
        del used
        assert reference() is None
    finally:
        gc.enable()
