"""What the graph promises to other users of Dagster: plain values, any IO manager, values outside a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.values import assert_same_arrays

from assets.definitions import defs
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.report.figures import encoded
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG
from mnist_pipeline.runtime.graph.results import result
from mnist_pipeline.runtime.storage.storage import digest, read

KEYS = sorted(select_assets("*"))
PICTURE = encoded(Image.new("RGB", (8, 8)))
DIFFERS = {"evaluation_report"}  # it names its own run, and the seconds that each step took


def assert_same(found: Any, expected: Any) -> None:
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    elif isinstance(expected, np.ndarray | tuple | dict):
        assert_same_arrays(found, expected)
    else:
        assert found == expected


def in_memory(*assets: dg.AssetsDefinition, **resources: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [*assets] or list(defs.assets or ()),
        selection=None if assets else KEYS,
        resources={**(defs.resources or {}), "io_manager": dg.mem_io_manager, **resources},
        instance=dg.DagsterInstance.ephemeral(),
    )


@pytest.fixture
def loaded(finished: Path) -> Mapping[dg.AssetKey, Any]:
    """The stored value of every asset without partitions, loaded outside a run."""
    with defs.get_asset_value_loader() as loader:
        return {key: loader.load_asset_value(key) for key in KEYS}


def test_any_io_manager_stores_what_assets_return(loaded: Mapping[dg.AssetKey, Any]) -> None:
    run = in_memory()
    for key, expected in loaded.items():
        found = run.asset_value(key)
        assert type(found) is type(expected) or isinstance(expected, np.ndarray)
        if key.to_user_string() not in DIFFERS:
            assert_same(found, expected)


def test_a_value_loads_outside_a_run_without_a_dagster_instance(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    np.testing.assert_array_equal(defs.load_asset_value("data_mean"), read("data_mean"))


def test_the_data_version_is_the_checksum_of_the_stored_form_with_any_io_manager() -> None:
    value = np.arange(3.0)

    @dg.asset
    def threes():
        return result(value, "three numbers", seconds=0)

    (event,) = in_memory(threes).asset_materializations_for_node("threes")
    assert (event.tags or {})[DATA_VERSION_TAG] == digest("threes", value)


def test_a_value_is_stored_with_its_figures_and_replaces_the_previous_figures(storage: Path) -> None:
    figures = [{"first": PICTURE}, {"second": PICTURE}]

    @dg.asset
    def drawn():
        return result(np.zeros(1), "drawn", seconds=0, figures=figures.pop(0))

    for name in ("first", "second"):
        run = dg.materialize([drawn], resources=dict(defs.resources or {}), instance=dg.DagsterInstance.ephemeral())
        (event,) = run.asset_materializations_for_node("drawn")
        assert [path.stem for path in (storage / "figures" / "drawn").iterdir()] == [name]
        assert event.metadata[f"{name}_file"].value == str(storage / "figures" / "drawn" / f"{name}.png")


def test_figures_of_a_value_that_another_io_manager_stored_are_not_stored_with_the_next_value(storage: Path) -> None:
    @dg.asset
    def drawn():
        return result(np.zeros(1), "drawn", seconds=0, figures={"figure": PICTURE})

    @dg.asset
    def plain():
        return np.ones(1)

    in_memory(drawn)
    dg.materialize([plain], resources=dict(defs.resources or {}), instance=dg.DagsterInstance.ephemeral())
    assert not (storage / "figures" / "plain").exists()
