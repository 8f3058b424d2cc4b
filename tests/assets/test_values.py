"""What assets return, with the storage of the project, with another IO manager, and outside a run."""

from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.pca import mean

KEYS = ["raw_mnist", "train_digits", "data_mean"]


def run(**resources: Any) -> dg.ExecuteInProcessResult:
    """Materialize three assets in a process without a Dagster instance."""
    return dg.materialize(
        list(defs.assets or ()),
        selection=KEYS,
        resources={**(defs.resources or {}), **resources},
        instance=dg.DagsterInstance.ephemeral(),
    )


def test_a_notebook_reads_stored_values_without_an_instance(
    storage: Path, small_train: DigitSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    run()
    found = defs.load_asset_value("data_mean")
    np.testing.assert_array_equal(found, mean(small_train.images))
    np.testing.assert_array_equal(found, read("data_mean"))
    with defs.get_asset_value_loader() as loader:
        digits = loader.load_asset_value("train_digits")
    assert isinstance(digits, DigitSet)
    np.testing.assert_array_equal(digits.images, small_train.images)


@pytest.mark.parametrize("name", ["memory", "files"])
def test_another_io_manager_stores_the_same_values_and_nothing_is_in_the_storage(
    name: str, storage: Path, tmp_path: Path, small_train: DigitSet
) -> None:
    others = {"memory": dg.mem_io_manager, "files": dg.FilesystemIOManager(base_dir=str(tmp_path / "pickles"))}
    found = run(io_manager=others[name]).asset_value("data_mean")
    np.testing.assert_array_equal(found, mean(small_train.images))
    assert not storage.exists()
