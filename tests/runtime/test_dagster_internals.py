"""What stands on private names of Dagster."""

import importlib
import pkgutil
import re
import tomllib

import dagster as dg
import pytest
from dagster._annotations import is_public  # noqa: TID251
from sqlalchemy import text

from mnist_pipeline.runtime import dagster_internals
from mnist_pipeline.runtime.project import PROJECT

CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for directory in ("assets", "mnist_pipeline", "deploy", "docs")
    for path in (PROJECT / directory).rglob("*.py")
    if path.name != "dagster_internals.py"
)


def test_every_private_module_of_dagster_is_banned_from_other_modules():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    banned = project["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    modules = {module.name for module in pkgutil.iter_modules(dg.__path__)} - {"__main__"}
    private = {f"dagster.{name}" for name in modules if name.startswith("_")}
    assert private <= banned.keys()


@pytest.mark.parametrize(
    ("unmarked", "name"),
    [
        pytest.param(unmarked, name, id=f"{unmarked.owner}.{name}")
        for unmarked in dagster_internals.UNMARKED
        for name in unmarked.names.split()
    ],
)
def test_the_list_has_members_that_are_used_and_that_dagster_does_not_mark(unmarked, name):
    owner = getattr(importlib.import_module(unmarked.module), unmarked.owner)
    fields = {field for kind in owner.__mro__ for field in getattr(kind, "__annotations__", ())}
    member = getattr(owner, name, None)
    assert member or name in fields
    assert not is_public(getattr(member, "fget", member))
    assert re.search(rf"\.{name}\b", CODE)


def test_the_open_event_log_waits_for_other_writers_as_long_as_dagsters_own(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    log = dagster_internals.OpenEventLog()
    waits = []
    for own in (log, super(dagster_internals.OpenEventLog, log)):
        for connection in (own.index_connection(), own.run_connection("run")):
            with connection as opened:
                waits.append(opened.execute(text("PRAGMA busy_timeout")).scalar())
    log.dispose()
    assert len(set(waits)) == 1
