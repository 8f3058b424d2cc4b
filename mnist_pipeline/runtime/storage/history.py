"""The versions of models, read from the storage alone: every version of a value names what made
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import TEST_SET, ModelVersion, Record, Records
from mnist_pipeline.runtime.storage.storage import Storage, StorageError


def records(storage: Storage, assets: Iterable[str]) -> dict[str, list[Record]]:
    """The versions of each asset that are stored, the oldest first."""
    stored = set(storage.keys())
    return {asset: _records(storage, asset) if asset in stored else [] for asset in assets}


def _records(storage: Storage, asset: str) -> list[Record]:
    present = storage.current(asset)
    found = []
    for version in storage.versions(asset):
        origin = storage.origin(asset, version)
        found.append(
            Record(
                asset=asset,
                data_version=version,
                time=origin.get("time", 0.0),
                run=origin.get("run", ""),
                code_version=origin.get("code_version"),
                inputs=origin.get("inputs", {}),
                metadata={**origin.get("metadata", {}), "libraries": origin.get("libraries", {})},
                present=version == present,
            )
        )
    return found


def compare(
    storage: Storage,
    before: Sequence[ModelVersion],
    after: Sequence[ModelVersion],
    of_assets: Records,
    true_labels: np.ndarray,
) -> dict[str, Any]:
    """What differs between versions of models; see `versions.compare`."""
    test_set = storage.current(TEST_SET)

    def labels(version: ModelVersion) -> np.ndarray | None:
        record = versions.predictions(version, of_assets)
        if record is None or version.data.get(TEST_SET) != test_set:
            return None
        try:
            return np.asarray(storage.read(record.asset, record.data_version).labels)
        except StorageError:
            return None

    return versions.compare(before, after, labels, true_labels)


def since_last_run(
    storage: Storage, assets: Iterable[str], true_labels: np.ndarray
) -> dict[str, Any] | None:
    """What the last run that trained models changed, None if there was no run before it."""
    of_assets = records(storage, assets)
    runs = versions.last_runs(of_assets)[-2:]
    if len(runs) < 2:
        return None
    before, after = (versions.after_run(run, of_assets) for run in runs)
    return {
        "before": runs[0],
        "after": runs[1],
        **compare(storage, before, after, of_assets, true_labels),
    }
