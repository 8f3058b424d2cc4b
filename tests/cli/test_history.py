"""`history`, `compare`, `restore`, `lineage` and `verify` after two runs with different
settings.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graph_fixtures import copy_storage, environment, invoke, made_once, materialized

from assets.definitions import defs
from mnist_pipeline.data.records import DataSet, DigitSet, Predictions, RawData, RawFile
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.results import STORAGE
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import Storage


@pytest.fixture(scope="module")
def two_runs(
    finished_run: tuple[Any, Path], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A storage after a second run, whose network has a better recipe and became the
    champion.
    """

    def make(directory: Path) -> None:
        storage = copy_storage(finished_run[1], directory / "storage")
        file = directory / "run.yaml"
        file.write_text(
            "ops: {softmax_model: {config: {epochs: 3}}}\nresources: {seed: {config: {value: 1}}}"
        )
        variables = environment(slice_directory, storage)
        invoke(
            "run",
            "--select",
            "key:softmax_model+ or key:cnn_model+",
            "--config",
            str(file),
            env=variables,
        )

    return made_once(tmp_path_factory, "two-runs", make)[0] / "storage"


@pytest.fixture
def storage_of_two(
    two_runs: Path, slice_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    for name, value in environment(
        slice_directory, copy_storage(two_runs, tmp_path / "own")
    ).items():
        monkeypatch.setenv(name, value)
    return Storage(str(tmp_path / "own"))


def versions(model: str = "") -> list[dict[str, Any]]:
    return list(json.loads(invoke("history", *filter(None, [model]), "--json")))


def test_every_version_of_a_model_is_listed_with_its_result(storage_of_two: Storage) -> None:
    newest, oldest = versions("softmax")
    assert (newest["present"], oldest["present"]) == (True, False)
    assert newest["version"] == storage_of_two.current("softmax_predictions")
    epochs = [version["configuration"]["softmax_model.epochs"] for version in (newest, oldest)]
    assert epochs == [3, 20]
    wrong = (
        storage_of_two.read("softmax_predictions").labels
        != storage_of_two.read("test_digits").labels
    )
    assert newest["errors"] == np.count_nonzero(wrong)
    assert {version["model"] for version in versions()} == set(MODELS)
    assert len(invoke("history").splitlines()) == len(versions()) + 3
    assert "softmax" in invoke("history", "softmaks", code=1)
    (storage_of_two.path / "softmax_predictions" / "current").unlink()  # as if a run was killed
    assert [version["present"] for version in versions("softmax")] == [False, False]


def test_two_versions_or_runs_are_compared_image_by_image(storage_of_two: Storage) -> None:
    after, before = versions("softmax")
    names = [version["version"][:12] for version in (before, after)]
    compared = json.loads(invoke("compare", *names, "--json"))
    (pair,) = compared["models"]
    old, new = (
        storage_of_two.read("softmax_predictions", version["version"]).labels
        for version in (before, after)
    )
    true = storage_of_two.read("test_digits").labels
    assert pair["fixed"] == np.count_nonzero((old != true) & (new == true))
    changed = {change["name"] for change in compared["configuration"]}
    assert changed == {"softmax_model.epochs", "softmax_model.seed"}
    assert "softmax_model.epochs" in invoke("compare", before["run"][:8], after["run"][:8])
    assert "version" in invoke("compare", "ffff", "eeee", code=1)


def test_runs_on_sets_that_overlap_are_compared_on_the_images_that_both_have(
    train: DigitSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Storage(str(tmp_path / "storage"))
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", stored.root)
    monkeypatch.setattr(storage, "DAY_SECONDS", -1)  # every value is old enough to be deleted

    def write(run: str, asset: str, value: object, **inputs: str) -> str:
        version = stored.write(asset, value, {"run": run, "inputs": inputs})
        stored.prune(asset, defs.resources[STORAGE].keep)
        return version

    for run, rows in (("run1", slice(12)), ("run2", slice(2, 16))):
        test = DigitSet(train.images[rows], train.labels[rows])
        raw = write(run, "raw_mnist", RawData((RawFile(run, 1, run),), DataSet()))
        test_set = write(run, "test_digits", test, raw_mnist=raw)
        predictions = Predictions(test.labels, np.eye(10, dtype=np.float32)[test.labels])
        answers = write(run, "knn_predictions", predictions, test_digits=test_set)
        write(run, "knn_evaluation", test.labels, knn_predictions=answers, raw_mnist=raw)
    shown = invoke("compare", "run1", "run2")
    assert "on the 10 test images that both have, of 12 and 14" in shown


def test_a_former_champion_is_put_back_into_service(storage_of_two: Storage) -> None:
    first, second = (
        storage_of_two.read("champion", version) for version in storage_of_two.records("champion")
    )
    assert storage_of_two.read("champion") == second
    invoke("restore", first.model_version[:12])
    assert storage_of_two.read("champion") == first
    assert storage_of_two.read("recognizer").champion.tobytes().decode() == first.model
    (served,) = [each for each in versions() if each["in_service"]]
    assert served["version"] == first.model_version
    again = materialized(invoke("run", "--changed"))
    assert "evaluation_report" in again
    assert not {"champion", "recognizer"} & again
    assert materialized(invoke("run", "--changed")) == set()
    never = next(each for each in versions() if not each["champion"])
    assert "recognizer" in invoke("restore", never["version"], code=1)


def test_lineage_leads_to_the_checksums_of_the_raw_files(
    storage_of_two: Storage, slice_directory: Path
) -> None:
    output = invoke("lineage", "evaluation_report")
    for file in slice_directory.iterdir():
        assert hashlib.sha256(file.read_bytes()).hexdigest() in output
    names = [
        line.split()[0]
        for line in output.splitlines()
        if line.startswith("  ") and len(line.split()) > 2
    ]
    assert names[1] == "raw_mnist"
    assert names[-1] == "evaluation_report"
    assert storage_of_two.current("cnn_model")[:16] in output
    assert "covariance" in invoke("lineage", "covarience", code=1)


def test_a_damaged_record_is_skipped_and_verify_says_to_delete_it_or_a_damaged_former_version(
    storage_of_two: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    former, _ = storage_of_two.records("softmax_model")
    path = storage_of_two.main_file("softmax_model", former)
    path.write_bytes(b"")
    evaluation, _ = storage_of_two.records("softmax_evaluation")
    (record,) = (storage_of_two.path / "softmax_evaluation" / evaluation / "runs").iterdir()
    record.write_text(record.read_text().replace('"accuracy": 0', '"accuracy": 1'))
    newest, oldest = versions("softmax")
    assert newest["accuracy"] is not None
    assert oldest["accuracy"] is None
    assert "no evaluation" in invoke("history", "softmax")
    assert str(record) in caplog.text
    invoke("compare", oldest["version"], newest["version"])
    advice = invoke("verify", code=1)
    assert f"delete {path.parent}, and delete {record}" in advice
    shutil.rmtree(path.parent)
    record.unlink()
    invoke("verify")
