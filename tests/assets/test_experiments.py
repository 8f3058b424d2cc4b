"""Experiments in the graph: a sweep on a slice, what another sweep reuses, and what a killed run leaves."""

import shutil
from pathlib import Path

import pytest
from support.calls import call
from support.servers import command, data_versions, variables

from mnist_pipeline.cli import selection
from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.evaluation.experiments import Trial
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow
DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"
GROUP = "group:experiments"
SWEEP = """
- {model: [knn, softmax, mlp], size: [20, 100], seed: [0, 1]}
"""
OTHER_SWEEP = """
- {model: knn, size: [20, 100, all]}
"""


@pytest.fixture(scope="module")
def made(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of a run of a sweep, and its directory, which tests must not write to."""
    directory = tmp_path_factory.mktemp("experiments")
    (directory / "sweep.yaml").write_text(SWEEP)
    environ = _environment(slice_directory, directory)
    return (run("--select", DIGITS, environ=environ), run("--select", GROUP, environ=environ))[1], directory


@pytest.fixture
def environ(made: tuple[str, Path], slice_directory: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a command with a copy of that directory."""
    shutil.copytree(made[1], tmp_path / "copy")
    return _environment(slice_directory, tmp_path / "copy")


def _environment(data: Path, directory: Path) -> dict[str, str]:
    return variables(data, directory / "storage", MNIST_PIPELINE_EXPERIMENTS=str(directory / "sweep.yaml"))


def run(*arguments: str, environ: dict[str, str]) -> str:
    ended = command("run", *arguments, environ=environ)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_trials_come_before_their_summary_and_by_default_none_is_run(made: tuple[str, Path]) -> None:
    lines = [line for line in made[0].splitlines() if line.startswith("Materializing")]
    assert lines == ["Materializing experiment_trials of 12 shards", "Materializing 1 asset"]
    assert made[0].count(" experiment_trials\n") == 12
    names = {key.to_user_string() for key in selection.select_assets("*")}
    everything = definitions().resolve_job_def("everything").asset_layer.executable_asset_keys
    assert not any(name.startswith("experiment") for name in names | {key.to_user_string() for key in everything})


def test_the_summary_has_a_row_for_each_trial(made: tuple[str, Path]) -> None:
    table = Storage(str(made[1] / "storage")).read("experiment_summary")
    assert len(table) == len(set(table["trial"])) == 12
    assert table["held_out_accuracy"].is_monotonic_decreasing
    assert table["verdict"].iloc[0] == experiments.BEST
    assert [curve.sizes for curve in experiments.curves(table)] == [[20, 100]] * 3


@pytest.mark.parametrize("model", ["knn", "softmax", "mlp"])
def test_a_trial_with_all_images_is_the_pipelines_own_model(
    model: str, finished: Path, small_train: DigitSet, small_test: DigitSet
) -> None:
    settings = {name: each.default for name, each in MODELS[model].settings.items()}
    if model == "mlp":
        settings["recipe"] = "fast"  # the default adapts
    found = experiments.run(Trial(model, None, settings=settings), small_train, small_test)
    held_out = Storage(str(finished)).read("held_out_labels")
    if model == "mlp":
        own = call("mlp_model", train_digits=small_train, config={"recipe": "fast"}).value
        held_out = call("held_out_labels", mlp_model=own).value
    if model != "knn":  # its predictions search the held-out images too
        assert found["held_out"].tolist() == held_out[model].tolist()
    assert len(found["held_out"]) == 167


def test_another_sweep_reuses_the_trials_that_it_shares(environ: dict[str, str]) -> None:
    Path(environ["MNIST_PIPELINE_EXPERIMENTS"]).write_text(OTHER_SWEEP)
    output = run("--select", GROUP, "--changed", environ=environ)
    assert "experiment_trials of 1 shards" in output
    assert "knn-size_all-seed_0" in output
    table = Storage(environ["MNIST_PIPELINE_STORAGE"]).read("experiment_summary")
    assert sorted(table["size"]) == [20, 100, 1_833]
    Path(environ["MNIST_PIPELINE_EXPERIMENTS"]).write_text(SWEEP)
    assert "experiment_trials" not in run("--select", GROUP, "--changed", environ=environ)
    assert "Materializing" not in run("--select", GROUP, "--changed", environ=environ)


def test_a_sweep_that_is_not_valid_runs_nothing_and_names_the_setting(environ: dict[str, str]) -> None:
    Path(environ["MNIST_PIPELINE_EXPERIMENTS"]).write_text("- {model: knn, size: 2000}")
    before = data_versions(Path(environ["MNIST_PIPELINE_STORAGE"]))
    refused = command("run", "--select", GROUP, environ=environ)
    assert refused.returncode == 1
    (line,) = refused.stderr.splitlines()
    assert "MNIST_PIPELINE_EXPERIMENTS" in line
    assert "size is 2,000" in line
    assert data_versions(Path(environ["MNIST_PIPELINE_STORAGE"])) == before
