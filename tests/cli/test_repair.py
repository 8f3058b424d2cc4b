"""A damaged Dagster instance is reported in a line, and repaired without computing anything again."""

from __future__ import annotations

import errno
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from support.damage import DAMAGE, HIDDEN_DAMAGE, MAIN, checksums, databases, flip
from support.graph_fixtures import Outcome, _set, copy_storage, environment, invoke, materialized

from mnist_pipeline.cli import console, execution
from mnist_pipeline.runtime import instance_files

COMMANDS = (["verify"], ["run", "--changed"], ["lineage", "covariance"], ["prune"], ["ui", "--port", "1"])


@pytest.fixture(scope="module")
def damageable(
    finished_run: tuple[Outcome, Path], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A copy of the finished storage, whose Dagster instance is copied anew for each test."""
    storage = tmp_path_factory.mktemp("damageable") / "storage"
    copy_storage(finished_run[1], storage)
    with pytest.MonkeyPatch.context() as monkeypatch:
        _set(monkeypatch, environment(slice_directory, storage))
        yield storage


@pytest.fixture
def home(damageable: Path, finished_run: tuple[Outcome, Path]) -> Path:
    """The Dagster instance of that storage, not damaged yet."""
    home = damageable / "dagster"
    shutil.rmtree(home)
    copy_storage(finished_run[1] / "dagster", home)
    return home


def _require_line(arguments: list[str], file: Path) -> None:
    output = invoke(*arguments, code=1)
    assert len(output.splitlines()) == 1
    assert str(file) in output
    assert "mnist-pipeline repair" in output


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("kind", DAMAGE)
def test_every_command_names_the_damaged_database_and_the_remedy(kind: str, name: str, home: Path) -> None:
    DAMAGE[kind](home / name)
    for arguments in COMMANDS:
        _require_line(arguments, home / name)


@pytest.mark.parametrize("kind", [*DAMAGE, *HIDDEN_DAMAGE])
def test_verify_reads_every_page_of_every_database(kind: str, home: Path) -> None:
    for file in databases(home):
        (DAMAGE | HIDDEN_DAMAGE)[kind](file)
    output = invoke("verify", code=1)
    assert len(output.splitlines()) == 1
    for file in databases(home):
        assert str(file) in output
    assert "mnist-pipeline repair" in output


@pytest.mark.parametrize("name", MAIN)
def test_a_database_without_the_table_of_migrations_is_replaced(name: str, home: Path) -> None:
    with closing(sqlite3.connect(home / name)) as connection, connection:
        connection.execute("DROP TABLE secondary_indexes")
    _require_line(["verify"], home / name)
    invoke("repair")
    invoke("verify")


@pytest.mark.parametrize("kind", ["directory for the journal", "pipe for the journal", "later version"])
def test_a_repair_replaces_a_database_that_sqlite_can_not_write(kind: str, home: Path) -> None:
    for name in MAIN:
        DAMAGE[kind](home / name)
    invoke("repair")
    invoke("verify")
    assert len(list(home.rglob("*.db.damaged-*-journal"))) == (len(MAIN) if "journal" in kind else 0)


@pytest.mark.parametrize("name", ["alive", "history", "history/runs", "logs", "schedules", "storage"])
def test_a_file_instead_of_a_directory_of_the_instance_is_moved_away(name: str, home: Path) -> None:
    shutil.rmtree(home / name, ignore_errors=True)
    (home / name).touch()
    _require_line(["verify"], home / name)
    invoke("repair")
    assert "Materializing" not in invoke("run", "--changed")


def test_a_locked_database_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance_files, "BUSY_SECONDS", 0.1)
    with closing(sqlite3.connect(home / MAIN[1], isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for arguments in (["verify"], ["run", "--changed"], ["repair"]):
            output = invoke(*arguments, code=1)
            assert len(output.splitlines()) == 1
            assert f"{home / MAIN[1]} is locked" in output
    invoke("verify")


@pytest.mark.parametrize("name", ["history", "history/runs", "schedules"])
def test_a_directory_without_permission_is_named(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Iterator[Path]:
        if path == home / name:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return iterdir(path)

    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", refuse)  # root may list any directory
    for arguments in (["verify"], ["run", "--changed"], ["repair"]):
        (line,) = invoke(*arguments, code=1).splitlines()
        assert str(home / name) in line


def test_damage_that_a_run_meets_is_reported_in_its_last_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, create = home / MAIN[1], console._create

    def damage(context: dg.InitLoggerContext) -> logging.Logger:
        index.write_bytes(b"garbage" * 10_000)
        return create(context)

    monkeypatch.setattr(execution, "console_logger", dg.LoggerDefinition(damage))
    last = invoke("run", "--select", "key:data_mean", code=1).splitlines()[-1]
    assert last.startswith(f"Error: {index} is damaged")
    assert "mnist-pipeline repair" in last


@pytest.mark.parametrize("only_history", [True, False])
def test_a_repair_restores_every_record_and_computes_nothing(only_history: bool, home: Path, damageable: Path) -> None:
    before, stored, files = invoke("lineage", "evaluation_report"), checksums(damageable), databases(home)
    if only_history:
        for file in files:
            file.write_bytes(b"garbage" * 10_000)
    else:
        shutil.rmtree(home)
    output = invoke("repair")
    assert materialized(output) == set()
    assert len(list(home.rglob("*.db.damaged-*"))) == (len(files) if only_history else 0)
    invoke("verify")
    assert "Materializing" not in invoke("run", "--changed")
    assert invoke("lineage", "evaluation_report") == before
    assert checksums(damageable) == stored
    assert invoke("prune", "--keep", "0").startswith("0 runs ")
    assert "is whole" in invoke("repair")


@pytest.mark.parametrize("files", [["history/runs.db"], ["history/runs/index.db"], ["schedules/schedules.db"]])
def test_a_repair_leaves_the_other_databases(files: list[str], home: Path) -> None:
    for name in files:
        flip(home / name, 0)
    others = {file: file.read_bytes()[:16] for file in databases(home) if str(file.relative_to(home)) not in files}
    invoke("repair")
    assert {path.name.partition(".damaged")[0] for path in home.rglob("*.damaged-*")} == {Path(f).name for f in files}
    assert all(file.read_bytes()[:16] == head for file, head in others.items())
    assert "Materializing" not in invoke("run", "--changed")


def test_a_value_without_a_copy_of_its_record_is_computed_again(own_copy: tuple[Path, Path]) -> None:
    _, storage = own_copy
    (storage / "records" / "cnn_kernels.json").write_text("{}")
    shutil.rmtree(storage / "dagster")
    assert "cnn_kernels" in invoke("repair")
    assert "mnist-pipeline run --changed" in invoke("verify", code=1)
    assert materialized(invoke("run", "--changed")) == {"cnn_kernels", "evaluation_report"}
    invoke("verify")
