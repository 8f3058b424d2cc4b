"""The known data sets: their classes and their download."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support.idx import write_idx
from support.sources import Sets, write_folders

from mnist_pipeline.data import catalogue
from mnist_pipeline.data.catalogue import KMNIST, KNOWN
from mnist_pipeline.data.datasets import DatasetError, load_digits, reader_of
from mnist_pipeline.data.records import DataSet, DigitSet


def identify(root: Path) -> DataSet:
    return catalogue.identify(reader_of(root))


each_known = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)


def test_class_names_are_those_of_torchvision() -> None:
    import torchvision.datasets

    for known in KNOWN.values():
        published = getattr(torchvision.datasets, str(known.publisher))
        assert list(known.class_names) == published.classes
        assert "".join(known.class_names).isascii()  # the font of the figures has these letters


def test_a_data_set_of_ones_own_has_its_own_classes_and_words(few: Sets, tmp_path: Path) -> None:
    root = write_folders(tmp_path / "digits", few)
    assert identify(root) == DataSet("own", "digits")
    (root / "classes.txt").write_text("\n".join("abcdefghij"))
    (root / "dataset.yaml").write_text("title: Ten letters\nnoun: letter\n")
    own = identify(root)
    assert (own.title, own.nouns, own.class_names, own.whole_pictures) == (
        "Ten letters",
        "letters",
        tuple("abcdefghij"),
        True,
    )


@pytest.mark.parametrize(
    "content",
    ["title:\nnoun:\n", "title: ''\nnoun: ' '\nfit: ''\n", "title: null\n", "\ufefftitle:\r\n"],
)
def test_fields_without_a_text_count_as_absent(content: str, few: Sets, tmp_path: Path) -> None:
    root = write_folders(tmp_path / "letters", few, tuple("abcdefghij"))
    plain = identify(root)
    (root / "dataset.yaml").write_text(content)
    assert identify(root) == plain
    assert plain.noun == "image"


@each_known
def test_arrays_in_a_directory_with_a_known_name_are_known_and_folders_never(
    known: DataSet, few: Sets, tmp_path: Path
) -> None:
    train, test = few["train"], few["test"]
    assert identify(write_idx(tmp_path / "idx" / known.name, train, test)) == known
    folders = write_folders(tmp_path / "folders" / known.name, few)
    assert identify(folders) == DataSet("own", known.name)
    for label in range(3, 10):
        for split in few:
            shutil.rmtree(folders / split / str(label))
    assert identify(folders).class_names == ("0", "1", "2")


# Fetching

Published = list[bool]  # whether each call may download


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, few: Sets) -> Callable[..., Published]:
    """Replace a class of torchvision: it has a few digits in the form of the data set, or raises an
    error.
    """
    import torch
    import torchvision.datasets

    def replace(known: DataSet, error: Exception | None = None, **changed: DigitSet) -> Published:
        asked: Published = []

        def published(root: Path, train: bool, download: bool) -> SimpleNamespace:
            asked.append(download)
            if error:
                raise error
            images, labels = {**few, **changed}["train" if train else "test"]
            return SimpleNamespace(
                data=torch.tensor(images), targets=torch.tensor(labels.astype(int))
            )

        monkeypatch.setattr(torchvision.datasets, str(known.publisher), published)
        return asked

    return replace


@each_known
def test_the_directory_contains_the_downloaded_digits_and_nothing_else(
    known: DataSet, few: Sets, publish: Callable[..., Published], tmp_path: Path
) -> None:
    asked = publish(known)
    directory = tmp_path / "data" / known.name
    catalogue.fetch(known, directory)
    assert asked == [True, True]
    assert list(directory.parent.iterdir()) == [directory]
    assert {path.name for path in directory.iterdir()} == {f"{known.name}.npz", "classes.txt"}
    assert reader_of(directory).class_names == known.class_names
    for split, expected in few.items():
        for found, array in zip(load_digits(directory, split), expected, strict=True):
            np.testing.assert_array_equal(found, array)


def test_the_error_of_an_unreachable_host_names_the_setting_that_helps(
    publish: Callable[..., Published], tmp_path: Path
) -> None:
    publish(KMNIST, RuntimeError("Error downloading:\nTried mirror, got:\n<urlopen error -2>\n"))
    with pytest.raises(
        DatasetError, match=r"kmnist.*urlopen error -2.*MNIST_PIPELINE_DATA"
    ) as caught:
        catalogue.fetch(KMNIST, tmp_path / "kmnist")
    assert str(caught.value).isprintable()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_directory_is_not_overwritten(
    publish: Callable[..., Published], tmp_path: Path
) -> None:
    asked = publish(KMNIST)
    with pytest.raises(DatasetError, match=f"{tmp_path}.*kmnist"):
        catalogue.fetch(KMNIST, tmp_path)
    assert asked == []
