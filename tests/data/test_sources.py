"""Data sets in other layouts than IDX: the same digits to the byte, or one clear error."""

import io
import json
import os
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.idx import write_idx
from support.sources import NAMES, Sets, encoded, picture_table, write_folders, write_npz, write_parquet

from mnist_pipeline.data import datasets, reader
from mnist_pipeline.data.datasets import DatasetError, DigitSet, load_digits, reader_of

MEGABYTE = 1 << 20
COLOURS = ("red", "green", "blue")
LAYOUTS: dict[str, Callable[[Path, Sets], Path]] = {
    "folders": lambda root, sets: write_folders(root / "folders", sets),
    "npz": lambda root, sets: write_npz(root / "digits.npz", sets),
    "parquet": lambda root, sets: write_parquet(root / "parquet", sets),
}


@pytest.fixture(scope="module")
def few(train: DigitSet, test: DigitSet) -> dict[str, DigitSet]:
    return {
        "train": DigitSet(train.images[:60], train.labels[:60]),
        "test": DigitSet(test.images[40:80], test.labels[40:80]),
    }


# The same digits


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_digits_of_the_idx_files_to_the_byte(
    layout: str, few: dict[str, DigitSet], tmp_path: Path
) -> None:
    idx, other = write_idx(tmp_path / "idx", *few.values()), LAYOUTS[layout](tmp_path, few)
    assert reader_of(other).class_names == NAMES
    recorded = datasets.validate(other)
    assert recorded == datasets.raw_files(other)
    for split in reader.SPLITS:
        found = load_digits(other, split, recorded=recorded)
        for array, expected in zip(found, load_digits(idx, split), strict=True):
            assert array.flags.c_contiguous
            np.testing.assert_array_equal(array, expected, strict=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_set_in_one_part_is_split_by_class_and_always_in_the_same_way(
    layout: str, few: dict[str, DigitSet], tmp_path: Path
) -> None:
    whole = few["train"]
    if layout == "npz":
        root = tmp_path / "digits.npz"
        np.savez(root, images=whole.images, labels=whole.labels)
    else:
        root = LAYOUTS[layout](tmp_path, {"": whole})
    (train, test), again = ([load_digits(root, split) for split in reader.SPLITS] for _ in range(2))
    for found, expected in zip((*train, *test), (*again[0], *again[1]), strict=True):
        np.testing.assert_array_equal(found, expected)
    counts = np.bincount(whole.labels)
    assert np.bincount(test.labels).tolist() == np.maximum(1, np.round(0.2 * counts)).tolist()
    images = np.concatenate([train.images, test.images])
    assert sorted(map(bytes, images)) == sorted(map(bytes, whole.images))
    own = {image.tobytes(): label for image, label in zip(*whole, strict=True)}
    assert [own[image.tobytes()] for image in images] == [*train.labels, *test.labels]


def test_pictures_of_any_format_size_and_colour_are_converted_by_the_rule(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in COLOURS:
        (tmp_path / name).mkdir()
        for number, (file_format, shape) in enumerate(
            [("PNG", (28, 28)), ("JPEG", (90, 60, 3)), ("WEBP", (20, 40)), ("BMP", (56, 56, 3)), ("TIFF", (9, 9))]
        ):
            image = generator.integers(0, 256, shape, np.uint8)
            (tmp_path / name / f"{number} {name}.{file_format}").write_bytes(encoded(image, file_format))
        (tmp_path / name / "z.gif").write_bytes(encoded(np.full((280, 140), 40, np.uint8), "GIF"))
    (tmp_path / "dataset.yaml").write_text("title: Colours\ntest_share: 0.5\n")
    (tmp_path / "classes.txt").write_text("bleu\nvert\nrouge\n")
    opened = reader_of(tmp_path)
    assert opened.class_names == ("bleu", "vert", "rouge")  # the folders are blue, green and red
    parts = [opened.read(split) for split in reader.SPLITS]
    assert sum((part.kinds for part in parts), parts[0].kinds.__class__())["60×90 RGB"] == 3
    assert [np.bincount(part.labels).tolist() for part in parts] == [[3, 3, 3], [3, 3, 3]]


def test_idx_files_have_as_many_classes_as_classes_txt_names(few: dict[str, DigitSet], tmp_path: Path) -> None:
    shifted = [DigitSet(digits.images, digits.labels + 30) for digits in few.values()]
    write_idx(tmp_path, *shifted)
    with pytest.raises(DatasetError, match=r"0–9.*classes\.txt"):
        datasets.validate(tmp_path)
    (tmp_path / "classes.txt").write_text("\n".join(f"class {number}" for number in range(40)))
    np.testing.assert_array_equal(load_digits(tmp_path, "test").labels, shifted[1].labels)
    assert len(reader_of(tmp_path).class_names) == 40


@pytest.mark.parametrize("values", [("10", "9", "100"), ("owl", "cat", "dog"), (7, 3, 12)])
def test_labels_without_names_are_sorted_and_are_the_names(values: tuple[Any, ...], tmp_path: Path) -> None:
    pictures = [encoded(np.full((28, 28), level, np.uint8)) for level in range(60)]
    labels = [values[row % 3] for row in range(60)]
    pq.write_table(pa.table({"img": pictures, "target": labels}), tmp_path / "all.parquet")
    expected = sorted(values, key=lambda value: int(value) if str(value).isdecimal() else value)
    assert reader_of(tmp_path).class_names == tuple(map(str, expected))
    for split in reader.SPLITS:
        found = load_digits(tmp_path, split)
        for level, label in zip(found.images[:, 0, 0].tolist(), found.labels.tolist(), strict=True):
            assert expected[label] == labels[level]


@pytest.mark.parametrize("value", [1.0, 16.0, 65_535])
def test_the_largest_value_of_an_archive_is_white(value: float, tmp_path: Path) -> None:
    images = np.zeros((8, 28, 28), type(value))
    images[:, 3, 4], images[0, 0, 0] = value, value / 2
    np.savez(tmp_path / "a.npz", images=images, labels=np.array(["a", "b"] * 4))
    found = [load_digits(tmp_path / "a.npz", split) for split in reader.SPLITS]
    assert {int(image[3, 4]) for split in found for image in split.images} == {255}
    assert max(int(image[0, 0]) for split in found for image in split.images) in (127, 128)
    assert reader_of(tmp_path).class_names == ("a", "b")


def test_a_picture_without_a_number_as_its_name_has_a_random_place(few: dict[str, DigitSet], tmp_path: Path) -> None:
    root = write_folders(tmp_path, few)
    (root / "train" / "5" / "00000.png").rename(root / "train" / "5" / "first.png")
    labels = load_digits(root, "train").labels
    assert sorted(labels) == sorted(few["train"].labels)
    assert labels.tolist() != few["train"].labels.tolist()


def test_a_renamed_folder_and_a_changed_picture_change_the_checksum(few: dict[str, DigitSet], tmp_path: Path) -> None:
    root = write_folders(tmp_path, few)
    recorded = datasets.raw_files(root)
    picture = next((root / "train" / "3").iterdir())
    content = picture.read_bytes()
    picture.write_bytes(encoded(few["test"].images[0]))
    changed = datasets.raw_files(root)
    assert changed[0] != recorded[0]
    assert changed[1] == recorded[1]
    with pytest.raises(DatasetError, match="run --changed"):
        load_digits(root, "train", recorded=recorded)
    picture.write_bytes(content)
    for split in reader.SPLITS:
        (root / split / "3").rename(root / split / "three")
    assert datasets.raw_files(root)[0].sha256 != recorded[0].sha256


def test_what_is_written_beside_the_images_is_recorded_with_them(few: dict[str, DigitSet], tmp_path: Path) -> None:
    root = write_npz(tmp_path / "a.npz", few)
    recorded = datasets.validate(root)
    names = tmp_path / "classes.txt"
    names.write_text("\n".join("abcdefghij"))
    with pytest.raises(DatasetError, match=r"classes.txt.*run --changed"):
        load_digits(root, "train", recorded=recorded)
    recorded = datasets.validate(root)
    assert [file.name for file in recorded] == ["a.npz", "classes.txt"]
    assert recorded == datasets.raw_files(root)
    load_digits(root, "train", recorded=recorded)
    names.unlink()
    with pytest.raises(DatasetError, match=r"classes\.txt"):
        load_digits(root, "train", recorded=recorded)


def test_a_link_within_the_folder_and_files_of_systems_do_no_harm(few: dict[str, DigitSet], tmp_path: Path) -> None:
    root = write_folders(tmp_path, few)
    path = next((root / "train" / "3").iterdir())
    path.rename(root / "README.md")
    path.symlink_to(root / "README.md")
    for name in (".DS_Store", "Thumbs.db"):
        (root / "train" / name).touch()
        (root / "train" / "3" / name).touch()
    np.testing.assert_array_equal(load_digits(root, "train").images, few["train"].images)


# Malformed sources


Spoil = Callable[[Path], object]


def _write(name: str, content: bytes | str) -> Spoil:
    return lambda root: (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _picture(content: Callable[[bytes], bytes]) -> Spoil:
    """Change the first picture of a class."""

    def spoil(root: Path) -> None:
        path = min((root / "train" / "7").iterdir())
        path.write_bytes(content(path.read_bytes()))

    return spoil


def _replaced(make: Callable[[Path], object]) -> Spoil:
    """Replace a picture by something else."""

    def spoil(root: Path) -> None:
        path = min((root / "train" / "7").iterdir())
        path.unlink()
        make(path)

    return spoil


def _huge(side: int) -> bytes:
    """A PNG whose header announces more pixels than it has."""
    small = bytearray(encoded(np.zeros((1, 1), np.uint8)))
    small[16:24] = side.to_bytes(4, "big") * 2
    import zlib

    small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
    return bytes(small)


def _classes(*names: str) -> Spoil:
    """Only these class folders, in one part, each with a picture."""

    def spoil(root: Path) -> None:
        import shutil

        for path in root.iterdir():
            shutil.rmtree(path)
        for name in names:
            (root / name).mkdir()
            (root / name / "1.png").write_bytes(encoded(np.zeros((28, 28), np.uint8)))

    return spoil


def _many(root: Path) -> None:
    (root / "train" / "7" / "many").touch()  # `os.scandir` is replaced where it exists


def _outside(root: Path) -> Path:
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "a.png").write_bytes(encoded(np.zeros((28, 28), np.uint8)))
    return root.parent / "outside"


FOLDERS: dict[str, tuple[Spoil, str]] = {
    "a class folder that is empty": (
        lambda root: [path.unlink() for path in (root / "test" / "7").iterdir()],
        "test/7",
    ),
    "a picture cut off": (_picture(lambda content: content[:-30]), "train/7/.*cut off"),
    "a picture with a damaged byte": (_picture(lambda c: c[:50] + b"\xff" * 30 + c[80:]), "train/7/.*damaged"),
    "a picture of no bytes": (_picture(lambda content: b""), "train/7/.*empty"),
    "a page in place of a picture": (_picture(lambda content: b"<html>"), "train/7/.*not a PNG"),
    "a bomb": (_picture(lambda content: _huge(60_000)), "train/7/.*megapixels"),
    "a needle": (_picture(lambda c: encoded(np.zeros((1, 5_000), np.uint8))), "train/7/.*5,000 × 1 pixels"),
    "notes among the pictures": (_write("train/7/notes.txt", "seven"), "notes.txt"),
    "a picture outside of the class folders": (_write("train/a.png", b""), "train/a.png"),
    "a picture outside of the splits": (_write("a.JPG", b""), "a.JPG"),
    "train without test": (lambda root: (root / "test").rename(root / "validation"), "no folder test"),
    "a class in one split": (lambda root: (root / "test" / "7").rename(root / "test" / "8a"), "'7'"),
    "a folder in a class folder": (lambda root: (root / "train" / "7" / "more").mkdir(), "train/7/more"),
    "a link to a picture outside": (
        lambda root: (root / "train" / "7" / "a.png").symlink_to(_outside(root) / "a.png"),
        "link out of",
    ),
    "a link to a folder outside": (lambda root: (root / "train" / "8a").symlink_to(_outside(root)), "link out of"),
    "a link to nowhere": (_replaced(lambda path: path.symlink_to(path.with_name("nowhere"))), "No such file"),
    "a link to itself": (_replaced(lambda path: path.symlink_to(path)), "links"),
    "a pipe": (_replaced(os.mkfifo), "regular file"),
    "ten million files": (_many, "more than 1,000,000 pictures"),
    "one class": (_classes("only"), "1 classes"),
    "no pictures in a class of one part": (lambda root: (_classes("a", "b")(root), (root / "c").mkdir()), "/c has no"),
    "257 classes": (_classes(*map(str, range(257))), "257 classes"),
    "one picture per class": (_classes("a", "b"), "single image of class a"),
    "a class with the separator of another system": (_classes("a", "b\\c"), re.escape(r"b\\c")),
    "a class with a control character": (_classes("a", "b\x1b"), r"x1b"),
    "classes.txt with a name too few": (_write("classes.txt", "\n".join("abcdefghi")), "9 classes.*10 folders"),
    "classes.txt with a name twice": (_write("classes.txt", "\n".join("abcdefghha")), "'h'|'a'"),
    "classes.txt with a path": (_write("classes.txt", "\n".join(["../a", *"bcdefghij"])), r"\.\./a"),
    "classes.txt with a blank line": (_write("classes.txt", "\n".join(["", *"bcdefghij"])), "''"),
    "classes.txt in another encoding": (_write("classes.txt", "é\n".encode("latin-1") * 10), "UTF-8"),
    "classes.txt of megabytes": (_write("classes.txt", b"a\n" * MEGABYTE), "classes.txt.*65,536"),
    "dataset.yaml with another field": (_write("dataset.yaml", "colour: red"), "dataset.yaml: colour"),
    "dataset.yaml that is not YAML": (_write("dataset.yaml", "a: b: c: ["), "dataset.yaml.*not YAML"),
    "dataset.yaml that is a list": (_write("dataset.yaml", "- 1"), "dataset.yaml.*its content"),
    "dataset.yaml with an unknown fit": (_write("dataset.yaml", "fit: stretch"), "fit: .*whole.*mnist"),
    "dataset.yaml with a share of 2": (_write("dataset.yaml", "test_share: 2"), "test_share"),
    "dataset.yaml that runs a program": (_write("dataset.yaml", "!!python/object/apply:os.system [ls]"), "not YAML"),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_malformed_folders_are_refused(
    name: str, few: dict[str, DigitSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folders(tmp_path / "folders", few)
    spoil, named = FOLDERS[name]
    spoil(root)
    if spoil is _many:
        monkeypatch.setattr(os, "scandir", Endless)
    _refused(root, named, 400 if spoil is _many else 12)


class Endless:
    """A directory of ten million files."""

    def __init__(self, path: Path) -> None:
        pass

    def __enter__(self) -> Any:
        picture = SimpleNamespace(name="a.png", is_dir=lambda: False, is_symlink=lambda: False)
        return (picture for _ in range(10_000_000))

    def __exit__(self, *_: object) -> None:
        pass


def _archive(**changed: Any) -> Callable[[dict[str, np.ndarray]], bytes]:
    """An archive with arrays replaced, or removed if they are None."""

    def make(arrays: dict[str, np.ndarray]) -> bytes:
        file = io.BytesIO()
        np.savez_compressed(file, **{name: array for name, array in {**arrays, **changed}.items() if array is not None})
        return file.getvalue()

    return make


def _changed(change: Callable[[bytes], bytes]) -> Callable[[dict[str, np.ndarray]], bytes]:
    return lambda arrays: change(_archive()(arrays))


def _member(name: str, content: Callable[[bytes], bytes], **options: Any) -> Callable[[dict[str, np.ndarray]], bytes]:
    """An archive where the bytes of one array are changed before they are packed."""

    def make(arrays: dict[str, np.ndarray]) -> bytes:
        file = io.BytesIO()
        with (
            zipfile.ZipFile(io.BytesIO(_archive()(arrays))) as old,
            zipfile.ZipFile(file, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}) as new,
        ):
            for each in old.namelist():
                new.writestr(each, content(old.read(each)) if each == f"{name}.npy" else old.read(each))
        return file.getvalue()

    return make


def _crowded(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(2_000):
            archive.writestr(f"an array with the number {number}.npy", b"")
    return file.getvalue()


FEW = np.zeros((60, 28, 28), np.uint8)
ARCHIVES: dict[str, tuple[Callable[[dict[str, np.ndarray]], bytes], str]] = {
    "a page": (lambda arrays: b"<html>" * 9, "not a NumPy archive"),
    "no bytes": (lambda arrays: b"", "not a NumPy archive"),
    "cut in the middle": (_changed(lambda content: content[: len(content) // 2]), "cut off"),
    "damaged in the middle": (_changed(lambda c: c[:3000] + b"\0" * 500 + c[3500:]), "damaged|format"),
    "objects in place of labels": (_archive(y_train=np.array([1, "a", None] * 20, object)), "y_train.*pickle"),
    "objects in place of images": (_archive(x_test=np.array([None] * 40, object)), "x_test.*pickle"),
    "labels of another length": (_archive(y_train=np.zeros(59, int)), "60 images.*59 labels"),
    "one label for all": (_archive(y_train=np.int64(3)), r"y_train.*\(\)"),
    "a row of labels": (_archive(y_train=np.zeros((60, 10), int)), r"y_train.*\(60, 10\)"),
    "other names": (_archive(x_train=None, pictures=FEW), "pictures.*x_train"),
    "labels of floats": (_archive(y_train=np.zeros(60)), "y_train.*float64"),
    "labels of structures": (_archive(y_train=np.zeros(60, "i4,i4")), "y_train"),
    "endless labels": (_archive(y_train=np.array(["a" * 500] * 60)), "2,000 bytes"),
    "labels with a path": (_archive(y_train=np.array(["/etc/passwd"] * 60)), "/etc/passwd"),
    "300 classes": (
        _archive(x_train=np.zeros((300, 28, 28), np.uint8), y_train=np.arange(300)),
        "300 classes",
    ),
    "one class": (_archive(y_train=np.zeros(60, int), y_test=np.zeros(40, int)), "1 classes"),
    "flat images": (_archive(x_train=FEW.reshape(60, 784)), r"\(60, 784\)"),
    "images of two channels": (_archive(x_train=np.zeros((60, 9, 9, 2), np.uint8)), r"\(60, 9, 9, 2\)"),
    "images without a side": (_archive(x_train=np.zeros((60, 0, 28), np.uint8)), r"\(60, 0, 28\)"),
    "no images": (_archive(x_train=FEW[:0], y_train=np.zeros(0, int)), r"x_train.*\(0, |0 images"),
    "complex images": (_archive(x_train=FEW.astype(complex)), "complex128"),
    "negative levels": (_archive(x_train=FEW.astype(float) - 1), "x_train.*negative"),
    "levels that are no numbers": (_archive(x_test=np.full((40, 28, 28), np.nan)), "x_test"),
    "images in the order of Fortran": (_archive(x_train=np.asfortranarray(FEW)), "Fortran"),
    "an image too few": (_member("x_train", lambda content: content[:-784]), "x_train is cut off"),
    "an image too many": (_member("x_train", lambda content: content + bytes(784)), "x_train is cut off or too long"),
    "a false header": (_member("x_train", lambda c: c.replace(b"(60, 28, 28)", b"(10**6,28,1)")), "damaged"),
    "a million images announced": (
        _member(
            "x_train", lambda c: c.replace(b"(60, 28, 28), }", b"(999999, 28, 28)}").replace(b"999, 28", b"999,28")
        ),
        "damaged|announces 999,999",
    ),
    "a header of a future version": (_member("x_train", lambda c: c[:6] + b"\3\0" + c[8:]), "x_train has a format"),
    "another compression": (_member("x_train", bytes, compression=zipfile.ZIP_BZIP2), "packed"),
    "thousands of arrays": (_crowded, "too many arrays"),
    "a bomb": (
        _archive(x_train=np.broadcast_to(np.uint8(0), (200_000, 28, 28)), y_train=np.zeros(200_000, int)),
        "fill the memory",
    ),
    "single pixels that become images": (
        _archive(x_train=np.zeros((200_000, 1, 1), np.uint8), y_train=np.zeros(200_000, int)),
        "fill the memory",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_malformed_archives_are_refused(name: str, few: dict[str, DigitSet], tmp_path: Path) -> None:
    arrays = {f"{k}_{split}": array for split, digits in few.items() for k, array in zip("xy", digits, strict=True)}
    make, named = ARCHIVES[name]
    (tmp_path / "digits.npz").write_bytes(make(arrays))
    _refused(tmp_path / "digits.npz", named)


def test_several_archives_in_a_directory_are_refused(few: dict[str, DigitSet], tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, few)
    _refused(tmp_path, "2 archives")


Tables = dict[str, pa.Table]


def _column(split: str, name: str, values: Any) -> Callable[[Path, Tables], object]:
    def spoil(root: Path, tables: Tables) -> None:
        table = tables[split]
        place = table.schema.get_field_index(name)
        changed = table.remove_column(place) if values is None else table.set_column(place, name, values(table[name]))
        pq.write_table(changed, root / f"{split}-00000-of-00001.parquet", compression="zstd")

    return spoil


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path, Tables], object]:
    def spoil(root: Path, tables: Tables) -> None:
        path = root / "train-00000-of-00001.parquet"
        path.write_bytes(change(path.read_bytes()))

    return spoil


def _first_picture(content: bytes | None) -> Callable[[Any], pa.Array]:
    def change(column: Any) -> pa.Array:
        values = column.to_pylist()
        values[3] = {"bytes": content, "path": None}
        return pa.array(values, column.type)

    return change


PARQUET: dict[str, tuple[Callable[[Path, Tables], object], str]] = {
    "a page": (_bytes(lambda content: b"<html>"), "damaged"),
    "no bytes": (_bytes(lambda content: b""), "damaged"),
    "cut in the middle": (_bytes(lambda content: content[: len(content) // 2]), "damaged"),
    "damaged in the middle": (_bytes(lambda c: c[:2_000] + b"\xff" * 900 + c[2_900:]), "damaged|picture in row"),
    "no pictures": (_column("train", "image", None), "no column of pictures.*label"),
    "addresses in place of pictures": (
        _column("train", "image", lambda column: pa.array(["a.png"] * len(column))),
        "no column of pictures",
    ),
    "no labels": (_column("train", "label", None), "no column of labels.*image"),
    "labels of floats": (_column("train", "label", lambda column: column.cast(pa.float64())), "no column of labels"),
    "an empty cell of a picture": (_column("test", "image", _first_picture(None)), "image.bytes has empty cells"),
    "an empty cell of a label": (
        _column("train", "label", lambda column: pa.array([None, *column.to_pylist()[1:]])),
        "label has empty cells",
    ),
    "a picture that is none": (_column("test", "image", _first_picture(b"<html>")), "row 3 is not a PNG"),
    "a picture bomb": (_column("test", "image", _first_picture(_huge(60_000))), "row 3.*megapixels"),
    "a label outside": (_column("train", "label", lambda c: pa.array([10, *c.to_pylist()[1:]])), "label 10.*0–9"),
    "texts as labels in one split": (
        _column("train", "label", lambda column: pa.array([f"{n}" for n in range(len(column))])),
        "the label '[1-5][0-9]'",
    ),
    "names with a path": (
        lambda root, tables: pq.write_table(
            tables["train"].replace_schema_metadata(
                {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["a", "../b"]}}}})}
            ),
            root / "train-00000-of-00001.parquet",
        ),
        r"\.\./b",
    ),
    "no rows": (
        lambda root, tables: pq.write_table(tables["train"][:0], root / "train-00000-of-00001.parquet"),
        "0 images",
    ),
    "a bomb": (
        _column("test", "image", lambda column: pa.array([bytes(200 * MEGABYTE), *[b""] * (len(column) - 1)])),
        "fill the memory",
    ),
}


@pytest.mark.parametrize("name", PARQUET)
def test_malformed_parquet_files_are_refused(name: str, few: dict[str, DigitSet], tmp_path: Path) -> None:
    root = write_parquet(tmp_path / "parquet", few)
    spoil, named = PARQUET[name]
    spoil(root, {split: picture_table(digits) for split, digits in few.items()})
    _refused(root, named)


def _refused(root: Path, named: str, megabytes: int = 12) -> None:
    """Both splits together are refused in one line, within a memory that does not depend on what a file announces."""
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match=named) as caught:
            datasets.validate(root)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert str(root) in message
    assert message.isprintable()
    problem, _, remedy = message.rpartition("; ")
    assert problem
    assert remedy
    assert peak < megabytes * MEGABYTE


def test_a_missing_library_is_named_with_the_extra(
    few: dict[str, DigitSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    _refused(write_parquet(tmp_path, few), r"mnist-dagster\[parquet\]")
