"""CSV files: pixels with a label in any of the usual forms, and lists of pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.sources import Sets, pixel_table, write_csv, write_folders, write_listing

from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import DatasetError, load_digits, reader_of
from mnist_pipeline.data.reader import SPLITS

Table = pd.DataFrame
FORMS: dict[str, Callable[[Table, Path], object]] = {
    "no header": lambda table, path: table.to_csv(path, index=False, header=False),
    "label last": lambda table, path: _label_last(table).to_csv(path, index=False),
    "label last, no header": lambda table, path: _label_last(table).to_csv(
        path, index=False, header=False
    ),
    "numbered rows": lambda table, path: table.to_csv(path),
    "numbered columns": lambda table, path: table.set_axis(range(785), axis=1).to_csv(
        path, index=False
    ),
    "another name": lambda table, path: table.rename(columns={"label": "Class"}).to_csv(path),
    "levels up to 1": lambda table, path: pd.concat(
        [table["label"], table.drop(columns="label") / 255], axis=1
    ).to_csv(path, index=False),
}


def _label_last(table: Table) -> Table:
    return table[[*table.columns[1:], "label"]]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_has_the_same_digits(form: str, few: Sets, tmp_path: Path) -> None:
    for split, digits in few.items():
        FORMS[form](pixel_table(digits), tmp_path / f"{split}.csv")
    for split, expected in few.items():
        for found, array in zip(load_digits(tmp_path, split), expected, strict=True):
            np.testing.assert_array_equal(found, array)


def test_square_images_of_any_side_are_converted(few: Sets, tmp_path: Path) -> None:
    large = few["train"]._replace(images=few["train"].images.repeat(2, 1).repeat(2, 2))
    root = write_csv(tmp_path, {"train": large, "test": few["test"]})
    np.testing.assert_array_equal(load_digits(root, "train").images, few["train"].images)


@pytest.mark.parametrize("write", [write_csv, write_listing])
def test_a_test_set_without_labels_is_refused_and_without_it_the_others_are_read(
    write: Callable[[Path, Sets], Path], few: Sets, tmp_path: Path
) -> None:
    root = write(tmp_path, few)
    path = next(root.glob("*test.csv"))
    pd.read_csv(path).drop(columns="label").to_csv(path, index=False)
    with pytest.raises(DatasetError, match=f"{path}.*predict"):
        datasets.validate(root)
    path.rename(root / "a_sample_submission.csv")
    parts = [load_digits(root, split).labels for split in SPLITS]
    assert sorted(np.concatenate(parts)) == sorted(few["train"].labels)


SPOILT: dict[str, tuple[Callable[[Table], Table], str]] = {
    "a column too few": (lambda table: table.drop(columns="pixel0"), "783"),
    "a level too high": (lambda table: table.replace({"pixel400": {0: 256}}), "255"),
    "an empty cell": (lambda table: table.assign(pixel0=[None, *[0] * (len(table) - 1)]), "255"),
    "a label missing": (
        lambda table: table.assign(label=[None, *table["label"][1:]]),
        "empty cells",
    ),
    "text among the pixels": (lambda table: table.assign(pixel0="a"), "object|str"),
    "no rows": (lambda table: table[:0], ""),
}


@pytest.mark.parametrize("name", SPOILT)
def test_unsuitable_tables_are_refused(name: str, few: Sets, tmp_path: Path) -> None:
    path = write_csv(tmp_path, few) / "mnist_train.csv"
    spoil, named = SPOILT[name]
    spoil(pixel_table(few["train"])).to_csv(path, index=False)
    with pytest.raises(DatasetError, match=f"{path}.*{named}"):
        datasets.validate(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["", "a,b,c\n1,2,3\n", "picture;label\n1.png;cat\n", "label\n3\n", "file,label\n1.png,\n,3\n"],
)
def test_a_table_of_something_else_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(content)
    with pytest.raises(DatasetError, match=r"all\.csv"):
        datasets.validate(tmp_path)


def test_a_list_names_pictures_in_any_column_and_absent_pictures_are_named(
    few: Sets, tmp_path: Path
) -> None:
    """Numbers of rows and labels may also be names of pictures, but are not meant."""
    images, labels = few["train"]
    write_listing(tmp_path, {"train": few["train"]})
    folder, listing = tmp_path / "train_pictures", tmp_path / "train.csv"
    for number in range(len(images)):
        (folder / f"{number:05}.png").rename(folder / f"{number}.png")
    files = [f"{number}.png" for number in range(len(images))]
    table = pd.DataFrame({"label": labels, "": range(len(images))[::-1], "Image name": files})
    table.to_csv(listing, index=False)
    pairs = {
        (bytes(image), label)
        for split in ("train", "test")
        for image, label in zip(*load_digits(tmp_path, split), strict=True)
    }
    assert pairs == {(bytes(image), label) for image, label in zip(images, labels, strict=True)}
    recorded = datasets.validate(tmp_path)
    (folder / "7.png").write_bytes((folder / "8.png").read_bytes())
    with pytest.raises(DatasetError, match="run --changed"):
        load_digits(tmp_path, "train", recorded=recorded)
    (folder / "7.png").unlink()
    (folder / "9.png").unlink()
    with pytest.raises(DatasetError, match=r"2 pictures.*[79]\.png.*[79]\.png"):
        datasets.validate(tmp_path)


def test_folders_of_classes_win_over_a_table_beside_them(few: Sets, tmp_path: Path) -> None:
    root = write_folders(tmp_path, few)
    pixel_table(few["test"]).to_csv(root / "digits.csv", index=False)
    assert reader_of(root).title == "folders of pictures"
    assert reader_of(root / "digits.csv").title == "CSV files"
    (root / "metadata.csv").write_text("filepaths,labels\n00001.png,cat\n")
    assert reader_of(root).title == "folders of pictures"
    with pytest.raises(DatasetError):  # several pictures have this name
        reader_of(root / "metadata.csv")
