"""The report and the model card, called as functions on stored values;

`tests/report` tests what they contain.
"""

import dataclasses
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from support.calls import call

from mnist_pipeline.models import MODELS
from mnist_pipeline.report import card
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import read

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


def written(**given: Any) -> dg.MaterializeResult[str]:
    """The result for these values, and the stored ones for the others."""
    with dg.DagsterInstance.get() as instance:
        return call("model_card", context=dg.build_asset_context(instance=instance), **given)


def earlier_champion() -> Any:
    """A champion of the same name that answers in another way than the stored model."""
    present = read("champion")
    return dataclasses.replace(present, labels=[(label + 1) % 10 for label in present.labels])


def test_the_card_names_the_versions_of_the_model_and_of_the_raw_files() -> None:
    text, champion = read("model_card"), read("champion")
    checksums = [file.sha256 for file in read("raw_mnist").files]
    key = MODELS[champion.model].model_asset
    recorded = origins(storage.current(), [key])[key]
    for part in (recorded["data_version"], recorded["code_version"], *checksums):
        assert part in text


def test_if_the_present_champion_stays_so_does_its_card(own_copy: tuple[Path, Path]) -> None:
    stays = earlier_champion()
    its_card = f"SHA-256 of its answers: {card.fingerprint(stays)}\n"
    storage.current().write("model_card", its_card)
    found = written(champion=stays)
    assert found.value == its_card
    assert found.metadata["kept"] is True


def test_a_champion_that_stays_without_a_card_gets_one_without_other_figures() -> None:
    stays = earlier_champion()
    found = written(champion=stays)
    assert card.fingerprint(stays) in found.value
    assert card.fingerprint(read("champion")) not in found.value
    for part in ("data version", "Recipe", "McNemar", "worst amount"):
        assert part in read("model_card")
        assert part not in found.value
