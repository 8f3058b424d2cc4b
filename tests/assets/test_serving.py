"""The champion is chosen on held-out digits, and the recognizer changes and stays with it."""

import dataclasses
from typing import Any

import dagster as dg
import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.data.held_out import split
from mnist_pipeline.data.records import DigitSet, Network
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.resources import StoredResults
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def bias_in_service(**given: Any) -> np.ndarray:
    """A parameter of the convolutional network of the recognizer that is made from these values."""
    return call("recognizer", **given).value.state("cnn")["conv1.bias"]


@pytest.fixture
def retrained() -> Network:
    """Another convolutional network."""
    network: Network = read("cnn_model")
    return network._replace(weights={name: weight + 1 for name, weight in network.weights.items()})


def test_a_new_champion_brings_its_models_and_a_champion_that_stays_keeps_its_own(
    retrained: Network,
) -> None:
    np.testing.assert_array_equal(
        bias_in_service(cnn_model=retrained), retrained.weights["conv1.bias"]
    )
    present = read("champion")
    stays = dataclasses.replace(present, labels=[(label + 1) % 10 for label in present.labels])
    found = bias_in_service(cnn_model=retrained, champion=stays)
    np.testing.assert_array_equal(found, read("cnn_model").weights["conv1.bias"])


def test_without_a_stored_recognizer_the_champion_is_chosen_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    present, labels = read("champion"), read("held_out_labels")
    worse = labels.assign(**dict.fromkeys(MODELS, (labels["label"] + (labels.index % 3 == 0)) % 10))
    assert call("champion", held_out_labels=worse).value == present
    stored = {"champion": present, "recognizer": None}
    monkeypatch.setattr(StoredResults, "previous", lambda self, key, **_: stored[key])
    assert call("champion", held_out_labels=worse).value.choice.errors > present.choice.errors
    replaced = dataclasses.replace(present, labels=[(label + 1) % 10 for label in present.labels])
    with pytest.raises(dg.Failure, match="key:champion or key:recognizer"):
        call("recognizer", champion=replaced)


def test_no_model_was_trained_on_the_digits_that_the_champion_is_chosen_on() -> None:
    """With other labels of the held-out digits, every model gives them the same labels as before.

    A network that adapts chooses its recipe on them; with a fixed recipe they have no influence.
    """
    digits: DigitSet = read("train_digits")
    _, held_out = split(len(digits.labels))
    spoiled = digits.labels.copy()
    spoiled[held_out] = (spoiled[held_out] + 1) % 10
    for model, config in {
        "softmax": {},
        "mlp": {"recipe": "fast"},
        "cnn": {"recipe": "fast"},
    }.items():
        trained = [
            call(f"{model}_model", train_digits=digits._replace(labels=labels), config=config).value
            for labels in (digits.labels, spoiled)
        ]
        first, second = (
            call("held_out_labels", **{f"{model}_model": each}).value for each in trained
        )
        assert first[model].tolist() == second[model].tolist()
