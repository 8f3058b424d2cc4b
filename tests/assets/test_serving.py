"""The champion is chosen on held-out digits, and the recognizer changes and stays with it."""

import dataclasses
import shutil
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.data.values import Predictions
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import stored_types

pytestmark = pytest.mark.usefixtures("finished")


def bias_in_service(**given: Any) -> np.ndarray:
    """A parameter of the convolutional network of the recognizer that is made from these values."""
    return call("recognizer", **given).value.models["cnn"].weights["conv1.bias"]


def later_training() -> dict[str, Predictions]:
    """Other predictions of the champion's model than those that it was chosen for."""
    asset = MODELS[read("champion").model].predictions_asset
    predictions = read(asset)
    return {asset: predictions._replace(labels=(predictions.labels + 1) % 10)}


def worse_models() -> pd.DataFrame:
    """Labels of the held-out digits, of which each model misreads a third."""
    labels = read("held_out_labels")
    return labels.assign(**dict.fromkeys(MODELS, (labels["label"] + (labels.index % 3 == 0)) % 10))


def test_a_new_champion_brings_its_models_and_a_champion_that_stays_keeps_its_own():
    stored, champion = read("cnn_model"), read("champion")
    bias = stored.weights["conv1.bias"]
    other = stored._replace(weights={**stored.weights, "conv1.bias": bias + 1})
    np.testing.assert_array_equal(bias_in_service(cnn_model=other), bias + 1)
    assert call("recognizer").value.tested == (len(champion.labels), champion.errors)
    renamed = dataclasses.replace(read("data_set"), noun="letter")
    kept = call("recognizer", cnn_model=other, data_set=renamed, **later_training()).value
    np.testing.assert_array_equal(kept.models["cnn"].weights["conv1.bias"], bias)
    assert kept.known.noun == "letter"


def test_models_must_beat_the_champion_that_the_stored_recognizer_was_made_for(own_copy):
    served = read("champion")
    never_served = dataclasses.replace(served, held_out_errors=-1)
    storage.default_storage().write("champion", never_served)
    assert call("champion", held_out_labels=worse_models()).value == served
    with pytest.raises(dg.Failure):
        call("recognizer", champion=never_served, **later_training())
    shutil.rmtree(own_copy[1] / "recognizer")
    chosen_anew = call("champion", held_out_labels=worse_models()).value
    assert chosen_anew.held_out_errors > served.held_out_errors


@pytest.mark.parametrize("kind", ["Champion", "Recognizer"])
def test_a_champion_does_not_take_part_if_it_or_its_recognizer_has_a_former_format(
    own_copy, monkeypatch, kind
):
    served, stored = read("champion"), storage.Storage(str(own_copy[1]))
    recognizer = read("recognizer")
    with monkeypatch.context() as former:
        former.setitem(stored_types._versions, kind, 3)
        version = stored.write("champion", served)
        stored.write("recognizer", recognizer, {"inputs": {"champion": version}})
    chosen_anew = call("champion", held_out_labels=worse_models()).value
    assert chosen_anew.held_out_errors > served.held_out_errors


def test_no_champion_is_chosen_anew_while_the_storage_does_not_answer(monkeypatch):
    former = storage.Storage.read

    def answering(own: storage.Storage, key: str, *version: str | None) -> Any:
        if key == "recognizer":
            raise storage.UnreachableError("the bucket does not answer")
        return former(own, key, *version)

    labels = worse_models()
    monkeypatch.setattr(storage.Storage, "read", answering)
    with pytest.raises(storage.UnreachableError):
        call("champion", held_out_labels=labels)
