"""Folders are classes unless their names say what else they hold."""

import pytest
from support.sources import write_folders

from mnist_pipeline.data.datasets import reader_of
from mnist_pipeline.data.folders import has_classes


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["cat", "dog"], True),
        (["train/cat", "train/dog", "test/cat"], True),
        (["images/cat"], True),
        (["images"], False),
        (["train", "test"], False),
        ([], False),
    ],
)
def test_two_folders_or_folders_within_folders_are_classes(folders, expected, tmp_path):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    assert has_classes(tmp_path) is expected


def test_classes_that_are_numbers_are_in_the_order_of_the_numbers(few, tmp_path):
    write_folders(tmp_path, few)
    for split in ("train", "test"):
        for former, name in (("1", "100"), ("2", "20")):
            (tmp_path / split / former).rename(tmp_path / split / name)
    numbers = list(map(int, reader_of(tmp_path).class_names))
    assert {20, 100} <= set(numbers)
    assert numbers == sorted(numbers)
