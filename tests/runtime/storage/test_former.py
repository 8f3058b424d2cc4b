"""A value is kept when another replaces it, comes back with the same bytes, and a failure leaves no half of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_pipeline.runtime.storage.publication import Manifest
from mnist_pipeline.runtime.storage.storage import Prepared, Storage, StorageError

OLD, NEW = np.arange(3), np.arange(4)
ORIGIN = {
    "time": 1.0,
    "run": "first",
    "code_version": None,
    "inputs": {"train_digits": "0" * 64},
    "metadata": {"accuracy": 0.5},
}


@pytest.fixture
def stored(tmp_path: Path) -> Storage:
    """A storage with a value that was kept and then replaced."""
    found = Storage(tmp_path)
    found.write("value", OLD)
    keep(found, 1.0)
    found.write("value", NEW)
    return found


def keep(stored: Storage, time: float, origin: Any = ORIGIN) -> None:
    manifest = stored.published.manifest("value")
    assert manifest is not None
    stored.former.keep(manifest, time, origin)


def the_former(stored: Storage) -> Manifest:
    (manifest,) = stored.former.of("value").values()
    return manifest


def test_a_former_value_is_read_with_its_origin_and_published_again_with_the_same_bytes(stored: Storage) -> None:
    manifest = the_former(stored)
    assert manifest.origin == ORIGIN
    np.testing.assert_array_equal(stored.read_former(manifest), OLD)
    stored.publish(Prepared("value", manifest.data_version, stored.former.contents(manifest)))
    np.testing.assert_array_equal(stored.read("value"), OLD)
    assert stored.data_version("value") == manifest.data_version


def test_former_values_are_ordered_by_time_and_removed_with_the_files_that_only_they_have(
    stored: Storage, tmp_path: Path
) -> None:
    keep(stored, 3.0)
    stored.write("value", OLD)
    keep(stored, 2.0)  # the value of time 1 again
    old, again, new = stored.former.of("value")
    assert len(list((tmp_path / "versions" / "value").iterdir())) == 5
    stored.former.remove("value", [old, new])
    np.testing.assert_array_equal(stored.read_former(stored.former.of("value")[again]), OLD)
    stored.former.remove("value", [again])
    assert not list((tmp_path / "versions" / "value").iterdir())
    np.testing.assert_array_equal(stored.read("value"), OLD)


def test_a_damaged_former_value_is_not_read_and_not_published(stored: Storage, tmp_path: Path) -> None:
    (file,) = (tmp_path / "versions" / "value").glob("*.npy")
    file.unlink()
    file.write_bytes(b"damaged")
    (fault,) = stored.former.faults("value").values()
    assert file.name in fault
    with pytest.raises(StorageError, match=file.name):
        stored.read_former(the_former(stored))


def test_a_former_value_without_a_manifest_does_not_exist(stored: Storage, tmp_path: Path) -> None:
    (manifest,) = (tmp_path / "versions" / "value").glob("*.json")
    manifest.write_text(manifest.read_text().replace("first", "other"))
    assert not stored.former.of("value")
    assert stored.former.faults("value")
    manifest.unlink()
    assert not stored.former.faults("value")


FORGED: dict[str, Any] = {
    "a list": [1],
    "another field": {**ORIGIN, "other": 1},
    "no time": {name: value for name, value in ORIGIN.items() if name != "time"},
    "a text as the time": {**ORIGIN, "time": "1"},
    "a time after all years": {**ORIGIN, "time": 1e30},
    "no number as the time": {**ORIGIN, "time": float("nan")},
    "a number as the run": {**ORIGIN, "run": 1},
    "a number as the code version": {**ORIGIN, "code_version": 1},
    "a list of inputs": {**ORIGIN, "inputs": [1]},
    "a number as an input": {**ORIGIN, "inputs": {"train_digits": 1}},
    "no metadata": {**ORIGIN, "metadata": None},
}


@pytest.mark.parametrize("origin", FORGED.values(), ids=FORGED)
def test_a_former_value_whose_origin_has_other_fields_is_damaged(origin: Any, stored: Storage) -> None:
    keep(stored, 2.0, origin)
    (name,) = stored.former.faults("value")
    assert name not in stored.former.of("value")
    assert len(stored.former.of("value")) == 1


def test_where_files_cannot_be_linked_they_are_copied(
    stored: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    keep(stored, 2.0)
    *_, manifest = stored.former.of("value").values()
    np.testing.assert_array_equal(stored.read_former(manifest), NEW)
