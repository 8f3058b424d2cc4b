"""Every stored file, damaged in every way, is reported and not read, and only its asset is rebuilt."""

from __future__ import annotations

import json
import os
import pickle
import pickletools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graph_fixtures import Outcome, invoke, materialized

from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.runtime.storage import publication
from mnist_pipeline.runtime.storage.directory import forget_verified
from mnist_pipeline.runtime.storage.publication import Content, Entry, Manifest
from mnist_pipeline.runtime.storage.storage import Storage, StorageError

pytestmark = pytest.mark.slow

KEYS = sorted(key.to_user_string() for key in select_assets("*"))


def _flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _link(path: Path, other: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _directory(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").write_text("in the way")


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "one bit flipped": _flip,
    "cut short": lambda path, other: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path, other: path.write_bytes(path.read_bytes() + b"\n"),
    "emptied": lambda path, other: path.write_bytes(b""),
    "that of another asset": lambda path, other: shutil.copyfile(other, path),
    "a directory": _directory,
    "a link to the same content": _link,
    "a pipe": lambda path, other: (path.unlink(), os.mkfifo(path)),
    "a pickle": lambda path, other: path.write_bytes(pickle.dumps(np.zeros(3))),
    "deleted": lambda path, other: path.unlink(),
}


@pytest.fixture(scope="module")
def copy(finished_run: tuple[Outcome, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished run's values, of which one file at a time is damaged and put back."""
    directory = tmp_path_factory.mktemp("damaged") / "storage"
    shutil.copytree(finished_run[1], directory, ignore=shutil.ignore_patterns("dagster"))
    return directory


def files_of(storage: Path) -> Iterator[tuple[str, Path, Path]]:
    """Every stored file with its asset, and a file of the same kind that belongs to another."""
    published = Storage(storage).published
    found = []
    for key in KEYS:
        manifest = published.manifest(key)
        assert manifest is not None
        found += [(key, storage / name) for name in manifest.files]
        found.append((key, storage / "manifests" / f"{key}.json"))
    for key, path in found:
        others = [other for owner, other in found if owner != key and other.suffix == path.suffix]
        yield key, path, (others or [storage / "manifests" / "data_mean.json"])[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damaged_file_is_refused_with_its_asset_and_the_command_that_rebuilds_it(damage: str, copy: Path) -> None:
    stored, kept, stored_files = Storage(copy), copy.parent / "kept", list(files_of(copy))
    assert {path.suffix for _, path, _ in stored_files} == {
        ".npy",
        ".safetensors",
        ".csv",
        ".json",
        ".md",
        ".png",
        ".html",
    }
    for key, path, other in stored_files:
        shutil.copy2(path, kept)
        DAMAGES[damage](path, other)
        try:
            fault = stored.fault(key, None) or ""
            assert fault.startswith("damaged: "), path
            assert str(path) in fault or path.parent.name == "manifests"
            if path.suffix != ".png":  # a figure is not part of the value
                with pytest.raises(StorageError) as caught:
                    stored.read(key)
                assert f"{key} is damaged: " in str(caught.value), path
                assert f"mnist-pipeline run --select {key}" in str(caught.value), path
        finally:
            _put_back(kept, path)
        assert (stored.fault(key, None) or "").startswith("not recorded: ")


def _put_back(kept: Path, path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.with_name("elsewhere").unlink(missing_ok=True)
    shutil.copy2(kept, path)


def test_a_change_that_keeps_the_time_is_found_by_a_reader_that_has_not_verified_the_file(copy: Path) -> None:
    stored, path, kept = Storage(copy), copy / "assets" / "covariance.npy", copy.parent / "kept"
    stored.read("covariance")
    before = path.stat()
    shutil.copy2(path, kept)
    _flip(path, path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    forget_verified()  # like another process
    with pytest.raises(StorageError, match="covariance is damaged"):
        stored.read("covariance")
    _put_back(kept, path)
    forget_verified()  # the copy may get the inode of the damaged file


def test_a_directory_of_figures_that_became_a_link_is_not_followed(copy: Path, tmp_path: Path) -> None:
    directory = copy / "figures" / "covariance"
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    stored = Storage(copy)
    assert (stored.fault("covariance", None) or "").startswith("damaged: ")
    picture = (tmp_path / "elsewhere" / "covariance.png").read_bytes()
    stored.write("covariance", stored.read("covariance"), {"covariance": picture + b"new"})
    assert not directory.is_symlink()
    assert (directory / "covariance.png").read_bytes() == picture + b"new"
    assert (tmp_path / "elsewhere" / "covariance.png").read_bytes() == picture


@pytest.mark.parametrize("name", ["../covariance", "/etc/passwd", "a/b", "..", "", ".hidden", "covariance.npy", "a\n"])
def test_a_name_outside_its_directory_is_refused(name: str, copy: Path) -> None:
    stored = Storage(copy)
    for attempt in (
        lambda: stored.read(name),
        lambda: stored.path(name),
        lambda: stored.fault(name, None),
        lambda: stored.write(name, np.zeros(3)),
        lambda: stored.write("covariance", np.zeros(3), {name: b""}),
    ):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["../outside.npy", "assets/../../outside.npy", "/etc/passwd", "assets/data_mean.npy"])
def test_a_manifest_that_names_a_file_of_another_asset_is_refused(name: str, tmp_path: Path) -> None:
    stored = Storage(tmp_path / "storage")
    stored.write("covariance", np.zeros(3))
    record = Manifest("covariance", "0" * 64, {name: Entry(3, "0" * 64)})
    (tmp_path / "storage" / "manifests" / "covariance.json").write_bytes(publication.encode(record))
    with pytest.raises(StorageError, match=re.escape(repr(name))):
        stored.read("covariance")


def _forge(storage: Path, key: str, **changed: Any) -> None:
    """Change fields of a manifest, and give it a valid checksum again."""
    path = storage / "manifests" / f"{key}.json"
    document = json.loads(path.read_text())
    del document["sha256"]
    path.write_bytes(publication._with_checksum({**document, **changed}))


FIGURE = {"figures/recognizer/a.png": {"bytes": 1, "sha256": "0" * 64}}
VALUE = "assets/recognizer.safetensors"
FORGED: dict[str, dict[str, Any]] = {
    "no files": {"files": {}},
    "only a figure": {"files": FIGURE},
    "a list of files": {"files": [VALUE]},
    **{
        f"{field} is {value!r}": {"files": {VALUE: {"bytes": 1, "sha256": "0" * 64, field: value}}}
        for field, value in [
            ("bytes", "1"),
            ("bytes", None),
            ("bytes", [1]),
            ("bytes", 1.5),
            ("sha256", 1),
            ("sha256", None),
            ("sha256", "../outside"),
        ]
    },
    "no entry of a file": {"files": {VALUE: None}},
    "half of a character": {"asset": "\ud800"},
    "lines of the command": {"asset": "x)\n  champion ok\nAll stored results are intact.\x1b[2J"},
    "a list as the asset": {"asset": ["recognizer"]},
    "a path as the data version": {"data_version": "../../outside"},
    "a number as the data version": {"data_version": 1},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED)
def test_a_forged_manifest_is_damaged_and_can_not_steer_the_terminal(
    changed: dict[str, Any], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(copy))
    path, kept = copy / "manifests" / "recognizer.json", copy.parent / "kept"
    shutil.copy2(path, kept)
    _forge(copy, "recognizer", **changed)
    try:
        assert (Storage(copy).fault("recognizer", None) or "").startswith("damaged: ")
        (line,) = invoke("predict", "digit.png", code=1).splitlines()
    finally:
        _put_back(kept, path)
    assert line.isprintable()
    assert str(path) in line


def test_no_text_of_a_stored_file_can_steer_the_terminal(own_copy: tuple[Path, Path]) -> None:
    _, storage = own_copy
    _forge(storage, "data_mean", asset="x)\n  champion ok\nAll stored results are intact.\x1b[2J")
    text = b'{"type": "Champion", "version": 1, "\\u001b[2J\\n  champion ok": 1}'
    content = Content.of_bytes(text)
    Storage(storage).published.publish("champion", content.entry.sha256, {"assets/champion.json": content})
    for arguments in (["verify"], ["run", "--select", "key:recognizer or key:covariance"]):
        lines = invoke(*arguments, code=1).splitlines()
        assert all(line.isprintable() for line in lines)
        assert not [line for line in lines if line.split() == ["champion", "ok"]]


def test_no_stored_file_is_a_pickle(finished: Path) -> None:
    for path in finished.rglob("*"):
        if path.is_file():
            assert not _is_pickle(path.read_bytes()), path


def test_reading_uses_no_pickle(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.delattr(pickle, name)
    for key in KEYS:
        Storage(finished).read(key)


def _is_pickle(content: bytes) -> bool:
    try:
        return len(list(pickletools.genops(content))) > 0
    except Exception:
        return False


def test_everything_is_intact_after_a_run(finished: Path) -> None:
    output = invoke("verify")
    states = dict(line.split(maxsplit=1) for line in output.splitlines()[:-1])
    assert states == dict.fromkeys(KEYS, "ok")
    assert str(finished) in output.splitlines()[-1]


def test_an_asset_that_was_never_materialized_is_not_an_error(storage: Path) -> None:
    output = invoke("verify")
    assert output.count("not materialized\n") == len(KEYS)


def test_only_damaged_assets_are_rebuilt(own_copy: tuple[Path, Path]) -> None:
    _, storage = own_copy
    before = _manifests(storage)
    other = storage / "assets" / "data_mean.npy"
    damaged = {
        "digit_images": ("assets/digit_images.npy", "one bit flipped"),
        "covariance": ("figures/covariance/covariance.png", "cut short"),
        "softmax_evaluation": ("manifests/softmax_evaluation.json", "emptied"),
        "cnn_errors": ("assets/cnn_errors.csv", "a directory"),
        "champion": ("assets/champion.json", "a link to the same content"),
        "cnn_kernels": ("assets/cnn_kernels.npy", "that of another asset"),
        "knn_index": ("manifests/knn_index.json", "deleted"),
        "projections": ("assets/projections.npy", "deleted"),
        "evaluation_report": ("report/report.json", "one bit flipped"),
    }
    for name, damage in damaged.values():
        DAMAGES[damage](storage / name, other)
    unfinished = storage / "assets" / f".covariance.npy.{32 * '0'}.tmp"
    unfinished.write_bytes(b"half of a value")
    (storage / "assets" / ".mine.tmp").write_bytes(b"a file of somebody else")
    (storage / "assets" / "unknown.pkl").write_bytes(pickle.dumps([]))
    forget_verified()
    output = invoke("verify", code=1)
    rows = [line.split(maxsplit=1) for line in output.splitlines()]
    assert {row[0] for row in rows if len(row) == 2 and row[1].startswith("damaged: ")} == set(damaged)
    assert f"assets/{unfinished.name}: " in output
    assert "assets/unknown.pkl: " in output
    assert "mnist-pipeline run --changed" in output.splitlines()[-1]

    output = invoke("run", "--changed")
    assert materialized(output) == set(damaged)
    after = _manifests(storage)
    assert {k: v for k, v in after.items() if k != "evaluation_report"} == {
        k: v for k, v in before.items() if k != "evaluation_report"
    }
    assert not unfinished.exists()
    assert (storage / "assets" / ".mine.tmp").exists()
    forget_verified()
    invoke("verify")


def test_a_value_that_dagster_has_not_recorded_is_not_used(own_copy: tuple[Path, Path]) -> None:
    _, storage = own_copy
    before = _manifests(storage)
    stored = Storage(storage)
    stored.write("digit_images", stored.read("digit_images")[::-1])
    output = invoke("verify", code=1)
    assert "digit_images           not recorded: " in output
    output = invoke("run", "--select", "key:harris_corners", code=1)
    assert re.search("harris_corners failed: digit_images .*mnist-pipeline run --changed", output)
    output = invoke("run", "--changed")
    assert "digit_images" in materialized(output)
    assert _manifests(storage)["digit_images"] == before["digit_images"]
    invoke("verify")


def _manifests(storage: Path) -> dict[str, Manifest | None]:
    published = Storage(storage).published
    return {key: published.manifest(key) for key in KEYS}
