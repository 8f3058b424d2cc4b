"""The report and the model card, called as functions on stored values;

`tests/report` tests what they contain.
"""

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline import read
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage

pytestmark = pytest.mark.usefixtures("finished")


def test_provenance_and_seconds_are_those_of_the_stored_values() -> None:
    stored = storage.current()
    with dg.DagsterInstance.ephemeral() as instance:
        document = call(
            "evaluation_report", context=dg.build_asset_context(instance=instance)
        ).value.document
    assert document["assets"].keys() >= {
        "raw_mnist",
        "covariance",
        "knn_votes",
        "mlp_model",
        "model_comparison",
    }
    for name, found in document["assets"].items():
        assert found["data_version"] == stored.current(name)
        assert found["seconds"] == stored.origin(name)["metadata"]["seconds"]
    parts = [document["assets"][f"cnn_{part}"]["seconds"] for part in ("model", "predictions")]
    assert document["models"]["cnn"]["seconds"] == pytest.approx(sum(parts), abs=1e-3)


def test_the_card_names_the_versions_of_the_model_and_of_the_raw_files() -> None:
    text, champion = read("model_card"), read("champion")
    checksums = [file.sha256 for file in read("raw_mnist").files]
    key = MODELS[champion.model].model_asset
    recorded = origins(storage.current(), [key])[key]
    for part in (recorded["data_version"], recorded["code_version"], *checksums):
        assert part in text


def test_if_a_later_training_does_not_replace_the_champion_its_card_stays() -> None:
    asset = MODELS[read("champion").model].predictions_asset
    predictions = read(asset)
    later = predictions._replace(labels=(predictions.labels + 1) % 10)
    assert call("model_card", **{asset: later}).value == read("model_card")
