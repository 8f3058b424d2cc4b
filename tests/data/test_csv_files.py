"""CSV files with named columns: a label and pixels, or a picture and its label."""

import os

import numpy as np
import pandas as pd
import pytest
from support.sources import (
    assert_digits,
    assert_refused,
    encoded,
    pixel_table,
    write_csv,
    write_folders,
    write_listing,
)

from mnist_pipeline.data.datasets import load_digits, reader_of
from mnist_pipeline.data.split import SPLITS


def test_square_images_of_any_side_are_converted_and_the_label_may_stand_anywhere(few, tmp_path):
    large = few["train"]._replace(images=few["train"].images.repeat(2, 1).repeat(2, 2))
    path = write_csv(tmp_path, {"train": large, "test": few["test"]}) / "mnist_train.csv"
    table = pixel_table(large)
    table[[*table.columns[1:], "label"]].to_csv(path, index=False, encoding="utf-8-sig")
    assert_digits(tmp_path, "train", few["train"])


@pytest.mark.parametrize("write", [write_csv, write_listing])
def test_a_test_set_without_labels_is_refused_and_without_it_the_others_are_read(
    write, few, tmp_path
):
    root = write(tmp_path, few)
    path = next(root.glob("*test.csv"))
    pd.read_csv(path).drop(columns="label").to_csv(path, index=False)
    assert_refused(root, f"{path}.*label.*predict")
    path.rename(root / "a_sample_submission.csv")
    parts = [load_digits(root, split).labels for split in SPLITS]
    assert sorted(np.concatenate(parts)) == sorted(few["train"].labels)


def test_a_hidden_file_beside_a_table_is_not_read(few, tmp_path):
    write_csv(tmp_path, few)
    (tmp_path / "._mnist_train.csv").write_bytes(b"\0\5\26\7")  # as macOS writes beside each file
    assert_digits(tmp_path, "train", few["train"])


@pytest.mark.parametrize("value", [256, 0.5, -1])
def test_a_pixel_that_is_no_byte_is_refused(value, few, tmp_path):
    path = write_csv(tmp_path, few) / "mnist_train.csv"
    pixel_table(few["train"]).assign(pixel0=value).to_csv(path, index=False)
    assert_refused(tmp_path, f"{path}.*255")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("5,0,0,0,0\n3,0,0,9,0\n", "label, pixel0.*file and label"),  # no names of columns
        ("file;label\n1.png;cat\n", "file;label, and not label.*commas"),
        ("file,label\n1.png,\n2.png,cat\n", "empty cells"),
        ("file,label\n" + "1.png,cat\n2.png,dog\n" * 2, "pictures can't be read.*opened"),
        ("file,label\n1\0.png,cat\n2.png,dog\n", "column file has a null byte"),
        (f"file,label\n1.png,{'cat' * 100}\n2.png,dog\n", "300 characters.*255"),
        ("label,pixel0\n1.5,3\n2.5,4\n", "type float.*integers or texts"),
        ("", "damaged"),
        (",".join(map(str, range(10_000))) + "\n", "has the columns"),
        ("label,a,b,c\n1,0,0,9\n2,0,9,0\n", "3 columns.*square"),
        ("label,a\n1,\n2,9\n", "255"),
        ("file,label\n", "no rows"),
        ("label,pixel0\n", "all.csv"),
        ("file,label\na.png,cat\nb.png,dog,1\n", "line 3"),
        ("file,label\na.png,cat,1\nb.png,dog,1\n", "more cells"),
        ('file,label\na.png,"cat\nb.png,dog\n', "damaged"),
        ("file,label\n1.png,caf\xe9\n", "UTF-8"),
        ("file\xe9,label\n", "UTF-8"),
    ],
)
def test_a_table_of_another_form_is_refused(content, named, tmp_path):
    (tmp_path / "all.csv").write_bytes(content.encode("latin-1"))
    assert_refused(tmp_path, named)


@pytest.mark.parametrize(
    "name",
    [
        "/dev/stdin",
        "{outside}",
        "../outside.png",
        "in/../../outside.png",
        "link.png",
        "folder/1.png",
    ],
)
def test_a_listing_can_not_name_a_file_outside_of_its_directory(name, tmp_path):
    root, outside = tmp_path / "shapes", tmp_path / "outside.png"
    (root / "in").mkdir(parents=True)
    outside.write_bytes(encoded(np.eye(30, dtype=np.uint8)))
    (root / "link.png").symlink_to(outside)
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    named = name.format(outside=outside)
    (root / "labels.csv").write_text(f"file,label\n{named},cat\nin/2.png,dog\n")
    assert_refused(root / "labels.csv", f"file names '{named}'.*not below {root};")


def test_the_checksum_of_listed_pictures_does_not_depend_on_the_order_of_the_rows(few, tmp_path):
    root = write_listing(tmp_path, few)
    before = reader_of(root).files()
    for path in root.glob("*.csv"):
        pd.read_csv(path, dtype=str)[::-1].to_csv(path, index=False)
    after = reader_of(root).files()
    pictures = [file for file in before if "pictures" in file.name]
    assert len(pictures) == 2
    assert pictures == [file for file in after if "pictures" in file.name]


def test_a_listing_may_name_pictures_below_its_directory_in_any_way(few, tmp_path):
    root = write_listing(tmp_path / "real", few)
    (tmp_path / "shapes").symlink_to(root)
    table = pd.read_csv(root / "train.csv")
    first, second, *_ = table["file"]
    (root / "link.png").symlink_to(first)
    table["file"] = ["link.png", f"train_pictures/../{second}", *table["file"][2:]]
    table.to_csv(root / "train.csv", index=False)
    assert_digits(tmp_path / "shapes", "train", few["train"])


@pytest.mark.parametrize("names", [["nan", "two\nlines"], ["007", "08"]])
def test_names_in_a_listing_are_texts_also_if_they_look_otherwise(names, few, tmp_path):
    root = write_listing(tmp_path, {"": few["train"]})
    table = pd.read_csv(root / "all.csv")
    table.assign(label=np.array(names)[table.index % 2]).to_csv(root / "all.csv", index=False)
    assert set(reader_of(root).class_names) == {*names}
    assert len(load_digits(root, "train").images) == 48


def test_a_pipe_in_a_listing_is_named_with_the_pictures_that_can_not_be_read(few, tmp_path):
    root = write_listing(tmp_path, few)
    pipe = root / "train_pictures" / "00000.png"
    pipe.unlink()
    os.mkfifo(pipe)
    assert_refused(root, f"1 picture can't be read: {pipe}")


def test_folders_of_classes_win_over_a_table_beside_them(few, tmp_path):
    root = write_folders(tmp_path, few)
    pixel_table(few["test"]).to_csv(root / "digits.csv", index=False)
    assert reader_of(root).title == "folders of pictures"
    assert reader_of(root / "digits.csv").title == "CSV files"
