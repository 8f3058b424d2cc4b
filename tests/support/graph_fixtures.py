"""Fixtures for tests of the graph: a slice of the real data, and one run of the whole graph over
it.

The run takes half a minute, and is kept under pytest's cache until the code changes. With
pytest-xdist, the first worker that needs it makes it, and the others use the same directory.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from filelock import FileLock

from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.project import PROJECT
from mnist_pipeline.runtime.storage.storage import Storage
from support.idx import write_idx

# What the finished run depends on.
SOURCES = ("mnist_pipeline", "assets", "tests/support/graph_fixtures.py", "tests/support/idx.py")


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> tuple[Path, Any]:
    """A directory that one worker of pytest-xdist fills, and what `make` returned, which must be
    JSON.
    """
    base = factory.getbasetemp()
    root = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    directory, record = root / name, root / f"{name}.json"
    with FileLock(root / f"{name}.lock"):
        if not record.exists():
            directory.mkdir()
            record.write_text(json.dumps(make(directory)))
    return directory, json.loads(record.read_text())


@pytest.fixture(scope="session")
def slice_directory(small_train, small_test, tmp_path_factory) -> Path:
    """The first 2,000 training and 500 test digits as a data directory."""
    return made_once(
        tmp_path_factory, "slice", lambda path: str(write_idx(path, small_train, small_test))
    )[0]


@pytest.fixture
def storage(slice_directory, tmp_path, monkeypatch) -> Path:
    """An empty storage directory, which the environment names together with the slice."""
    set_environment(monkeypatch, slice_directory, tmp_path / "storage")
    return tmp_path / "storage"


@pytest.fixture(scope="session")
def finished_run(slice_directory, tmp_path_factory, request) -> tuple[str, Path]:
    """Output of `mnist-pipeline run` over the slice, and its storage, which tests must not write
    to.
    """

    def make(directory: Path) -> str:
        config = networks_config(directory.with_name("finished.yaml"), recipe="NOTEBOOK")
        return invoke("run", "--config", config, env=environment(slice_directory, directory))

    cache = getattr(request.config, "cache", None)  # absent with `-p no:cacheprovider`
    once = kept(cache.mkdir("finished_run"), make) if cache else make
    directory, output = made_once(tmp_path_factory, "finished", once)
    return output, directory


def kept(directory: Path, make: Callable[[Path], str]) -> Callable[[Path], str]:
    """A function that fills a storage like `make`, which is called only if `directory` does not
    have what it made from the present sources.

    Tests get a copy, so that no test can spoil the next call of pytest.
    """

    def copied(storage: Path) -> str:
        with FileLock(directory / "lock"):
            if not (entry := directory / checksum_of_sources()).exists():
                shutil.rmtree(unfinished := directory / "unfinished", ignore_errors=True)
                output = make(storage)
                copy_storage(storage, unfinished / "storage")
                (unfinished / "output").write_text(output.replace(str(storage), "STORAGE"))
                for former in directory.iterdir():
                    if former.is_dir() and former != unfinished:
                        shutil.rmtree(former)
                unfinished.rename(entry)
                return output
            copy_storage(entry / "storage", storage)
            return (entry / "output").read_text().replace("STORAGE", str(storage))

    return copied


def checksum_of_sources() -> str:
    """The checksum of everything that a run depends on."""
    kernels = os.environ.get("OPENBLAS_CORETYPE", "")  # others round differently
    found = hashlib.sha256(f"{sys.version} {kernels}".encode())
    paths = [PROJECT / name for name in SOURCES]
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    for file in sorted(file for file in files if "__pycache__" not in file.parts):
        found.update(f"{file.relative_to(PROJECT)} {file.stat().st_size}\n".encode())
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def networks_config(file: Path, **settings: Any) -> str:
    """Write a run configuration with these settings of both networks; return the name of the file.

    With the recipe "NOTEBOOK", the networks do not choose their recipes.
    """
    file.write_text(
        json.dumps({"ops": {f"{name}_model": {"config": settings} for name in ("mlp", "cnn")}})
    )
    return str(file)


def copy_storage(source: Path, target: Path) -> Path:
    """Copy a storage that other processes read, for which SQLite makes and deletes files next to
    its databases.
    """
    ignored = shutil.ignore_patterns("*.db-wal", "*.db-shm")
    return Path(shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True))


@pytest.fixture
def own_copy(finished_run, slice_directory, tmp_path, monkeypatch) -> tuple[Path, Path]:
    """Copies of the slice and of the storage of the finished run, which the environment names, to
    be damaged.
    """
    data, storage = tmp_path / "data", tmp_path / "storage"
    shutil.copytree(slice_directory, data)
    copy_storage(finished_run[1], storage)
    set_environment(monkeypatch, data, storage)
    return data, storage


@pytest.fixture
def finished(finished_run, slice_directory, monkeypatch) -> Path:
    """The storage of the finished run, which the environment names."""
    _, directory = finished_run
    set_environment(monkeypatch, slice_directory, directory)
    return directory


@pytest.fixture(scope="session")
def able_storage(finished_run, train, tmp_path_factory) -> Path:
    """The recognizer of the finished run, in which k-NN over all digits is the champion."""

    def make(directory: Path) -> None:
        recognizer = Storage(str(finished_run[1])).read("recognizer")
        settings = {"num_neighbors": 3}
        knn = MODELS["knn"].method().fit(train, settings, seed=0, kind=MNIST.kind)
        able = recognizer._replace(champion="knn", models={**recognizer.models, "knn": knn})
        Storage(str(directory)).write("recognizer", able)

    return made_once(tmp_path_factory, "able", make)[0]


@pytest.fixture
def able(able_storage, monkeypatch) -> Path:
    """The storage of the able recognizer, which the environment names."""
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(able_storage))
    return able_storage


@pytest.fixture
def instance() -> Iterator[Any]:
    """A Dagster instance in memory, where a run takes a fifth of its time on disk.

    Functions of Dagster enter its context, which can't be nested: other tests would find the
    instance that has ended.
    """
    import dagster as dg  # takes a second, and most tests need none

    instance = dg.DagsterInstance.ephemeral()
    yield instance
    instance.dispose()


@pytest.fixture
def instance_on_disk(tmp_path_factory) -> Iterator[Any]:
    """A Dagster instance that schedules can open."""
    import dagster as dg

    instance = dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("instance")))
    yield instance
    instance.dispose()


@pytest.fixture
def without_drawing(request, monkeypatch) -> None:
    """Drawing takes most of the time of a report, and has its own tests; the charts whose names are
    the parameter are drawn.
    """
    from mnist_pipeline.report import figures  # imports Matplotlib

    drawn, svg = getattr(request, "param", ()), figures.svg
    monkeypatch.setattr(
        figures,
        "svg",
        lambda figure, name: svg(figure, name) if name in drawn else "<svg></svg>",
    )


def invoke(*arguments: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    """Run a command in this process; return its output."""
    result = CliRunner().invoke(cli.main, arguments, env=env)
    assert result.exit_code == code, result.output
    return result.output


def names(keys: Iterable[Any]) -> set[str]:
    """The keys of assets as texts."""
    return {key.to_user_string() for key in keys}


def requests(definitions: Any, instance: Any) -> Callable[[], set[str]]:
    """A function that returns the assets that automation requests at its next tick."""
    import dagster as dg

    cursor = None

    def tick() -> set[str]:
        nonlocal cursor
        found = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor)
        cursor = found.cursor
        keys = definitions.resolve_asset_graph().get_all_asset_keys()
        return names(key for key in keys if found.get_num_requested(key))

    return tick


def materialized(output: str) -> set[str]:
    """The assets in the lines of an output that report a time in seconds."""
    from mnist_pipeline.runtime import project  # imports Dagster

    keys = names(project.graph().resolve_asset_graph().materializable_asset_keys)
    rows = (line.split() for line in output.splitlines())
    return {row[0] for row in rows if row and row[0] in keys and "s" in row}


def environment(data: Path, storage: Path) -> dict[str, str]:
    """The settings that point at a data and a storage directory."""
    return {
        "MNIST_PIPELINE_DATA": str(data),
        "MNIST_PIPELINE_STORAGE": str(storage),
        "DAGSTER_HOME": str(storage / "dagster"),
    }


def set_environment(monkeypatch: pytest.MonkeyPatch, data: Path, storage: Path) -> None:
    """Set these settings for a test."""
    for name, value in environment(data, storage).items():
        monkeypatch.setenv(name, value)
