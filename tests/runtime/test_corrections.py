"""Corrections: what is kept, where, and that training can include it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.folders import Folders
from mnist_pipeline.runtime import corrections as module
from mnist_pipeline.runtime.corrections import Corrections, CorrectionsError
from mnist_pipeline.runtime.graph import data_sets

KEPT = "corrections"


@pytest.fixture
def corrections(tmp_path: Path) -> Corrections:
    return Corrections(tmp_path / KEPT)


def test_a_correction_is_a_picture_in_the_folder_of_its_class(corrections: Corrections, small_train: DigitSet) -> None:
    path = corrections.directory / corrections.keep(small_train.images[0], 7)
    assert path.parent.name == "7"
    np.testing.assert_array_equal(np.asarray(Image.open(path)), small_train.images[0])
    corrections.keep(small_train.images[1], 3)
    assert Folders.recognises(corrections.directory)
    assert sorted(each.name for each in corrections.directory.iterdir()) == ["3", "7"]


def test_the_latest_label_of_an_image_counts(corrections: Corrections, small_train: DigitSet) -> None:
    first, second, again = (corrections.keep(small_train.images[0], label) for label in (4, 9, 9))
    assert not (corrections.directory / first).exists()
    assert second == again
    assert len(list(corrections.directory.rglob("*.png"))) == 1


def test_training_images_end_with_the_recorded_corrections(corrections: Corrections, small_train: DigitSet) -> None:
    assert corrections.file() is None
    assert corrections.add_to(small_train, []) is small_train
    corrections.keep(small_train.images[5], 8)
    recorded = corrections.file()
    assert recorded is not None
    images, labels = corrections.add_to(small_train, [recorded])
    np.testing.assert_array_equal(images[-1], small_train.images[5])
    assert (len(images), labels[-1], labels.dtype) == (len(small_train.images) + 1, 8, small_train.labels.dtype)
    corrections.keep(small_train.images[6], 1)
    with pytest.raises(data_sets.DatasetError, match="--changed"):
        corrections.add_to(small_train, [recorded])


def test_links_are_not_followed(corrections: Corrections, small_train: DigitSet, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    corrections.directory.mkdir()
    (corrections.directory / "7").symlink_to(elsewhere)
    with pytest.raises(CorrectionsError):
        corrections.keep(small_train.images[0], 7)
    assert not list(elsewhere.iterdir())
    (corrections.directory / "7").unlink()
    kept = corrections.directory / corrections.keep(small_train.images[0], 7)
    (tmp_path / "secret").write_bytes(b"secret")
    kept.unlink()
    kept.symlink_to(tmp_path / "secret")
    with pytest.raises(CorrectionsError):
        corrections.file()


def test_a_link_in_place_of_the_directory_is_refused(
    corrections: Corrections, small_train: DigitSet, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    corrections.directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorrectionsError):
        corrections.keep(small_train.images[0], 7)


def test_their_number_is_limited(
    corrections: Corrections, small_train: DigitSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 2)
    for image in small_train.images[:2]:
        corrections.keep(image, 1)
    with pytest.raises(CorrectionsError):
        corrections.keep(small_train.images[2], 1)


def test_the_version_of_the_data_follows_the_corrections_only_if_the_setting_is_on(
    small_train: DigitSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path))

    def version() -> str:
        return data_sets.data_version(data_sets.configured()[0])

    off = version()
    monkeypatch.setenv("MNIST_PIPELINE_TRAIN_ON_CORRECTIONS", "1")
    assert version() == off
    Corrections(tmp_path / KEPT).keep(small_train.images[0], 7)
    assert version() != off
    monkeypatch.delenv("MNIST_PIPELINE_TRAIN_ON_CORRECTIONS")
    assert version() == off
