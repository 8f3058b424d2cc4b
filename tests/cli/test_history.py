"""`history` and `restore` in a storage with two champions."""

import dataclasses
import shutil

import dagster as dg
import numpy as np
import pytest
from support.graph_fixtures import invoke, materialized

from assets.definitions import defs
from mnist_pipeline.cli.history import ModelVersion, model_versions
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.evaluation import scores
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.event_log import (
    DATA_VERSION_TAG,
    INPUT_VERSION_TAG,
    VERSION,
    latest,
)
from mnist_pipeline.runtime.graph.staleness import due_assets
from mnist_pipeline.runtime.storage.storage import Storage, default_storage

SERVING = ("champion", "recognizer")


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
    # The first champion served with two recognizers.
    recognizer, inputs = stored.read("recognizer"), {"champion": stored.current_version("champion")}
    renamed = recognizer.of(DataSet(noun="letter"))
    stored.write("recognizer", renamed, {"inputs": inputs, "metadata": {}})
    champion = dataclasses.replace(
        stored.read("champion"),
        model="softmax",
        model_version=version,
        labels=predictions.labels.tolist(),
    )
    inputs = {"champion": stored.write("champion", champion, {"metadata": metadata})}
    served = recognizer._replace(champion="softmax")
    stored.write("recognizer", served, {"inputs": inputs, "metadata": {}})
    with dg.DagsterInstance.get() as instance:
        for asset in SERVING:
            version = stored.current_version(asset)
            tags = latest(instance, [dg.AssetKey(asset)])[dg.AssetKey(asset)].tags
            tags = {**tags, DATA_VERSION_TAG: version}
            if asset == "recognizer":
                tags[INPUT_VERSION_TAG.format("champion")] = inputs["champion"]
            event = dg.AssetMaterialization(asset, metadata={VERSION: version}, tags=tags)
            instance.report_runless_asset_event(event)
    return stored


def versions(model: str | None = None) -> list[ModelVersion]:
    found = model_versions(default_storage())
    return [version for version in found if model in (None, version.model)]


def test_every_version_of_a_model_is_listed_with_its_result(storage_of_two):
    newest, oldest = versions("softmax")
    assert newest.version == storage_of_two.current_version("softmax_predictions")
    assert newest.time > oldest.time
    evaluated = storage_of_two.origin("softmax_evaluation")["time"]  # before it became champion
    assert newest.time.timestamp() == pytest.approx(evaluated, rel=0, abs=1e-5)
    wrong = (
        storage_of_two.read("softmax_predictions").labels
        != storage_of_two.read("test_digits").labels
    )
    assert newest.accuracy == 1 - np.mean(wrong)
    assert {version.model for version in versions()} == set(MODELS)
    listed = invoke("history").splitlines()
    (served,) = [line for line in listed if line.endswith("in service")]
    assert served.startswith(storage_of_two.read("champion").model_version[:12])
    former, _ = storage_of_two.records("champion")
    (marked,) = [line for line in listed if line.endswith("former champion")]
    assert marked.startswith(storage_of_two.read("champion", former).model_version[:12])


def test_a_former_champion_is_put_back_into_service(storage_of_two):
    first, second = (
        storage_of_two.read("champion", version) for version in storage_of_two.records("champion")
    )
    assert storage_of_two.read("champion") == second
    invoke("restore", first.model_version[:12])
    assert storage_of_two.read("champion") == first
    assert storage_of_two.read("recognizer").champion == first.model
    (served,) = [each for each in versions() if each.in_service]
    assert served.version == first.model_version
    assert storage_of_two.read("recognizer").known.noun == "letter"  # the last of the two
    # Dagster's records agree, and neither asset is stale.
    with dg.DagsterInstance.get() as instance:
        keys = [dg.AssetKey(asset) for asset in SERVING]
        for key, recorded in latest(instance, keys).items():
            assert recorded.version == storage_of_two.current_version(key.path[-1])
        assert not due_assets(instance, defs, set(keys))


@pytest.mark.slow
@pytest.mark.usefixtures("without_drawing")
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


def test_a_champion_is_listed_without_its_evaluation_and_no_model_is_one_line(storage_of_two):
    shutil.rmtree(storage_of_two.path / "softmax_evaluation")
    (served,) = [each for each in versions() if each.in_service]
    assert (served.model, served.version) == (
        "softmax",
        storage_of_two.current_version("softmax_predictions"),
    )
    shutil.rmtree(storage_of_two.path)
    assert "none: mnist-pipeline run" in invoke("history")


@pytest.mark.parametrize("name", ["", "ffff"])
def test_a_name_that_begins_no_version_is_answered_with_all_versions(name, storage_of_two):
    refused = invoke("restore", name, code=1)
    assert all(version.version[:12] in refused for version in versions())


def test_no_name_names_no_version_not_even_the_only_one(storage_of_two):
    former, present = storage_of_two.records("champion")
    shutil.rmtree(storage_of_two.path / "champion" / former)
    for model in MODELS.values():
        shutil.rmtree(storage_of_two.path / model.evaluation_asset)
    (only,) = versions()
    assert only.champion == present
    invoke("restore", "", code=1)
    invoke("restore", only.version[:4])


def test_a_model_that_never_served_predictions_is_not_restored(storage_of_two):
    never = next(each for each in versions() if not each.champion)
    before = storage_of_two.current_version("champion")
    assert never.version[:12] in invoke("restore", never.version, code=1)
    assert storage_of_two.current_version("champion") == before


def test_a_damaged_recognizer_is_not_restored(storage_of_two):
    former, present = storage_of_two.records("champion")
    name = storage_of_two.read("champion", former).model_version
    _, recognizer, _ = storage_of_two.records("recognizer")  # the last of the former champion
    storage_of_two.main_file("recognizer", recognizer).write_bytes(b"")
    assert recognizer in invoke("restore", name, code=1)
    assert storage_of_two.current_version("champion") == present


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
