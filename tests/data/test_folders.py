"""Folders are classes unless their names say what else they hold."""

import pytest

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
