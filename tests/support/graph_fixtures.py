"""What the tests of the graph share: a slice of the real data, and one run of the whole graph over it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.runtime.storage.storage import Storage
from support.idx import write_idx


@pytest.fixture(scope="session")
def slice_directory(small_train: DigitSet, small_test: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 2,000 training and 500 test digits as a data directory."""
    return write_idx(tmp_path_factory.mktemp("slice"), small_train, small_test)


@pytest.fixture
def storage(slice_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty storage directory, which the environment names beside the slice."""
    _set(monkeypatch, environment(slice_directory, tmp_path / "storage"))
    return tmp_path / "storage"


@pytest.fixture(scope="session")
def finished_run(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What `mnist-pipeline run` over the slice printed, and the storage it filled; not to be written to."""
    directory = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as monkeypatch:
        _set(monkeypatch, environment(slice_directory, directory))
        return CliRunner().invoke(cli.main, ["run"]), directory


@pytest.fixture
def own_copy(
    finished_run: tuple[Result, Path], slice_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """Copies of the slice and of the storage of the finished run, which the environment names, to be damaged."""
    data, storage = tmp_path / "data", tmp_path / "storage"
    shutil.copytree(slice_directory, data)
    shutil.copytree(finished_run[1], storage)
    _set(monkeypatch, environment(data, storage))
    return data, storage


@pytest.fixture
def finished(finished_run: tuple[Result, Path], slice_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The storage of the finished run, which the environment names."""
    result, directory = finished_run
    assert result.exit_code == 0, result.output
    _set(monkeypatch, environment(slice_directory, directory))
    return directory


@pytest.fixture(scope="session")
def able_storage(finished_run: tuple[Result, Path], train: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage that holds but a recognizer: that of the finished run, except that k-NN over all digits answers."""
    recognizer = Storage(str(finished_run[1])).read("recognizer")
    knn = KNNClassifier().fit(train.images, train.labels).to_arrays()
    directory = tmp_path_factory.mktemp("able")
    able = recognizer.with_champion("knn").with_state("knn", {**recognizer.state("knn"), **knn})
    Storage(str(directory)).write("recognizer", able)
    return directory


@pytest.fixture
def able(able_storage: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The storage of the able recognizer, which the environment names."""
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(able_storage))
    return able_storage


def environment(data: Path, storage: Path) -> dict[str, str]:
    """The settings that point at a data and a storage directory."""
    return {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        "DAGSTER_HOME": str(storage / "dagster"),
    }


def _set(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
