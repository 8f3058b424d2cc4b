"""`history` and `restore` in a storage with two champions."""

import dataclasses

import numpy as np
import pytest
from support.graph_fixtures import invoke, materialized

from mnist_pipeline.cli.history import ModelVersion, model_versions
from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage.storage import Storage, current


@pytest.fixture
def storage_of_two(own_copy) -> Storage:
    """A copy of the finished run, after which another softmax regression became the champion."""
    stored = Storage(str(own_copy[1]))
    digits, former = stored.read("test_digits"), stored.read("softmax_predictions")
    halves = digits.labels[:250], former.labels[250:]
    predictions = former._replace(labels=np.concatenate(halves))
    version = stored.write("softmax_predictions", predictions)
    evaluation = scores.evaluate(digits.labels, *predictions[:2])
    metadata = {"model": "softmax", "version": version, "accuracy": evaluation.accuracy}
    inputs = {"softmax_predictions": version}
    stored.write("softmax_evaluation", evaluation, {"inputs": inputs, "metadata": metadata})
    champion = dataclasses.replace(
        stored.read("champion"),
        model="softmax",
        model_version=version,
        labels=predictions.labels.tolist(),
    )
    inputs = {"champion": stored.write("champion", champion, {"metadata": metadata})}
    recognizer = stored.read("recognizer")._replace(champion=np.frombuffer(b"softmax", np.uint8))
    stored.write("recognizer", recognizer, {"inputs": inputs, "metadata": {}})
    return stored


def versions(model: str | None = None) -> list[ModelVersion]:
    found = model_versions(current())
    return [version for version in found if model in (None, version.model)]


def test_every_version_of_a_model_is_listed_with_its_result(storage_of_two):
    newest, oldest = versions("softmax")
    assert newest.version == storage_of_two.current("softmax_predictions")
    assert newest.time > oldest.time
    wrong = (
        storage_of_two.read("softmax_predictions").labels
        != storage_of_two.read("test_digits").labels
    )
    assert newest.accuracy == 1 - np.mean(wrong)
    assert {version.model for version in versions()} == set(MODELS)
    listed = invoke("history").splitlines()
    (served,) = [line for line in listed if line.endswith("in service")]
    assert served.startswith(storage_of_two.read("champion").model_version[:12])


def test_a_former_champion_is_put_back_into_service(storage_of_two):
    first, second = (
        storage_of_two.read("champion", version) for version in storage_of_two.records("champion")
    )
    assert storage_of_two.read("champion") == second
    invoke("restore", first.model_version[:12])
    assert storage_of_two.read("champion") == first
    assert storage_of_two.read("recognizer").champion.tobytes().decode() == first.model
    (served,) = [each for each in versions() if each.in_service]
    assert served.version == first.model_version


@pytest.mark.slow
def test_after_a_restore_only_the_report_is_out_of_date(own_copy):
    stored = Storage(str(own_copy[1]))
    former = stored.read("champion")
    invoke("run", "--select", "key:cnn_model+")  # with a better recipe
    assert stored.read("champion") != former
    invoke("restore", former.model_version)
    again = materialized(invoke("run", "--changed"))
    assert "evaluation_report" in again
    assert not {"champion", "recognizer"} & again
    assert materialized(invoke("run", "--changed")) == set()


@pytest.mark.parametrize("name", ["", "ffff"])
def test_a_name_that_begins_no_version_is_answered_with_all_versions(name, storage_of_two):
    refused = invoke("restore", name, code=1)
    assert all(version.version[:12] in refused for version in versions())


def test_a_model_that_never_served_predictions_is_not_restored(storage_of_two):
    never = next(each for each in versions() if not each.champion)
    before = storage_of_two.current("champion")
    assert never.version[:12] in invoke("restore", never.version, code=1)
    assert storage_of_two.current("champion") == before


def test_a_damaged_recognizer_is_not_restored(storage_of_two):
    former, present = storage_of_two.records("champion")
    name = storage_of_two.read("champion", former).model_version
    (recognizer, _) = storage_of_two.records("recognizer")
    storage_of_two.main_file("recognizer", recognizer).write_bytes(b"")
    assert recognizer in invoke("restore", name, code=1)
    assert storage_of_two.current("champion") == present


def test_a_damaged_record_is_left_out(storage_of_two):
    evaluation, _ = storage_of_two.records("softmax_evaluation")
    (record,) = (storage_of_two.path / "softmax_evaluation" / evaluation / "runs").iterdir()
    record.write_text(record.read_text().replace('"accuracy": 0', '"accuracy": 1'))
    assert len(versions("softmax")) == 1


def test_versions_are_listed_after_a_run_that_was_killed_before_its_champion_was_current(storage):
    stored = Storage(str(storage))
    metadata = {"version": "5d3f", "model": "cnn", "accuracy": 0.5}
    stored.write("champion", np.zeros(3), {"inputs": {}, "metadata": metadata})
    (version,) = versions()
    assert (version.version, version.in_service) == ("5d3f", True)
    (storage / "champion" / "current").unlink()
    (version,) = versions()
    assert not version.in_service
