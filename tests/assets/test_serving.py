"""The recognizer changes with the champion, and stays with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.records import Network
from mnist_pipeline.runtime.storage.storage import read

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
        answers = [said.digits[model] for said in stored.recognize(read("test_digits").images)]
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
