"""Folders, archives and Parquet files: every form of them is read, and a malformed one is refused
clearly.
"""

import datetime
import importlib.util
import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.sources import (
    NAMES,
    Sets,
    assert_digits,
    assert_refused,
    encoded,
    picture_table,
    write_folders,
    write_npz,
    write_parquet,
)

from mnist_pipeline.data import findings
from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.datasets import DatasetError, load_digits, reader_of
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.data.split import SPLITS

BLANK = encoded(np.zeros((28, 28), np.uint8))
PARQUET_FILE = "train-00000-of-00001.parquet"


@pytest.mark.parametrize("values", [("10", "9", "100"), ("owl", "None", "nan"), (2**40, 3, 12)])
def test_labels_without_names_are_sorted_and_are_the_names(
    values: tuple[Any, ...], tmp_path: Path
) -> None:
    pictures = [encoded(np.full((28, 28), level, np.uint8)) for level in range(60)]
    labels = [values[row % 3] for row in range(60)]
    pq.write_table(pa.table({"image": pictures, "label": labels}), tmp_path / "all.parquet")
    expected = sorted(values, key=lambda value: int(value) if str(value).isdecimal() else value)
    assert reader_of(tmp_path).class_names == tuple(map(str, expected))
    for split in SPLITS:
        found = load_digits(tmp_path, split)
        for level, label in zip(found.images[:, 0, 0].tolist(), found.labels.tolist(), strict=True):
            assert expected[label] == labels[level]


@pytest.mark.parametrize(
    "info",
    [
        {"features": None},
        {"features": {"label": {"names": [None, *"bcdefghij"]}}},
        {"features": {"label": {"names": [1, 2]}}},
        {"features": [{"label": ["a", "b"]}]},
    ],
)
def test_metadata_that_name_no_class_are_ignored(info: object, few: Sets, tmp_path: Path) -> None:
    metadata = {"huggingface": json.dumps({"info": info})}
    table = picture_table(few["train"]).replace_schema_metadata(metadata)
    pq.write_table(table, tmp_path / "all.parquet")
    assert reader_of(tmp_path).class_names == NAMES


@pytest.mark.parametrize("value", [1.0, 16.0, 65_535])
def test_the_largest_value_of_an_archive_is_white(value: float, tmp_path: Path) -> None:
    images = np.zeros((8, 28, 28), type(value))
    images[:, 3, 4], images[0, 0, 0] = value, value / 2
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["a", "b"] * 4))
    found = [load_digits(tmp_path / "a.npz", split) for split in SPLITS]
    assert {int(image[3, 4]) for split in found for image in split.images} == {255}
    assert max(int(image[0, 0]) for split in found for image in split.images) in (127, 128)
    assert reader_of(tmp_path).class_names == ("a", "b")


def test_an_archive_may_have_channels_and_a_column_of_labels(few: Sets, tmp_path: Path) -> None:
    images, labels = few["train"]
    for channels in (1, 3):
        arrays = {"x_train": np.stack([images] * channels, axis=-1), "y_train": labels[:, None]}
        arrays |= {"test_images": images, "test_labels": labels}
        np.savez(tmp_path / "colour.npz", **arrays)
        assert_digits(tmp_path, "train", few["train"])


@pytest.mark.parametrize("levels", [(170, 84), (84, 170)], ids=["dark on light", "light on dark"])
def test_training_images_decide_for_both_splits_whether_dark_digits_are_inverted(
    levels: tuple[int, int], tmp_path: Path
) -> None:
    images = {split: np.full((40, 28, 28), level, np.uint8) for split, level in zip(SPLITS, levels)}
    sets = {split: DigitSet(array, np.arange(40) % 10) for split, array in images.items()}
    write_npz(tmp_path / "a.npz", sets)
    together = reader_of(tmp_path).read(*SPLITS)
    for split, part in zip(SPLITS, together, strict=True):
        expected = 255 - images[split] if levels[0] > 127 else images[split]
        np.testing.assert_array_equal(part.digits.images, expected)
        np.testing.assert_array_equal(load_digits(tmp_path, split).images, expected)
    (tmp_path / "dataset.yaml").write_text("noun: sign\n")
    np.testing.assert_array_equal(load_digits(tmp_path, "train").images, images["train"])


OF_SYSTEMS = (".DS_Store", "._1.png", "Thumbs.db", "desktop.ini", "Picasa.ini", "Icon\r")
LITTER = ("1.xmp", "1.png~", "notes.txt")


def test_files_that_are_not_pictures_are_counted_in_one_warning_without_those_of_systems(
    few: Sets, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n \r\n"])
def test_classes_txt_may_end_with_blank_lines(end: str, few: Sets, tmp_path: Path) -> None:
    root = write_npz(tmp_path / "a.npz", few)
    newline = "\r\n" if "\r" in end else "\n"
    content = "\ufeff" + newline.join(["no entry", *"bcdefghij"]) + end
    (tmp_path / "classes.txt").write_text(content, newline="")
    assert reader_of(root).class_names == ("no entry", *"bcdefghij")


def test_all_pictures_that_can_not_be_read_are_counted_and_the_first_ten_are_named(
    few: Sets, tmp_path: Path
) -> None:
    root = write_folders(tmp_path, few)
    paths = [path for split in few for path in sorted((root / split / "7").iterdir())]
    for path in paths:
        path.write_bytes(b"<html>")
    with pytest.raises(DatasetError, match=f"^{len(paths)} pictures") as caught:
        read_raw(root)
    assert len(paths) > 10
    assert sum(str(path) in str(caught.value) for path in paths) == 10


def test_a_class_may_have_the_name_of_a_split(few: Sets, tmp_path: Path) -> None:
    root = write_folders(tmp_path, {"": few["train"]})
    for number, name in enumerate(("bus", "test", "train")):
        (root / str(number)).rename(root / name)
    assert {"bus", "test", "train"} < {*reader_of(root).class_names}


# Malformed sources: how to spoil a valid one, and a regular expression for what the error names

Spoil = Callable[[Path], object]


def _write(name: str, content: bytes | str) -> Spoil:
    return lambda root: (root / name).write_bytes(
        content.encode() if isinstance(content, str) else content
    )


def _picture(content: Callable[[bytes], bytes]) -> Spoil:
    """Change the first picture of a class."""

    def spoil(root: Path) -> None:
        path = min((root / "train" / "7").iterdir())
        path.write_bytes(content(path.read_bytes()))

    return spoil


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
    "a picture cut off": (_picture(lambda content: content[:-30]), "train/7/.*cut off"),
    "a picture outside of the class folders": (_write("train/a.png", b""), "train/a.png.*0, 1, 2"),
    "classes beside a split": (
        lambda root: [
            *(path.rename(root / path.name) for path in (root / "test").iterdir()),
            (root / "test").rmdir(),
        ],
        "train.*0, 1, 2",
    ),
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
    "a folder in a class folder": (lambda root: (root / "train" / "7" / "more").mkdir(), "train/7"),
    "a link to nowhere": (
        lambda root: (root / "train" / "7" / "a.png").symlink_to("nowhere"),
        "No such file",
    ),
    "one class": (_classes("only"), r"is 1 \(only\)"),
    "one picture per class": (_classes("a", "b"), "single image of class a"),
    "classes.txt with a name too few": (
        _write("classes.txt", "\n".join("abcdefghi")),
        "label 9.*0–8.*classes.txt",
    ),
    "classes.txt with a long name twice": (_write("classes.txt", ("y" * 900 + "\n") * 10), "twice"),
    "classes.txt with a blank line": (_write("classes.txt", "a\nb\n\n" + "d\n" * 7), "''"),
    "classes.txt in another encoding": (
        _write("classes.txt", "é\n".encode("latin-1") * 10),
        "UTF-8",
    ),
    "dataset.yaml with another field": (
        _write("dataset.yaml", "colour: red"),
        "dataset.yaml: .*colour",
    ),
    "dataset.yaml with a list": (_write("dataset.yaml", "noun: [a, b]"), "noun is .*quotes"),
    "dataset.yaml with another fit": (
        _write("dataset.yaml", "fit: loose"),
        "dataset.yaml: fit is loose",
    ),
    "dataset.yaml that is not YAML": (_write("dataset.yaml", "a: b: c: ["), "dataset.yaml"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_malformed_folders_are_refused(name: str, few: Sets, tmp_path: Path) -> None:
    root = write_folders(tmp_path / "folders", few)
    spoil, named = FOLDERS[name]
    spoil(root)
    assert_refused(root, named)


FEW = np.zeros((60, 28, 28), np.uint8)
ARRAYS: dict[str, tuple[dict[str, np.ndarray | None], str]] = {
    "objects that only pickle could read": (
        {"y_train": np.array([1, "a", None] * 20, object)},
        "digits.npz.*numbers",
    ),
    "hundreds of other names": (
        {"x_train": None, **{f"pictures of {number}": FEW for number in range(300)}},
        "pictures of .*x_train",
    ),
    "validation images of another size": (
        {"x_val": FEW[:, 1:], "y_val": np.zeros(60, int)},
        "digits.npz.*size",
    ),
    "labels of another length": ({"y_train": np.zeros(59, int)}, "60 images.*59 labels"),
    "labels of floats": ({"y_train": np.zeros(60)}, "y_train.*float64"),
    "300 classes": (
        {"x_train": np.zeros((300, 28, 28), np.uint8), "y_train": np.arange(300)},
        "is 300",
    ),
    "flat images": ({"x_train": FEW.reshape(60, 784)}, r"\(60, 784\)"),
    "levels that are no numbers": ({"x_test": np.full((40, 28, 28), np.nan)}, "x_test"),
}
BYTES: dict[str, Callable[[bytes], bytes]] = {
    "a page": lambda content: b"<html>" * 9,
    "cut at the end": lambda content: content[:-30],
    "a pickle": lambda content: pickle.dumps([1, None]),
    "a single array": lambda content: _array(FEW),
    "a single array of objects": lambda content: _array(np.array([None])),
    "an archive of texts": lambda content: _zipped("x_train", "y_train"),
    "empty": lambda content: b"",
}


def _array(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "no array")
    return file.getvalue()


@pytest.mark.parametrize("name", ARRAYS)
def test_unsuitable_arrays_are_refused_by_name_and_shape(
    name: str, few: Sets, tmp_path: Path
) -> None:
    path = write_npz(tmp_path / "digits.npz", few)
    changed, named = ARRAYS[name]
    with np.load(path) as archive:
        arrays = {**archive, **changed}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    assert_refused(path, named)


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("file", ["a.npz", PARQUET_FILE])
def test_a_damaged_file_is_refused(file: str, name: str, few: Sets, tmp_path: Path) -> None:
    if file == PARQUET_FILE:
        write_parquet(tmp_path, few)
    else:
        write_npz(tmp_path / file, few)
    path = tmp_path / file
    path.write_bytes(BYTES[name](path.read_bytes()))
    assert_refused(tmp_path, "^(?!.*pickle).*damaged")  # to allow pickles is bad advice


def _labelled(labels: list[Any]) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.set_column(1, "label", pa.array(labels * 20))


COLUMNS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "no labels": (lambda table: table.drop_columns("label"), "the columns image.*label"),
    "pictures that are none": (
        lambda table: table.set_column(0, "image", pa.array([b"<html>"] * len(table))),
        "image 0 of train.* is not a PNG",
    ),
    "thousands of columns": (
        lambda table: pa.table({f"column {number}": [0] for number in range(3_000)}),
        "the columns column 0",
    ),
    "a column twice": (lambda table: table.append_column("label", table["label"]), "damaged"),
    **{
        f"labels that are {kind}": (_labelled(labels), "label|damaged")
        for kind, labels in {
            "texts or missing": ["a", "b", None],
            "numbers or missing": [0, 1, None],
            "floats": [0.0, 1.0, float("nan")],
            "dates": [datetime.datetime(2020, 1, 1)] * 3,
            "one-hot": [[0, 1], [1, 0], [1, 0]],
            "lists of several lengths": [[0, 1], [1], []],
            "structs": [{"name": "a"}, {"name": "b"}, None],
            "missing": [None] * 3,
        }.items()
    },
    "labels that are categories or missing": (
        lambda table: table.set_column(
            1, "label", pa.array(["a", None, "b"] * 20).dictionary_encode()
        ),
        "label",
    ),
    "texts in place of pictures": (
        lambda table: table.set_column(0, "image", table["label"].cast(pa.string())),
        "not an encoded picture",
    ),
    "a label outside": (
        lambda table: table.set_column(1, "label", pa.array([10] * len(table))),
        "label 10.*0–9",
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_unsuitable_columns_are_refused(name: str, few: Sets, tmp_path: Path) -> None:
    change, named = COLUMNS[name]
    root = write_parquet(tmp_path, few)
    pq.write_table(change(picture_table(few["train"])), root / PARQUET_FILE)
    assert_refused(root, named)


def test_a_missing_library_is_named_with_the_extra(
    few: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert_refused(write_parquet(tmp_path, few), "pip install pyarrow")
