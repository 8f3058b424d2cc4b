"""An executor that could not work is refused before any work starts."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from support.settings import load_from

from mnist_pipeline.runtime.executors.requirements import ExecutorError, require

DATABASE = "postgresql://u:p@h/n"
NOWHERE = "127.0.0.1:1"  # nothing listens there


def _require(storage: Path, executor: str, **more: str) -> None:
    own = {"STORAGE": str(storage), "EXECUTOR": executor, **more}
    require(load_from({f"MNIST_PIPELINE_{name}": value for name, value in own.items()}))


def test_an_executor_that_is_not_installed_is_refused_with_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing: dict[str, Any] = {}
    monkeypatch.setattr(importlib.util, "find_spec", nothing.get)
    with pytest.raises(ExecutorError, match=r"'mnist-dagster\[ray\]'"):
        _require(tmp_path, "ray")


def test_a_running_cluster_needs_postgres_and_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {"ray": True, "dagster_ray": True}
    monkeypatch.setattr(importlib.util, "find_spec", found.get)
    with pytest.raises(ExecutorError, match="MNIST_PIPELINE_DATABASE"):
        _require(tmp_path, "ray", CLUSTER=NOWHERE)
    with pytest.raises(ExecutorError, match=NOWHERE):
        _require(tmp_path, "ray", CLUSTER=NOWHERE, DATABASE=DATABASE)


@pytest.mark.parametrize("name", ["no.such.module:executor", "dagster:no_such_executor", "dagster:Definitions"])
def test_a_name_that_is_no_executor_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExecutorError, match=name):
        _require(tmp_path, name)
