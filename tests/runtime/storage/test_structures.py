"""Links, pipes and directories where a storage expects files are named in one line, and are not changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mnist_pipeline.cli import main as cli
from mnist_pipeline.runtime.storage import files
from mnist_pipeline.runtime.storage.files import LockFileError

pytestmark = pytest.mark.slow

SECRET = "not to be emptied"


def _link(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _hard_link(path: Path, outside: Path) -> None:
    path.hardlink_to(outside)


def _dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside.with_name("nowhere"))


ODD: dict[str, Callable[[Path, Path], object]] = {
    "a link": _link,
    "a hard link": _hard_link,
    "a link that leads nowhere": _dangling,
    "a pipe": lambda path, _: os.mkfifo(path),
    "a directory": lambda path, _: path.mkdir(),
}


@pytest.fixture
def filled(own_copy: tuple[Path, Path]) -> Path:
    """A storage in which the whole graph is materialized."""
    return own_copy[1]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is no part of the storage."""
    path = tmp_path / "outside"
    path.write_text(SECRET)
    return path


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def _require_one_line(result: Result, path: Path) -> None:
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.output.splitlines()[-1].startswith("Error: "), result.output
    assert str(path) in result.output


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@pytest.mark.parametrize("arguments", [("run", "--select", "key:raw_mnist"), ("verify",)], ids=" ".join)
def test_a_lock_that_is_not_a_file_of_its_own_is_named(
    arguments: tuple[str, ...], make: Callable[[Path, Path], object], filled: Path, outside: Path
) -> None:
    path = filled / ".lock"
    path.unlink()
    make(path, outside)
    _require_one_line(_invoke(*arguments), path)
    assert outside.read_text() == SECRET
    assert not outside.with_name("nowhere").exists()


def test_other_users_can_not_open_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch(0o666)
    with files.lock(path, print):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    path.mkdir()
    with pytest.raises(LockFileError, match=str(path)), files.lock(path, print):
        pass


def test_a_lock_that_another_user_owns_counts_as_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # root may open any file
    assert files.lock_holder(tmp_path / "lock") is not None
    with pytest.raises(LockFileError, match="owner"), files.lock(tmp_path / "lock", print):
        pass


MANIFESTS: dict[str, Callable[[Path], object]] = {
    "deeply nested": lambda path: path.write_text("[" * 200_000),
    "20 GB of nothing": lambda path: os.truncate(path, 20_000_000_000),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a number": lambda path: path.write_text("1" * 10_000),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe{}"),
}


@pytest.mark.parametrize("make", MANIFESTS.values(), ids=MANIFESTS)
def test_a_damaged_manifest_is_reported_and_repaired(make: Callable[[Path], object], filled: Path) -> None:
    make(filled / "manifests" / "data_mean.json")
    result = _invoke("verify")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert "data_mean" in result.output
    assert _invoke("run", "--changed").exit_code == 0
    assert _invoke("verify").exit_code == 0


@pytest.mark.parametrize("name", ["assets", "manifests", "figures", "report"])
@pytest.mark.parametrize("arguments", [("run", "--select", "key:raw_mnist"), ("verify",)], ids=" ".join)
def test_a_file_in_the_place_of_a_directory_is_named(name: str, arguments: tuple[str, ...], filled: Path) -> None:
    path = filled / name
    path.rename(filled / "elsewhere")
    path.write_text(SECRET)
    _require_one_line(_invoke(*arguments), path)
    assert path.read_text() == SECRET


@pytest.mark.parametrize("make", [ODD["a pipe"], ODD["a directory"], ODD["a link that leads nowhere"]])
def test_a_configuration_of_dagster_that_is_no_file_is_named(
    make: Callable[[Path, Path], object], filled: Path, outside: Path
) -> None:
    path = filled / "dagster" / "dagster.yaml"
    path.unlink()
    make(path, outside)
    _require_one_line(_invoke("verify"), path)


@pytest.mark.parametrize("name", [b"\xff.npy", b"\x1b[2J\x1b[HAll stored results are intact.", b"two\nlines"])
def test_a_name_can_not_steer_the_terminal(name: bytes, filled: Path) -> None:
    (filled / "assets" / os.fsdecode(name)).write_text("anything")
    result = _invoke("verify")
    assert result.exit_code == 0, result.output
    assert all(line.isprintable() for line in result.output.splitlines())
    assert sum("belongs to no asset" in line for line in result.output.splitlines()) == 1
