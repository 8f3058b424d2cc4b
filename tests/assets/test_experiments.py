"""Experiments in the graph: an edited list of trials runs on a slice, and what stays is reused."""

import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from support.servers import COMMAND, copy_project, ended, variables

from mnist_pipeline.runtime.storage.storage import Storage, stored_key

pytestmark = pytest.mark.slow
LIST = re.compile(r"^SWEEP = .*?^\]", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def call(project, storage, slice_directory) -> Callable[..., CompletedProcess[str]]:
    """A function that runs a command of the copy, on a storage that is empty at first."""

    def called(*arguments: str) -> CompletedProcess[str]:
        environ = variables(slice_directory, storage, PYTHONPATH=str(project))
        return ended([*COMMAND, *arguments], project, environ)

    return called


def edit(project: Path, entry: str) -> None:
    """Let the sweep of a copy have this entry."""
    file = project / "assets" / "experiments.py"
    content, count = LIST.subn(f"SWEEP = [\n    {entry}\n]", file.read_text(encoding="utf-8"))
    assert count == 1
    file.write_text(content, encoding="utf-8")


def test_a_sweep_runs_its_trials_and_an_edited_one_only_those_that_are_new(project, call, storage):
    def succeed(*arguments: str) -> str:
        done = call(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    stored = Storage(str(storage))
    edit(project, '{"model": ["knn", "softmax"], "size": [20, 100]}')
    output = succeed("run", "--select", "+key:experiment_summary")
    # Assets above the partitions, the four partitions, and the asset below them.
    runs = re.findall(r"^Materializing (\d+ assets?)", output, re.MULTILINE)
    assert runs == ["4 assets", *["1 asset"] * 5]
    assert len(set(stored.read("experiment_summary")["trial"])) == 4
    edit(project, '{"model": "knn", "size": [20, 100, "all"]}')
    damaged = stored_key("experiment_trials", "knn-size_100-seed_0")
    stored.main_file(damaged).write_bytes(b"")
    advised = ("--changed", "--select", "experiment_trials")
    assert f"mnist-pipeline run {' '.join(advised)}" in call("verify").stderr
    output = succeed("run", *advised)
    succeed("verify")
    succeed("run", "--changed", "--select", "experiment_summary")
    assert "knn-size_all-seed_0" in output
    assert "knn-size_100-seed_0" in output
    assert "knn-size_20-seed_0" not in output
    assert sorted(stored.read("experiment_summary")["size"]) == [20, 100, 1_833]


def test_a_sweep_that_is_not_valid_is_one_line_before_anything_runs(project, call, storage):
    edit(project, '{"model": "knn", "size": 2}')
    refused = call("run")
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "entry 1" in line
    assert "size is 2" in line
    assert not Storage(str(storage)).keys()
