"""Experiments in the graph: a sweep on a slice, and what another sweep reuses."""

import re
from pathlib import Path

import pytest
from support.servers import COMMAND, command, succeed, variables

from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage, stored_key

pytestmark = pytest.mark.slow


@pytest.fixture
def environ(storage, slice_directory) -> dict[str, str]:
    """The environment of commands with an empty storage and a sweep of their own."""
    sweep = str(storage.with_suffix(".yaml"))
    return variables(slice_directory, storage, MNIST_PIPELINE_EXPERIMENTS=sweep)


def run(*arguments: str, environ: dict[str, str]) -> str:
    return succeed([*COMMAND, "run", *arguments], PROJECT, environ)


def test_a_sweep_runs_its_trials_and_another_sweep_only_those_that_it_does_not_share(
    environ, monkeypatch
):
    sweep = Path(environ["MNIST_PIPELINE_EXPERIMENTS"])
    stored = Storage(environ["MNIST_PIPELINE_STORAGE"])
    sweep.write_text("- {model: [knn, softmax], size: [20, 100]}")
    output = run("--select", "+key:experiment_summary", environ=environ)
    # Assets above the partitions, the four partitions, and the asset below them.
    runs = re.findall(r"^Materializing (\d+ assets?)", output, re.MULTILINE)
    assert runs == ["3 assets", *["1 asset"] * 5]
    table = stored.read("experiment_summary")
    assert len(set(table["trial"])) == 4
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", environ["MNIST_PIPELINE_STORAGE"])
    sweep.write_text("- {model: knn, size: [20, 100, all]}")
    damaged = stored_key("experiment_trials", "knn-size_100-seed_0")
    stored.main_file(damaged).write_bytes(b"")
    advised = ("--changed", "--select", "experiment_trials")
    assert f"mnist-pipeline run {' '.join(advised)}" in command("verify", environ=environ).stderr
    output = run(*advised, environ=environ)
    succeed([*COMMAND, "verify"], PROJECT, environ)
    run("--changed", "--select", "experiment_summary", environ=environ)
    assert "knn-size_all-seed_0" in output
    assert "knn-size_100-seed_0" in output
    assert "knn-size_20-seed_0" not in output
    assert sorted(stored.read("experiment_summary")["size"]) == [20, 100, 1_833]


def test_a_sweep_that_is_not_valid_fails_in_one_line_and_everything_else_runs(environ):
    Path(environ["MNIST_PIPELINE_EXPERIMENTS"]).write_text("- {model: knn, size: 2}")
    refused = command("run", "--select", "+key:experiment_summary", environ=environ)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert environ["MNIST_PIPELINE_EXPERIMENTS"] in line
    assert "size" in line
    assert Storage(environ["MNIST_PIPELINE_STORAGE"]).keys() == [
        "raw_mnist",
        "test_digits",
        "train_digits",
    ]
