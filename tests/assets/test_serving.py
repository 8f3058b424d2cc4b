"""What answers to a person: it changes with the champion, and stays with it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.resources import STORED_RESULTS

from assets.serving import recognizer
from mnist_pipeline.models import MODELS
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.runtime.storage.storage import read

UPSTREAM = (
    "champion",
    "knn_index",
    "softmax_model",
    "mlp_model",
    "cnn_model",
    *(f"{model}_predictions" for model in MODELS),
    "data_mean",
    "eigendecomposition",
    "test_digits",
)


@pytest.fixture
def upstream(finished: Path) -> dict[str, Any]:
    """What the recognizer of the finished run was made from."""
    return {key: read(key) for key in UPSTREAM}


def served(upstream: dict[str, Any]) -> Recognizer:
    found = recognizer(**upstream, stored_results=STORED_RESULTS, seed=Seed(value=0)).value
    assert isinstance(found, Recognizer)
    return found


def retrained(upstream: dict[str, Any]) -> dict[str, Any]:
    """The same with another convolutional network."""
    network = upstream["cnn_model"]
    return upstream | {"cnn_model": network._replace(weights={k: w + 1 for k, w in network.weights.items()})}


def test_the_stored_recognizer_answers_as_the_models_did_when_they_were_evaluated(upstream: dict[str, Any]) -> None:
    stored: Recognizer = read("recognizer")
    for model in MODELS:
        answers = [said.digits[model] for said in stored.recognize(upstream["test_digits"].images)]
        assert np.mean(answers == upstream[f"{model}_predictions"].labels) >= 0.995


def test_it_has_the_temperatures_of_the_networks(upstream: dict[str, Any]) -> None:
    for model in ("mlp", "cnn"):
        assert served(upstream).state(model)["temperature"] == upstream[f"{model}_model"].temperature


def test_with_a_new_champion_come_the_models_that_it_was_chosen_from(upstream: dict[str, Any]) -> None:
    changed = retrained(upstream)
    np.testing.assert_array_equal(
        served(changed).state("cnn")["conv1.bias"], changed["cnn_model"].weights["conv1.bias"]
    )


def test_where_the_present_champion_stays_so_do_its_models(upstream: dict[str, Any]) -> None:
    present = upstream["champion"]
    others = [(label + 1) % 10 for label in present.labels]  # what the champion said when it was chosen
    changed = retrained(upstream) | {"champion": dataclasses.replace(present, labels=others)}
    np.testing.assert_array_equal(
        served(changed).state("cnn")["conv1.bias"], upstream["cnn_model"].weights["conv1.bias"]
    )
