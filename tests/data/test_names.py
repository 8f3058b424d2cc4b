"""dataset.yaml and classes.txt of a stranger, and names of classes: sensible, or one line."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from support.sources import assert_refused, write_folders, write_npz

from mnist_pipeline.data import findings
from mnist_pipeline.data.names import MAX_LIST_BYTES, alike, as_indices
from mnist_pipeline.data.source import MAX_LETTERS
from mnist_pipeline.data.values import DigitSet


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(path))  # addresses have at most 108 characters


@pytest.mark.parametrize("name", ["dataset.yaml", "classes.txt"])
@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        Path.mkdir,
        bind,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("nowhere"),
    ],
    ids=["a pipe", "a directory", "a socket", "a device", "a broken link"],
)
def test_what_is_not_a_file_is_refused_under_the_name_of_a_description(
    make, name, few, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "a.npz", few)
    make(tmp_path / name)
    assert_refused(tmp_path, f"{tmp_path / name}")


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("classes.txt", "\n".join(["a" * (MAX_LETTERS + 1), *"bcdefghij"]), "256 characters"),
        ("classes.txt", "a" * 200_000, r"number of classes is 1 \(aaa"),
        ("classes.txt", "a\n" * MAX_LIST_BYTES, f"{MAX_LIST_BYTES:,} bytes"),
        ("dataset.yaml", f"title: {'a' * (MAX_LETTERS + 1)}", "title is 'aaa"),
        ("dataset.yaml", f"noun: {'a' * 90_000}", "noun is 'aaa"),
        ("dataset.yaml", f"fit: {'a' * 90_000}", "fit is 'aaa"),
    ],
)
def test_a_name_is_no_longer_than_that_of_a_folder(file, content, named, few, tmp_path):
    write_npz(tmp_path / "a.npz", few)
    (tmp_path / file).write_text(content)
    assert_refused(tmp_path, named)


def test_names_of_the_largest_length_are_read(few, tmp_path):
    names = tuple(letter * MAX_LETTERS for letter in "abcdefghij")
    write_npz(tmp_path / "a.npz", few)
    (tmp_path / "classes.txt").write_text("\n".join(names))
    assert findings.inspect(tmp_path).class_names == names


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_outside_of_the_listed_names_is_refused(label, tmp_path):
    with pytest.raises(ValueError, match=f"label {label}; labels must be 0–1"):
        as_indices(np.array([0, 1, label]), ("cat", "dog"), True, tmp_path)


@pytest.mark.parametrize("name", ["car\rriage", "\udcff"])
def test_a_name_that_a_table_can_not_keep_is_refused(name, few, tmp_path):
    names = np.array([name, *"bcdefghij"])
    arrays = {f"y_{split}": names[digits.labels] for split, digits in few.items()}
    arrays |= {f"x_{split}": digits.images for split, digits in few.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    assert_refused(tmp_path, "can't be stored; rename it")


def test_an_unknown_label_is_quoted_shortly(tmp_path):
    with pytest.raises(ValueError, match=r"label aaa.*…; labels must be 0–1 or cat, dog") as caught:
        as_indices(np.array(["a" * 200]), ("cat", "dog"), True, tmp_path)
    assert "a" * 50 not in str(caught.value).replace(str(tmp_path), "")


@pytest.mark.parametrize("other", ["Cat", "cat ", "CAT", "c\u0061t\u200a", "ｃａｔ"])
def test_names_that_people_take_for_the_same_are_found(other):
    assert alike(["cat", other, "dog"]) == [("cat", other)]


def test_different_names_and_single_letters_are_not_alike():
    assert alike(["cat", "cats", "A", "a", "12", "1 3"]) == []


def test_two_classes_with_nearly_the_same_name_are_a_warning(few, tmp_path):
    digits = DigitSet(few["train"].images, few["train"].labels % 3)
    root = write_folders(tmp_path, {"": digits}, ("Cat", "cat", "dog"))
    (warning,) = [line for line in findings.inspect(root).warnings if "same name" in line]
    assert "'Cat'" in warning
    assert "'cat'" in warning
