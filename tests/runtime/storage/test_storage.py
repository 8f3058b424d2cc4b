"""A value is read back as it was stored, and whatever happens to a writer, readers get the former
value or the new one.

The tests run on a directory and on an object store in memory, which universal_pathlib opens.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import mmap
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from support.values import EVERY_KIND, REPORT

from mnist_pipeline import read
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.runtime.storage import formats
from mnist_pipeline.runtime.storage import storage as module
from mnist_pipeline.runtime.storage.storage import (
    Storage,
    StorageError,
    UnreachableError,
    stored_key,
    version_of,
)
from mnist_pipeline.utils import stored_types
from mnist_pipeline.utils.reported import ReportedError

OLD, NEW = np.arange(1_000), np.arange(1_000) * 2


def write(stored: Storage, value: Any, figure: bytes, **origin: Any) -> str:
    """Store a value with a figure, as an asset and the IO manager do."""
    stored.write_figures("value", version_of("value", value), {"plot": figure})
    return stored.write("value", value, origin)


@pytest.fixture(params=["directory", "objects"])
def stored(request, tmp_path, monkeypatch) -> Storage:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Storage(
        str(tmp_path / "storage")
        if request.param == "directory"
        else f"memory://{tmp_path.name}-{id(request)}"
    )


@pytest.fixture
def local(tmp_path) -> Storage:
    return Storage(str(tmp_path / "storage"))


@pytest.mark.parametrize("name", [*EVERY_KIND])
def test_a_value_is_read_back_as_it_was_stored_under_the_version_that_it_was_given(name, stored):
    value = EVERY_KIND[name]
    version = stored.write("value", value)
    assert version == version_of("value", value) == stored.current_version("value")
    found = Storage(stored.root).read("value")
    assert isinstance(found, type(value))
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(found, value, check_exact=True)
    else:
        np.testing.assert_equal(found, value)
    assert stored.write("value", found) == version  # which depends on the types of arrays, too
    assert stored.fault("value") is None


@pytest.mark.parametrize("value", [OLD, {"array": OLD}, DigitSet(OLD, OLD)])
def test_stored_arrays_are_mapped_and_read_only(value, local):
    local.write("value", value)
    found = local.read("value")
    assert isinstance(value, np.ndarray) or len(repr(found)) < 100
    arrays = found.values() if isinstance(found, dict) else found
    for array in [found] if isinstance(value, np.ndarray) else arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(array, mmap.mmap)


def test_numpy_reads_what_is_stored_for_arrays_whatever_their_names(local):
    arrays = {
        "HALF": np.arange(6),
        "odd": np.arange(7, dtype=np.uint8).reshape(7, 1).T,
        "truth": np.array([True, False]),
        "big-endian": np.arange(3, dtype=">f4"),
        "half": np.ones((2, 2), np.float16)[:, ::2],
        "none": np.zeros((0, 4)),
        "scalar": np.array(-1),
        "../*?[x]/": np.arange(2),
        "Odd": np.arange(3),
        "x" * 300 + "1": np.arange(4),
        "x" * 300 + "2": np.arange(5),
    }
    version = local.write("value", arrays)
    files = sorted((local.path / "value" / version).glob("*.npy"))
    assert len({file.name.casefold() for file in files}) == len(arrays)
    sizes = sorted(np.load(file, allow_pickle=False).size for file in files)
    assert sizes == sorted(array.size for array in arrays.values())
    for name, array in local.read("value").items():
        np.testing.assert_array_equal(array, arrays[name], strict=True)


class Nested(NamedTuple):
    """Fields of every kind."""

    nothing: None
    truth: bool
    number: float
    text: str
    pair: tuple[int, np.ndarray]
    parts: dict[str, Any]
    kind: ImageKind


def test_a_value_has_plain_fields_and_other_values_as_fields(stored, monkeypatch):
    monkeypatch.setattr(stored_types, "_types", dict(stored_types._types))
    stored_types.stored_type(Nested)
    inner = Nested(None, False, 2.5, "7 → 1", (3, np.arange(3)), {}, ImageKind(is_mnist=True))
    parts = {
        "array": np.ones((2, 2)),
        "type": inner,
        "dict": {"nested": (1, 2)},
        "*?[x]": np.ones(3),
    }
    value = inner._replace(truth=True, parts=parts)
    stored.write("value", value)
    np.testing.assert_equal(stored.read("value"), value)


@pytest.mark.parametrize(
    "value", [{"number": np.float32(1)}, {1: np.arange(2)}, {"set": {1}}, {"pair": (1, object())}]
)
def test_a_field_without_a_format_is_refused_by_name(value, local):
    with pytest.raises(TypeError, match=f"{next(iter(value))}"):
        local.write("value", value)


def test_a_value_of_a_former_version_of_the_code_is_damage(stored):
    version = stored.write("value", {"x": np.arange(3)})
    path = stored.path / "value" / version / "manifest.json"
    manifest = json.loads(path.read_text())
    files = {"value.safetensors": manifest["files"]["x.npy"]}
    content = formats.to_json({**manifest, "files": files})
    former = hashlib.sha256(content).hexdigest()
    (stored.path / "value" / former).mkdir(parents=True)
    (stored.path / "value" / former / "manifest.json").write_bytes(content)
    array = (path.parent / "x.npy").read_bytes()
    (stored.path / "value" / former / "value.safetensors").write_bytes(array)
    stored.set_current("value", former)
    assert "former version" in stored.fault("value")
    with pytest.raises(StorageError, match="run --changed"):
        stored.read("value")


@pytest.mark.parametrize("value", [object(), np.array([{}]), {"texts": np.array(["a"])}])
def test_a_value_without_a_format_is_refused(value, local):
    with pytest.raises(TypeError):
        local.write("value", value)


def test_a_value_that_comes_back_is_the_newest_again_and_knows_all_its_runs(stored):
    inputs = {"other": "x"}
    first = write(stored, OLD, b"old", run="a", time=1, inputs=inputs)
    second = stored.write("value", NEW, {"run": "b", "time": 2})
    assert list(stored.records("value")) == [first, second]
    assert stored.origin("value", first)["inputs"] == inputs
    write(stored, OLD, b"new", run="c", time=3)
    assert list(stored.records("value")) == [second, first]
    assert [record["run"] for record in stored.records("value")[first]] == ["a", "c"]
    assert stored.figure("value", "plot") == b"new"
    stored.set_current("value", second)
    np.testing.assert_array_equal(stored.read("value"), NEW)
    np.testing.assert_array_equal(stored.read("value", first), OLD)
    for name in ("plot", "a" * 5_000):
        with pytest.raises(StorageError):
            stored.figure("value", name)
    assert stored.keys() == ["value"]


PARTITIONS = (
    *("a", "A", "a/b", "a-b", "a b", "a~b", "a%2Fb", "..", "%"),
    *("a" * 260, "a" * 259 + "b", "手書き数字の画像" * 4, "手書き数字の画像" * 4 + "a"),
)


def test_a_partition_is_a_key_of_its_own_whatever_its_name_contains(stored):
    keys = [stored_key("asset", partition) for partition in PARTITIONS]
    for key, partition in zip(keys, PARTITIONS, strict=True):
        stored.write(key, partition)
    assert stored.keys() == sorted(keys)
    assert [stored.read(key) for key in keys] == [*PARTITIONS]
    (shortened,) = {stored_key("asset", "a" * 260)} & {*keys}
    assert stored_key("asset", shortened.removeprefix("asset-")) not in keys


def test_the_key_of_a_partition_stays_the_same():
    assert stored_key("asset", "größe/1") == "asset-gr%C3%B6%C3%9Fe%2F1"
    longest = "a" * 244  # a key has at most 250 characters
    assert stored_key("asset", longest) == f"asset-{longest}"
    cut = f"asset-{'a' * 60}%-5553f05514a6f627ffe8341e08f80bc3"
    assert stored_key("asset", f"{longest}a") == cut


def test_a_value_in_the_directory_of_another_key_is_damage(local):
    version = local.write("value", OLD)
    other = local.write("other", NEW)
    (local.path / "other").rename(aside := local.path / "aside")
    (local.path / "value").rename(local.path / "other")
    aside.rename(local.path / "value")
    with pytest.raises(StorageError, match=rf"{other} is a version of other"):
        local.read("value")
    assert local.fault("value", version) is not None
    assert local.mend("value", version) is not None
    assert local.records("value") == {other: []}
    local.write("value", OLD)
    np.testing.assert_array_equal(local.read("value"), OLD)
    assert local.fault("value") is None
    assert local.fault("value", other) is not None


def test_a_value_is_read_that_was_copied_to_another_storage_or_has_no_key_in_its_manifest(local):
    local.write("value", OLD)
    other = Storage(f"{local.root}-other")
    shutil.copytree(local.path, other.path)
    np.testing.assert_array_equal(other.read("value"), OLD)
    assert other.fault("value") is None
    manifest = json.loads((other.main_file("value").with_name("manifest.json")).read_bytes())
    del manifest["key"]
    content = json.dumps(manifest).encode()
    version = hashlib.sha256(content).hexdigest()
    older = other.main_file("value").parent.rename(other.path / "value" / version)
    (older / "manifest.json").write_bytes(content)
    np.testing.assert_array_equal(other.read("value", version), OLD)


class Interrupted(BaseException):
    """Stands for the death of a process."""


def every_call(monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException) -> Callable[[], int]:
    """Raise an error at one of the calls that write, rename, create or delete; return how many
    there were.
    """
    number = -1

    def counting(function: Callable[..., Any], *, only_writing: bool = False) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal number
            if not only_writing or "w" in str(arguments[1:]):
                number += 1
                if number == at:
                    raise error
            return function(*arguments, **options)

        return call

    for name in ("replace", "unlink", "mkdir", "rmdir"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))
    monkeypatch.setattr(Path, "open", counting(Path.open, only_writing=True))
    return lambda: number + 1


def test_a_writer_that_dies_at_any_call_leaves_the_former_value_or_the_new_one(local, monkeypatch):
    for at in itertools.count():
        stored = Storage(f"{local.root}-{at}")
        write(stored, OLD, b"old", run="a")
        with monkeypatch.context() as patched:
            count = every_call(patched, at, Interrupted())
            with contextlib.suppress(Interrupted):
                write(stored, NEW, b"new", run="b")
        module._verified.clear()
        found = stored.read("value")
        assert any(np.array_equal(found, value) for value in (OLD, NEW))
        write(stored, NEW, b"new", run="c")  # a second run
        np.testing.assert_array_equal(stored.read("value"), NEW)
        assert not any(stored.fault("value", version) for version in stored.records("value"))
        stored.prune("value", {})
        if count() <= at:  # no call was interrupted
            break
    assert at >= 15


def test_a_write_that_the_system_refuses_is_one_line_and_the_former_value_stays(local, monkeypatch):
    local.write("value", OLD)
    with monkeypatch.context() as patched:
        every_call(patched, 1, OSError(28, "No space left on device"))
        with pytest.raises(ReportedError) as raised:
            local.write("value", NEW)
    assert "\n" not in str(raised.value)
    np.testing.assert_array_equal(local.read("value"), OLD)


def test_a_write_that_fails_leaves_no_unfinished_file(local, monkeypatch):
    version = local.write("value", OLD)
    open_file = Path.open

    def open_on_a_full_disk(path: Path, mode: str = "r", **options: Any) -> Any:
        if "w" in mode:
            open_file(path, mode).close()
            return open_file(Path("/dev/full"), mode)
        return open_file(path, mode, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_on_a_full_disk)
        with pytest.raises(StorageError, match="No space left"):
            local.set_current("value", version)
    assert not [*local.path.rglob("*.unfinished")]


def test_a_bucket_that_does_not_answer_is_no_damage(stored, monkeypatch):
    version = stored.write("value", OLD)

    def fail(_: Path) -> bytes:
        raise TimeoutError

    monkeypatch.setattr(module, "_content", fail)
    if stored.is_remote:
        with pytest.raises(UnreachableError):
            stored.mend("value", version)
    else:
        assert stored.mend("value", version) is not None


def test_verifying_a_version_reads_its_files_again(stored):
    version = stored.write("value", OLD)
    assert stored.fault("value", version) is None
    flip_a_bit(stored.main_file("value"))
    assert stored.fault("value", version) is not None


def test_a_version_is_deleted_manifest_first(local, monkeypatch):
    version = local.write("value", OLD)
    local.write("value", NEW)
    monkeypatch.setattr(module, "DAY_SECONDS", -1)
    with monkeypatch.context() as patched:
        iterdir = Path.iterdir
        patched.setattr(Path, "iterdir", lambda path: sorted(iterdir(path), reverse=True))
        every_call(patched, 1, Interrupted())
        with pytest.raises(Interrupted):
            local.prune("value", {})
    assert local.main_file("value").exists()
    assert (local.path / "value" / version / "value.npy").exists()
    assert version not in local.records("value")


def test_two_writers_side_by_side_leave_two_whole_versions(stored, monkeypatch):
    """The second one writes everything between two steps of the first."""
    write_file, other, versions = stored._write, Storage(stored.root), []

    def interleaved(path: Path, *blocks: Any) -> None:
        if not versions:
            versions.append(other.write("value", NEW))
        write_file(path, *blocks)

    monkeypatch.setattr(stored, "_write", interleaved)
    versions.append(stored.write("value", OLD))
    assert stored.current_version("value") == versions[-1]
    assert set(stored.records("value")) == {*versions}
    assert not any(stored.fault("value", version) for version in versions)


def test_a_folder_of_another_program_is_no_value(local, monkeypatch):
    local.write("covariance", OLD)
    (local.path / "photos").mkdir()
    (local.path / "photos" / "current").write_text("2020\n")
    (local.path / "lost+found").mkdir()
    scandir = os.scandir

    def as_another_user(path: Any = ".") -> Any:
        if Path(path).name == "lost+found":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", as_another_user)
    assert local.keys() == ["covariance"]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def replaced_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Put something else instead of a file."""

    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


def make_directory(path: Path) -> None:
    (path / "notes").mkdir(parents=True)


def dangling_link(path: Path) -> None:
    path.symlink_to("absent")


FILES = {
    "a value": "KEY/VERSION/index.html",
    "a manifest": "KEY/VERSION/manifest.json",
    "current": "KEY/current",
    "a record": "KEY/VERSION/runs/run.json",
    "a figure": "KEY/VERSION/figures/plot.png",
    "the copy for people": "report/index.html",
}
FOLDERS = {
    "a key": "KEY",
    "a version": "KEY/VERSION",
    "the records": "KEY/VERSION/runs",
    "the copy for people": "report",
}
DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "one bit": flip_a_bit,
    "noise": lambda path: path.write_bytes(b"\xff\x00"),
    "null": lambda path: path.write_bytes(b"null"),
    "directory": replaced_by(make_directory),
    "pipe": replaced_by(os.mkfifo),
    "link": replaced_by(dangling_link),
}


def write_report(stored: Storage) -> str:
    return write(stored, REPORT, b"a picture", run="run")


def assert_mended(stored: Storage, version: str) -> None:
    """Do as `run --changed` does with a damaged value: mend it, or compute it again."""
    module._verified.clear()
    assert stored.fault("value") is not None
    if stored.mend("value", version):
        for path in stored.skipped:  # as `verify` advises
            module._remove(path)
        write_report(stored)
    module._verified.clear()
    assert stored.mend("value", version) is None
    assert stored.fault("value") is None
    assert stored.read("value") == REPORT
    assert stored.figure("value", "plot") == b"a picture"
    assert [record["run"] for record in stored.records("value")[version]] == ["run"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_every_damage_to_every_kind_of_file_is_found_and_mended(name, damage, stored):
    if damage in ("directory", "pipe", "link") and "://" in stored.root:
        pytest.skip("an object store has files only")
    version = write_report(stored)
    path = stored.path / FILES[name].replace("KEY", "value").replace("VERSION", version)
    DAMAGE[damage](path)
    module._verified.clear()
    if name in ("a value", "a manifest", "current"):
        with pytest.raises(StorageError, match=r"run --changed --select \+key:value"):
            stored.read("value")
    else:
        assert stored.read("value") == REPORT
    if name == "a figure" and damage in ("deleted", "directory", "pipe", "link"):
        with pytest.raises(StorageError, match="plot"):
            stored.figure("value", "plot")
    # Whoever only lists what is stored meets no error.
    assert set(stored.records("value")) <= {version}
    assert_mended(stored, version)


@pytest.mark.parametrize("make", [Path.touch, os.mkfifo, dangling_link])
@pytest.mark.parametrize("name", FOLDERS)
def test_anything_instead_of_a_folder_is_found_and_moved_aside(name, make, local):
    version = write_report(local)
    path = local.path / FOLDERS[name].replace("KEY", "value").replace("VERSION", version)
    shutil.rmtree(path)
    make(path)
    assert set(local.records("value")) <= {version}
    assert_mended(local, version)
    assert len([*path.parent.glob("*.aside")]) == 1


def test_what_lies_instead_of_a_file_is_not_lost(local):
    version = write_report(local)
    path = local.path / "value" / version / "index.html"
    path.unlink()
    make_directory(path)
    assert_mended(local, version)
    (aside,) = path.parent.glob("*.aside")
    assert (aside / "notes").is_dir()


def test_a_file_instead_of_the_storage_is_one_line_and_stays(tmp_path):
    (file := tmp_path / "storage").write_text("notes")
    with pytest.raises(StorageError, match=str(file)):
        Storage(str(file)).write("value", OLD)
    assert file.read_text() == "notes"


def test_pruning_deletes_a_link_and_not_what_it_leads_to(local, monkeypatch):
    version = local.write("value", OLD)
    (elsewhere := local.path / "elsewhere").mkdir()
    (elsewhere / "notes").touch()
    (local.path / "value" / version / "link").symlink_to(elsewhere)
    local.write("value", NEW)
    monkeypatch.setattr(module, "DAY_SECONDS", -1)
    local.prune("value", {})
    assert version not in local.records("value")
    assert not (local.path / "value" / version).exists()
    assert (elsewhere / "notes").exists()


def test_pruning_keeps_what_is_current_younger_than_a_day_or_asked_for(local, monkeypatch):
    keep = {"model": 2, "champion": None}

    def write(key: str, number: int) -> str:
        version = local.write(key, np.full(3, number), {"run": f"{time.time()}"})
        local.prune(key, keep)
        return version

    def hours_later(hours: float) -> None:
        monkeypatch.setattr(time, "time", lambda: now + hours * 3600)

    now = time.time()
    first = [write("model", number) for number in range(3)]
    champions = [write("champion", 0)]
    write("other", 0)
    (unfinished := local.path / "other" / "0.unfinished").write_bytes(b"")
    (foreign := local.path / "other" / "photos").mkdir()
    hours_later(23.9)
    second = write("model", 3)
    local.prune("other", keep)
    assert unfinished.exists()
    assert list(local.records("model")) == [*first, second]
    hours_later(24.1)
    third, other = write("model", 4), write("other", 1)
    champions.append(write("champion", 1))
    assert list(local.records("model")) == [second, third]
    assert list(local.records("champion")) == champions
    assert list(local.records("other")) == [other]
    assert not unfinished.exists()
    assert foreign.exists()
    for hours in (72, 120):
        hours_later(hours)
        write("other", 1)
        write("champion", 1)
    assert len(local.records("other")[other]) == 1
    assert len(local.records("champion")[champions[1]]) == 3


def test_pruning_keeps_a_former_version_that_is_current_or_was_computed_again(local, monkeypatch):
    now = time.time()

    def write(number: int, hours: float) -> str:
        monkeypatch.setattr(time, "time", lambda: now + hours * 3600)
        return local.write("value", np.full(3, number), {"run": f"{hours}"})

    former, again = write(0, 0), write(1, 1)
    assert write(1, 49) == again
    latest = write(2, 50)
    local.set_current("value", former)
    local.prune("value", {})
    assert local.records("value").keys() == {former, again, latest}


def test_a_wrong_name_is_answered_with_the_nearest_stored_names(local, monkeypatch):
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", local.root)
    with pytest.raises(StorageError, match=r"run --changed --select \+key:covarience"):
        read("covarience")
    with pytest.raises(StorageError):
        read("../etc")
    local.write("covariance", OLD)
    with pytest.raises(StorageError, match="did you mean covariance"):
        read("covarience")
