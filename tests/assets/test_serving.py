"""The recognizer changes with the champion, and stays with it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from mnist_pipeline.runtime.storage.contents import Content
from PIL import Image
from starlette.exceptions import HTTPException
from support.calls import call
from support.graph_fixtures import invoke, materialized
from support.values import data_version

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.models import MODELS
from mnist_pipeline.records import Network, Predictions
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG
from mnist_pipeline.runtime.storage import formats, storage
from mnist_pipeline.runtime.storage.storage import read
from mnist_pipeline.runtime.ui import draw
from mnist_pipeline.utils import stored_types

pytestmark = pytest.mark.usefixtures("finished")


def bias_in_service(**given: Any) -> np.ndarray:
    """A parameter of the convolutional network of the recognizer that is made from these values."""
    found: Recognizer = call("recognizer", **given).value
    return found.state("cnn")["conv1.bias"]


@pytest.fixture
def retrained() -> Network:
    """Another convolutional network."""
    network: Network = read("cnn_model")
    return network._replace(weights={name: weight + 1 for name, weight in network.weights.items()})


def test_the_stored_recognizer_answers_as_the_models_did_when_they_were_evaluated() -> None:
    stored: Recognizer = read("recognizer")
    for model in MODELS:
        answers = [found.digits[model] for found in stored.recognize(read("test_digits").images)]
        assert np.mean(answers == read(f"{model}_predictions").labels) >= 0.995
    for model in ("mlp", "cnn"):
        assert stored.state(model)["temperature"] == read(f"{model}_model").temperature


def test_with_a_new_champion_come_the_models_that_it_was_chosen_from(retrained: Network) -> None:
    np.testing.assert_array_equal(bias_in_service(cnn_model=retrained), retrained.weights["conv1.bias"])


def test_if_the_present_champion_stays_so_do_its_models(retrained: Network) -> None:
    present = read("champion")
    others = [(label + 1) % 10 for label in present.labels]  # its labels of the test images when it was chosen
    stays = dataclasses.replace(present, labels=others)
    found = bias_in_service(cnn_model=retrained, champion=stays)
    np.testing.assert_array_equal(found, read("cnn_model").weights["conv1.bias"])


def test_a_champion_is_chosen_on_held_out_digits_and_the_test_digits_only_report() -> None:
    labels, test = read("held_out_labels"), read("test_digits")
    guesses = read("mlp_predictions")._replace(labels=(test.labels + 1) % 10)
    found = call("champion", held_out_labels=labels.assign(mlp=labels["label"]), mlp_predictions=guesses)
    assert (found.value.model, found.value.choice.errors) == ("mlp", 0)
    assert found.value.errors == found.metadata["errors"] == len(test.labels)


def test_a_worse_challenger_leaves_the_present_champion_and_says_why() -> None:
    present, labels = read("champion"), read("held_out_labels")
    wrong = dict.fromkeys(MODELS, (labels["label"] + (labels.index % 3 == 0)) % 10)
    found = call("champion", held_out_labels=labels.assign(**wrong))
    assert found.value == present


def test_a_network_that_was_trained_on_all_digits_is_no_candidate() -> None:
    network: Network = read("cnn_model")
    nothing_held_out = network._replace(validation_accuracy=np.full_like(network.validation_accuracy, np.nan))
    labels = call("held_out_labels", cnn_model=nothing_held_out).value
    assert set(MODELS) - set(labels.columns) == {"cnn"}
    assert "cnn" not in call("champion", held_out_labels=labels).metadata["candidates"]


def test_no_model_was_trained_on_the_digits_that_the_champion_is_chosen_on() -> None:
    """With other labels of the held-out digits, every model gives them the same labels as before.

    A network that adapts chooses its recipe on them; with a fixed recipe they have no influence.
    """
    digits: DigitSet = read("train_digits")
    _, held_out = split(len(digits.labels))
    spoiled = digits.labels.copy()
    spoiled[held_out] = (spoiled[held_out] + 1) % 10
    for model, config in {"softmax": {}, "mlp": {"recipe": "fast"}, "cnn": {"recipe": "fast"}}.items():
        trained = [
            call(f"{model}_model", train_digits=digits._replace(labels=labels), config=config).value
            for labels in (digits.labels, spoiled)
        ]
        first, second = (call("held_out_labels", **{f"{model}_model": each}).value for each in trained)
        assert first[model].tolist() == second[model].tolist()


def _without_labels(old: Recognizer) -> Recognizer:
    return old._replace(states={name: array for name, array in old.states.items() if name != "knn.labels"})


def _smaller_network(old: Recognizer) -> Recognizer:
    return old._replace(states={**old.states, "cnn.conv1.weight": old.states["cnn.conv1.weight"][:16]})


# Recognizers of other versions: how today's is changed, and the format version that its file names.
UNUSABLE: dict[str, tuple[Callable[[Recognizer], Recognizer], int]] = {
    "another layout of the index": (_without_labels, 1),
    "another network": (_smaller_network, 1),
    "a later format": (lambda old: old, 99),
}


def _store_and_record(key: str, value: object) -> None:
    """Store a value as if its last run had computed it."""
    storage.current().write(key, value)
    _record(key, data_version(value))


def _record(key: str, version: str) -> None:
    """Let Dagster record a data version as if the last run of the asset had stored it."""
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(key))
        assert event is not None
        assert event.asset_materialization is not None
        tags = {**(event.asset_materialization.tags or {}), DATA_VERSION_TAG: version}
        instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_recognizer_of_another_version_is_reported_and_replaced(
    kind: str, own_copy: tuple[Path, Path], retrained: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, version = UNUSABLE[kind]
    # A champion without errors, which every challenger is worse than: only the stored recognizer answers as it does.
    true, present = read("held_out_labels")["label"].tolist(), read("champion")
    choice = dataclasses.replace(present.choice, errors=0, labels=true, best_labels=true)
    best = dataclasses.replace(present, labels=read("test_digits").labels.tolist(), choice=choice)
    _store_and_record("champion", best)
    changed = change(read("recognizer"))
    with monkeypatch.context() as patch:
        patch.setitem(stored_types._versions, "Recognizer", version)
        storage.current().write("recognizer", changed)
    picture = own_copy[0] / "digit.png"
    Image.fromarray(255 - np.pad(read("test_digits").images[0], 20)).save(picture)

    verified, predicted = invoke("verify", code=1), invoke("predict", str(picture), code=1)
    assert any("recognizer" in line and "unusable" in line for line in verified.splitlines())
    assert "run --changed" in predicted
    assert len(predicted.splitlines()) == 1
    with pytest.raises(HTTPException, match="run --changed") as refused:
        draw.Reader("recognizer").read(picture.read_bytes())
    assert refused.value.status_code == 503
    with pytest.raises(dg.Failure, match="key:champion or key:recognizer"):
        call("recognizer", cnn_model=retrained, champion=best)
    invoke("run", "--changed")
    assert "digit.png" in invoke("predict", str(picture))
    assert read("champion").errors > 0
    invoke("verify")


def test_a_step_refuses_an_input_that_it_can_not_use_in_one_line(own_copy: tuple[Path, Path]) -> None:
    model: Network = read("cnn_model")
    _store_and_record("cnn_model", model._replace(weights={**model.weights, "linear.bias": np.zeros(9, np.float32)}))
    assert "cnn_model: unusable" in " ".join(invoke("verify", code=1).replace("cnn_model ", "cnn_model:").split())
    output = invoke("run", "--select", "key:cnn_kernels", code=1)
    assert any(line.startswith("Error: cnn_kernels failed: cnn_model can't be used") for line in output.splitlines())


def test_a_value_that_is_recorded_and_can_not_be_used_is_rebuilt(own_copy: tuple[Path, Path]) -> None:
    recognizer, predictions = read("recognizer"), read("cnn_predictions")
    fewer = {**recognizer.states, "knn.images": recognizer.states["knn.images"][:100]}
    _store_and_record("recognizer", recognizer._replace(states=fewer))
    (writer,) = formats._encode_arrays({"probabilities": predictions.probabilities}, Predictions).values()
    content = Content.of(writer)
    version = content.entry.sha256
    storage.current().published.publish("cnn_predictions", version, {"assets/cnn_predictions.safetensors": content})
    _record("cnn_predictions", version)

    lines = invoke("verify", code=1).splitlines()
    assert {line.split()[0] for line in lines if "unusable: " in line} == {"recognizer", "cnn_predictions"}
    assert {"recognizer", "cnn_predictions"} <= materialized(invoke("run", "--changed"))
    np.testing.assert_array_equal(read("cnn_predictions").labels, predictions.labels)
    invoke("verify")
