"""Private names of Dagster are used in one module."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from mnist_pipeline.runtime import dagster_internals
from mnist_pipeline.runtime.project import PROJECT

MODULE = Path(dagster_internals.__file__)
PUBLIC_MODULES = {"dagster", "dagster_postgres", "dagster_ray"}  # whose top level is documented
STORAGES = {
    "event_log_storage",
    "run_storage",
    "schedule_storage",
}  # attributes of an instance, none of them public


def private_names(source: Path) -> Iterator[str]:
    """Private names of Dagster that a module imports, and methods of storages that it reaches
    through an instance.
    """
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dagster"):
            yield from (alias.name for alias in node.names if node.module not in PUBLIC_MODULES)
        elif isinstance(node, ast.Import):
            names = (alias.name for alias in node.names if alias.name.startswith("dagster"))
            yield from (name for name in names if name not in PUBLIC_MODULES)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr in STORAGES
        ):
            yield node.attr


def test_no_other_module_uses_private_names() -> None:
    sources = [
        path for name in ("assets", "mnist_pipeline") for path in (PROJECT / name).rglob("*.py")
    ]
    found = {
        str(path.relative_to(PROJECT)): sorted(set(private_names(path)))
        for path in sources
        if path != MODULE
    }
    assert {path: names for path, names in found.items() if names} == {}


def test_the_open_event_log_waits_for_other_writers_as_long_as_dagsters_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    log = dagster_internals.OpenEventLog()
    waits = []
    for own in (log, super(dagster_internals.OpenEventLog, log)):
        for connection in (own.index_connection(), own.run_connection("run")):
            with connection as opened:
                waits.append(opened.execute(text("PRAGMA busy_timeout")).scalar())
    log.dispose()
    assert len(set(waits)) == 1
