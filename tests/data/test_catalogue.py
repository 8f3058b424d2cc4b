"""The known data sets and their classes."""

from pathlib import Path

import numpy as np
import pytest
from support.idx import write_idx
from support.sources import write_folders

from mnist_pipeline.data import catalogue
from mnist_pipeline.data.catalogue import KNOWN
from mnist_pipeline.data.datasets import load_digits, reader_of
from mnist_pipeline.data.values import DataSet


def identify(root: Path) -> DataSet:
    return catalogue.identify(reader_of(root))


@pytest.mark.parametrize("name", ["FashionMNIST", "KMNIST"])
def test_what_torchvision_downloads_is_read_where_it_lies_with_its_class_names(name, few, tmp_path):
    import torchvision.datasets

    write_idx(tmp_path / name / "raw", few["train"], few["test"], compress=False)
    published = getattr(torchvision.datasets, name)(tmp_path)
    np.testing.assert_array_equal(load_digits(tmp_path / name, "train").images, published.data)
    known = identify(tmp_path / name)
    assert known == KNOWN[name]
    assert list(known.class_names) == published.classes
    assert "".join(known.class_names).isascii()  # the font of the figures has these letters


def test_a_data_set_of_ones_own_has_its_own_classes_and_words(few, tmp_path):
    root = write_folders(tmp_path / "digits", few)
    assert identify(root) == DataSet("own", "digits")
    (root / "classes.txt").write_text("\n".join("abcdefghij"))
    (root / "dataset.yaml").write_text("title: 2019\nnoun: |\n small\n letter\n")
    own = identify(root)
    assert (own.title, own.nouns, own.class_names, own.whole_pictures) == (
        "2019",
        "small letters",
        tuple("abcdefghij"),
        True,
    )


def test_names_and_a_title_change_neither_the_kind_of_images_nor_the_images(few, tmp_path):
    digits = write_idx(tmp_path / "digits", few["train"], few["test"])
    letters = write_folders(tmp_path / "letters", few, tuple("abcdefghij"))
    for root, names in ((digits, tuple(map(str, range(10)))), (letters, tuple("klmnopqrst"))):
        known, images = identify(root), load_digits(root, "train").images
        (root / "dataset.yaml").write_text("title: Other titles\n")
        (root / "classes.txt").write_text("\n".join(names))
        renamed = identify(root)
        assert (renamed.title, renamed.class_names) == ("Other titles", names)
        assert renamed.handwritten == known.handwritten
        np.testing.assert_array_equal(load_digits(root, "train").images, images)


@pytest.mark.parametrize(
    "content",
    ["title:\nnoun:\n", "title: ''\nnoun: ' '\nfit: ''\n", "title: null\n", "\ufefftitle:\r\n"],
)
def test_fields_without_a_text_count_as_absent(content, few, tmp_path):
    root = write_folders(tmp_path / "letters", few, tuple("abcdefghij"))
    plain = identify(root)
    (root / "dataset.yaml").write_text(content)
    assert identify(root) == plain
    assert plain.noun == "image"


def test_a_list_of_names_keeps_a_known_data_set_if_it_has_its_names(few, tmp_path):
    root = write_idx(tmp_path / "FashionMNIST", few["train"], few["test"])
    names = KNOWN["FashionMNIST"].class_names
    for listed, is_known in ((names, True), (names[::-1], False)):
        (root / "classes.txt").write_text("\n".join(listed))
        assert (identify(root).name == "fashion-mnist") == is_known


@pytest.mark.parametrize("name", KNOWN)
def test_arrays_in_a_directory_with_a_known_name_are_known_and_folders_never(name, few, tmp_path):
    assert identify(write_idx(tmp_path / "idx" / name, few["train"], few["test"])) == KNOWN[name]
    folders = write_folders(tmp_path / "folders" / name, few)
    assert identify(folders) == DataSet("own", name)
