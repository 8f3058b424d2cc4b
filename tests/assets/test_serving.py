"""The recognizer changes with the champion, and stays with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image
from support.calls import call
from support.graph_fixtures import invoke

from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.records import Network
from mnist_pipeline.runtime.storage import storage
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


def test_a_recognizer_of_another_version_is_reported_and_replaced(
    own_copy: tuple[Path, Path], retrained: Network
) -> None:
    stored, champion = storage.current(), read("champion")
    old: Recognizer = read("recognizer")
    states = {name: array for name, array in old.states.items() if name != "knn.labels"}
    stored.write("recognizer", old._replace(states=states))
    # A champion without errors, which every challenger is worse than.
    best = dataclasses.replace(champion, labels=read("test_digits").labels.tolist(), errors=0, accuracy=1.0)
    stored.write("champion", best)
    picture = own_copy[0] / "digit.png"
    Image.fromarray(255 - np.pad(read("test_digits").images[0], 20)).save(picture)

    verified, predicted = invoke("verify", code=1), invoke("predict", str(picture), code=1)
    assert any("recognizer" in line and "unusable" in line for line in verified.splitlines())
    assert "run --changed" in predicted
    assert len(predicted.splitlines()) == 1
    with pytest.raises(dg.Failure, match="key:champion or key:recognizer"):
        call("recognizer", cnn_model=retrained, champion=best)
    invoke("run", "--select", "key:champion or key:recognizer")
    assert "digit.png" in invoke("predict", str(picture))
    assert read("champion").errors > 0
