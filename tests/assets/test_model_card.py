"""The model card is that of the champion, and stays with it."""

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
    key = MODELS[champion.model].model_asset
    recorded = origins(storage.current(), [key])[key]
    for part in (recorded["data_version"], recorded["code_version"], *read("raw_mnist")["sha256"]):
        assert part in text


def test_if_the_present_champion_stays_so_does_its_card(own_copy: tuple[Path, Path]) -> None:
    stays = earlier_champion()
    its_card = f"SHA-256 of its answers: {card.fingerprint(stays)}\n"
    storage.current().write("model_card", its_card)
    found = written(champion=stays)
    assert found.value == its_card
    assert found.metadata["kept"] is True


def test_a_champion_that_stays_without_a_card_gets_one_without_the_figures_of_the_retrained_model() -> None:
    stays = earlier_champion()
    found = written(champion=stays)
    assert card.fingerprint(stays) in found.value
    assert card.fingerprint(read("champion")) not in found.value
    for part in ("data version", "Recipe", "McNemar", "worst amount"):
        assert part in read("model_card")
        assert part not in found.value
