"""What the graph promises to other users of Dagster: plain values, any IO manager, values outside a run."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.graph_fixtures import environment
from support.values import assert_same_arrays, data_version

from assets.definitions import defs
from mnist_pipeline.cli.selection import select_assets
from mnist_pipeline.report.figures import encoded
from mnist_pipeline.runtime.graph.records import DATA_VERSION_TAG, SECONDS
from mnist_pipeline.runtime.graph.results import HEADLINE, result
from mnist_pipeline.runtime.storage.storage import read

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


@pytest.fixture(scope="module")
def untouched(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A storage directory that the environment names and that does not exist."""
    directory = tmp_path_factory.mktemp("contracts") / "storage"
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment(slice_directory, directory).items():
            monkeypatch.setenv(name, value)
        yield directory


@pytest.fixture(scope="module")
def run_in_memory(untouched: Path) -> dg.ExecuteInProcessResult:
    """A run of the whole graph that stores its values in memory."""
    return in_memory()


@pytest.fixture
def loaded(finished: Path) -> Mapping[dg.AssetKey, Any]:
    """The stored value of every asset without partitions, loaded outside a run."""
    with defs.get_asset_value_loader() as loader:
        return {key: loader.load_asset_value(key) for key in KEYS}


def test_any_io_manager_stores_what_assets_return(
    run_in_memory: dg.ExecuteInProcessResult, loaded: Mapping[dg.AssetKey, Any]
) -> None:
    for key, expected in loaded.items():
        found = run_in_memory.asset_value(key)
        assert type(found) is type(expected) or isinstance(expected, np.ndarray)
        if key.to_user_string() not in DIFFERS:
            assert_same(found, expected)


@pytest.mark.slow
def test_with_another_io_manager_nothing_is_written_to_the_storage(
    run_in_memory: dg.ExecuteInProcessResult, untouched: Path
) -> None:
    assert not untouched.exists()


def test_assets_have_a_headline_their_seconds_and_small_previews_of_their_figures(
    run_in_memory: dg.ExecuteInProcessResult, finished: Path
) -> None:
    figures: dict[str, set[str]] = {}
    for key in map(dg.AssetKey.to_user_string, KEYS):
        (event,) = run_in_memory.asset_materializations_for_node(key)
        metadata = {name: entry.value for name, entry in event.metadata.items()}
        assert metadata[HEADLINE]
        assert metadata[SECONDS] >= 0
        for name, value in metadata.items():
            if str(value).startswith("[!["):
                assert value.startswith(f"[![{name}](data:image/png;base64,")
                assert len(value) < 30_000, (key, name)
                figures.setdefault(key, set()).add(name)
    stored = {path.name: {file.stem for file in path.iterdir()} for path in (finished / "figures").iterdir()}
    assert figures == stored
    assert figures.keys() >= {
        "train_digits",
        "covariance",
        "harris_corners",
        "cnn_model",
        "knn_evaluation",
        "robustness",
    }


def test_a_value_loads_outside_a_run_without_a_dagster_instance(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    np.testing.assert_array_equal(defs.load_asset_value("data_mean"), read("data_mean"))


def test_the_data_version_is_the_checksum_of_the_stored_form_with_any_io_manager() -> None:
    value = np.arange(3.0)

    @dg.asset
    def threes():
        return result(value, "three numbers")

    (event,) = in_memory(threes).asset_materializations_for_node("threes")
    assert (event.tags or {})[DATA_VERSION_TAG] == data_version(value)


def test_a_value_is_stored_with_its_figures_and_replaces_the_previous_figures(storage: Path) -> None:
    figures = [{"first": PICTURE}, {"second": PICTURE}]

    @dg.asset
    def drawn():
        return result(np.zeros(1), "drawn", figures=figures.pop(0))

    for name in ("first", "second"):
        run = dg.materialize([drawn], resources=dict(defs.resources or {}), instance=dg.DagsterInstance.ephemeral())
        (event,) = run.asset_materializations_for_node("drawn")
        assert [path.stem for path in (storage / "figures" / "drawn").iterdir()] == [name]
        assert event.metadata[f"{name}_file"].value == str(storage / "figures" / "drawn" / f"{name}.png")


def test_figures_of_a_value_that_another_io_manager_stored_are_not_stored_with_the_next_value(storage: Path) -> None:
    @dg.asset
    def drawn():
        return result(np.zeros(1), "drawn", figures={"figure": PICTURE})

    @dg.asset
    def plain():
        return np.ones(1)

    in_memory(drawn)
    dg.materialize([plain], resources=dict(defs.resources or {}), instance=dg.DagsterInstance.ephemeral())
    assert not (storage / "figures" / "plain").exists()
