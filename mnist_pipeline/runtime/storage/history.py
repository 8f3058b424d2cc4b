"""The versions of models, read from the storage alone: every version of a value has records of the
runs that computed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mnist_pipeline.evaluation import versions
from mnist_pipeline.evaluation.versions import (
    RAW,
    RECORDED,
    TEST_SET,
    Answers,
    ModelVersion,
    Record,
)
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.storage.storage import Storage, StorageError


def records(storage: Storage) -> dict[str, list[Record]]:
    """The runs that computed the stored values of each asset of a model, the oldest first."""
    readable = set(storage.keys())  # a run that was killed may have left versions of other assets
    present = {asset: storage.current(asset) for asset in RECORDED if asset in readable}
    return {asset: _records(storage, asset, present.get(asset)) for asset in RECORDED}


def _records(storage: Storage, asset: str, current: str | None) -> list[Record]:
    records = [
        Record(asset=asset, data_version=version, present=version == current, **run)
        for version, runs in storage.records(asset).items()
        for run in runs
    ]
    return sorted(records, key=lambda record: record.time)


def compare(
    storage: Storage, before: Sequence[ModelVersion], after: Sequence[ModelVersion]
) -> dict[str, Any]:
    """What differs between versions of models; see `versions.compare`."""

    def answers(version: ModelVersion) -> Answers | None:
        asset = MODELS[version.model].predictions_asset
        try:
            return Answers(
                storage.read(asset, version.version).labels,
                storage.read(TEST_SET, version.data[TEST_SET]),
                storage.read(RAW, version.data[RAW]).class_names,
            )
        except (StorageError, KeyError):  # deleted, or not evaluated
            return None

    return versions.compare(before, after, answers)


def since_last_run(storage: Storage) -> dict[str, Any] | None:
    """What the last run that computed predictions of models changed, None if there was no run
    before it.
    """
    of_assets = records(storage)
    runs = versions.last_runs(of_assets)[-2:]
    if len(runs) < 2:
        return None
    before, after = (versions.after_run(run, of_assets) for run in runs)
    return {"before": runs[0], "after": runs[1], **compare(storage, before, after)}
