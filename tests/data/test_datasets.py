"""Reading data sets of every layout: the same digits to the byte, described by their checksums."""

import errno
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.idx import write_idx
from support.sources import (
    LAYOUTS,
    NAMES,
    assert_digits,
    encoded,
    write_folders,
    write_listing,
    write_npz,
)

from mnist_pipeline.data import datasets, findings
from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.datasets import DatasetError, load_digits, reader_of
from mnist_pipeline.data.split import SPLITS
from mnist_pipeline.data.values import DataSet, DigitSet, RawFile


def files_of(root: Path) -> list[RawFile]:
    return reader_of(root).files()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_digits_to_the_byte(layout, few, tmp_path):
    write, _ = LAYOUTS[layout]
    root = write(tmp_path, few)
    assert reader_of(root).class_names == NAMES
    recorded = read_raw(root)
    for split, expected in few.items():
        assert_digits(root, split, expected)
        found = load_digits(root, split, recorded=recorded)
        assert all(array.flags.c_contiguous for array in found)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout != "npz"])
def test_validation_images_are_training_images(layout, few, tmp_path):
    sets = {"training": few["train"], "valid": few["test"], "Testing": few["test"]}
    write, _ = LAYOUTS[layout]
    root = write(tmp_path, sets)
    assert_digits(root, "test", few["test"])
    assert_digits(root, "train", DigitSet(*map(np.concatenate, zip(few["train"], few["test"]))))
    assert any("valid" in note for note in findings.inspect(root).notes)


def test_a_changed_picture_and_a_renamed_folder_change_the_checksum_of_their_split(few, tmp_path):
    root = write_folders(tmp_path, few)
    raw = read_raw(root)
    recorded = list(raw.files)
    picture = next((root / "train" / "3").iterdir())
    content = picture.read_bytes()
    picture.write_bytes(encoded(few["test"].images[0]))
    changed = files_of(root)
    assert [new == old for new, old in zip(changed, recorded, strict=True)] == [False, True]
    with pytest.raises(DatasetError, match="run --changed"):
        load_digits(root, "train", recorded=raw)
    picture.write_bytes(content)
    for split in SPLITS:
        (root / split / "9").rename(root / split / "nine")  # the order stays
    assert files_of(root)[0].sha256 != recorded[0].sha256


def test_classes_txt_beside_the_images_is_recorded_with_them(few, tmp_path):
    root = write_npz(tmp_path / "a.npz", few)
    recorded, names = read_raw(root), tmp_path / "classes.txt"
    names.write_text("\n".join("abcdefghij"))
    with pytest.raises(DatasetError, match=r"classes.txt.*run --changed"):
        load_digits(root, "train", recorded=recorded)
    recorded = read_raw(root)
    assert [file.name for file in recorded.files] == ["a.npz", "classes.txt"]
    load_digits(root, "train", recorded=recorded)
    names.unlink()
    with pytest.raises(DatasetError, match=r"classes\.txt"):
        load_digits(root, "train", recorded=recorded)


def test_a_step_lists_each_folder_once(few, tmp_path, monkeypatch):
    root, seen, list_entries = write_folders(tmp_path, few), Counter[Path](), Path.iterdir
    expected = Counter({path.parent for path in root.rglob("*.png")})
    recorded = read_raw(root)
    monkeypatch.setattr(Path, "iterdir", lambda path: seen.update([path]) or list_entries(path))
    steps = [
        lambda: files_of(root),
        lambda: read_raw(root),
        lambda: load_digits(root, "train", recorded=recorded),
        lambda: load_digits(root, "test", recorded=recorded),
        lambda: findings.inspect(root),
    ]
    for step in steps:
        seen.clear()
        step()
        assert {path: seen[path] for path in expected} == expected


def parts_of(root: Path) -> dict[bytes, str]:
    """The part of each image: train, choose or test."""
    train, test = (load_digits(root, split) for split in SPLITS)
    kept, held_out = train.divided()
    drawn = {"train": train.images[kept], "choose": train.images[held_out], "test": test.images}
    return {bytes(image): part for part, images in drawn.items() for image in images}


@pytest.mark.parametrize("layout", ["folders", "listing"])
def test_pictures_in_a_folder_of_a_class_folder_or_with_a_group_in_a_listing_stay_together(
    layout, train, tmp_path
):
    digits = DigitSet(train.images[:300], train.labels[:300])
    groups = [f"group {number % 40}" for number in range(300)]
    if layout == "listing":
        table = pd.read_csv(write_listing(tmp_path, {"": digits}) / "all.csv")
        table.assign(group=groups).to_csv(tmp_path / "all.csv", index=False)
    else:
        for number, (image, label) in enumerate(zip(*digits)):
            folder = tmp_path / NAMES[label] / groups[number]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes(encoded(image))
    parts = parts_of(tmp_path)
    pairs = {(group, parts[bytes(image)]) for group, image in zip(groups, digits.images)}
    assert len(pairs) == 40
    assert {part for _, part in pairs} == {"train", "choose", "test"}
    expected = {*zip(digits.labels.tolist(), groups)}
    found = findings.inspect(tmp_path)
    assert found.groups == [sum(label == number for label, _ in expected) for number in range(10)]
    assert not any("skipped" in warning for warning in found.warnings)


def test_renamed_pictures_stay_in_their_part(few, tmp_path):
    before = parts_of(write_folders(tmp_path, {"": few["train"]}))
    for path in [*tmp_path.rglob("*.png")]:
        path.rename(path.with_stem(f"{99_999 - int(path.stem)}"))
    assert parts_of(tmp_path) == before


@pytest.mark.parametrize("layout", ["folders", "listing"])
def test_pictures_are_in_the_order_of_their_checksums(layout, few, tmp_path):
    """So no model learns one class after the other, and no name changes the order."""
    write, _ = LAYOUTS[layout]
    (part,) = reader_of(write(tmp_path, few)).read("train")
    checksums = [hashlib.sha256(Path(tmp_path, name).read_bytes()) for name in part.paths]
    digests = [checksum.hexdigest() for checksum in checksums]
    assert digests == sorted(digests)


# A path without a data set


@pytest.mark.parametrize("root", ["nowhere", "n" * 256, "empty", "file.txt"])
def test_a_path_without_images_is_named(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("file.txt").touch()
    with pytest.raises(DatasetError, match=root[:30]) as caught:
        reader_of(root)
    assert str(caught.value).isprintable()


def test_a_path_without_permission_is_named(few, tmp_path, monkeypatch):
    def refuse(*_: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    root, list_entries = write_idx(tmp_path / "idx", few["train"], few["test"]), Path.iterdir
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(
        Path, "iterdir", lambda path: (refuse if path.name == "cat" else list_entries)(path)
    )
    for path, refused in ((root, "idx"), (tmp_path / "pets", "pets/cat")):
        with pytest.raises(DatasetError, match=f"{tmp_path / refused}.*permissions"):
            files_of(path)


def test_an_entry_of_a_folder_that_can_not_be_looked_at_is_named(tmp_path, monkeypatch):
    hidden, is_dir = tmp_path / "cat" / "hidden", Path.is_dir
    hidden.mkdir(parents=True)

    def refuse(path: Path) -> bool:
        if path == hidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(DatasetError, match=f"{hidden} can't be read.*permissions"):
        reader_of(tmp_path).files()


# Measures


@pytest.mark.parametrize("split", ["valid", "Train", "", None, 0, b"train", [], np.array(SPLITS)])
def test_an_unknown_split_is_named_with_the_known_ones(split, data_directory):
    with pytest.raises(ValueError, match=r"(?s)split is .*'train', 'test'"):
        load_digits(data_directory, split)


@pytest.mark.parametrize("root", [None, 7, b"data", ["data"], {}, np.array("data"), object()])
def test_a_root_that_is_not_a_path_is_refused(root):
    with pytest.raises(TypeError, match="root is "):
        load_digits(root, "train")


def test_an_empty_root_is_not_the_current_directory(few, tmp_path, monkeypatch):
    monkeypatch.chdir(write_npz(tmp_path / "a.npz", few).parent)
    with pytest.raises(ValueError, match="root is ''"):
        load_digits("", "train")
    assert_digits(Path(), "train", few["train"])


@pytest.mark.parametrize(
    "root", ["a\0b", "\ud800", "a\nb", "~nobody", "s3://bucket/photos", "\x1b[31m"]
)
def test_any_text_is_a_path_or_is_refused_in_one_line(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError, match=r"does not exist|can't be read") as caught:
        load_digits(root, "train")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("recorded", [True, "recorded", (), {"files": ()}, DataSet()])
def test_a_record_of_another_type_is_refused(recorded, data_directory):
    with pytest.raises(TypeError, match="recorded is "):
        load_digits(data_directory, "train", recorded=recorded)


@pytest.mark.parametrize("on_read", [True, "print", 3, ()])
def test_what_is_no_function_is_not_called_while_images_are_read(on_read, data_directory):
    with pytest.raises(TypeError, match="on_read is "):
        load_digits(data_directory, "test", on_read=on_read)


IMAGES, LABELS = np.zeros((3, 28, 28), np.uint8), np.arange(3)


@pytest.mark.parametrize(
    ("images", "labels", "held_out", "named"),
    [
        (IMAGES, LABELS[:2], None, "labels"),
        (IMAGES, 1, None, "labels"),
        (IMAGES, LABELS[:, None], None, "labels"),
        (IMAGES, [0, 1, -1], None, "labels"),
        (IMAGES, [0, 1, np.nan], None, "labels"),
        (IMAGES, LABELS / 1, None, "labels"),
        (IMAGES, LABELS > 1, None, "labels"),
        (IMAGES, LABELS.astype(complex), None, "labels"),
        (IMAGES, ["0", "1", "2"], None, "labels"),
        (IMAGES, [None, 1, 2], None, "labels"),
        (IMAGES, None, None, "labels"),
        (np.full((3, 28, 28), np.nan), LABELS, None, "images"),
        (np.full((3, 28, 28), np.inf), LABELS, None, "images"),
        (IMAGES.astype(complex), LABELS, None, "images"),
        (IMAGES.astype(str), LABELS, None, "images"),
        (IMAGES.astype(object), LABELS, None, "images"),
        (np.uint8(3), LABELS, None, "images"),
        (None, LABELS, None, "images"),
        (IMAGES, LABELS, [3], "held_out"),
        (IMAGES, LABELS, [-1], "held_out"),
        (IMAGES, LABELS, [1, 0], "held_out"),
        (IMAGES, LABELS, np.array([1, 0], np.uint8), "held_out"),
        (IMAGES, LABELS, [1, 1], "held_out"),
        (IMAGES, LABELS, [[1]], "held_out"),
        (IMAGES, LABELS, [0.5], "held_out"),
        (IMAGES, LABELS, 1, "held_out"),
    ],
)
def test_a_digit_set_of_other_images_labels_or_indices_is_refused(images, labels, held_out, named):
    with pytest.raises((ValueError, TypeError), match=f"^{named} "):
        DigitSet(images, labels, held_out)


def test_a_digit_set_takes_lists_and_arrays_of_any_layout():
    strided = np.asfortranarray(IMAGES)[::-1, :, ::-1]
    for images in (IMAGES, IMAGES.tolist(), strided, IMAGES[:0], np.zeros((3, 28, 28, 3))):
        labels = LABELS[: len(images)]
        digits = DigitSet(images, labels.tolist() or labels, [2] if len(images) else None)
        np.testing.assert_array_equal(digits.images, images)
        assert isinstance(digits.labels, np.ndarray)
        np.testing.assert_array_equal(digits.labels, labels)
        if len(images):
            assert [part.tolist() for part in digits.divided()] == [[0, 1], [2]]


def test_means_are_those_of_numpy_and_classes_may_be_missing(small_train):
    images, labels = small_train
    kept = DigitSet(images[labels != 7], labels[labels != 7])
    for label, mean in enumerate(datasets.class_means(kept)):
        expected = np.zeros((28, 28)) if label == 7 else images[labels == label].mean(axis=0)
        np.testing.assert_allclose(mean, expected)
