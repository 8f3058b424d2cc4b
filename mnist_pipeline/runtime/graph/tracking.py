"""Runs are also logged to MLflow if `MNIST_PIPELINE_MLFLOW` names a store: one MLflow run per run of Dagster.

An asset is logged when its step ends, from what Dagster has recorded and from the stored files:

- parameters: its configuration, recipe and seed, such as `cnn_model/recipe/epochs`;
- metrics: the numbers in its metadata, such as `cnn_evaluation/accuracy`, and the curves of a training, by epoch;
- tags: the versions of its data, its code and the libraries, and the short texts in its metadata;
- artifacts: its figures, the file of a model, the report and the model card.

The tag `dagster/run_id` of an MLflow run names the run of Dagster, whose tag `mlflow/run_id` names the MLflow run. An
error of MLflow is a warning in the log of the run, which goes on.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np

from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.records import CODE_VERSION_TAG, DATA_VERSION_TAG
from mnist_pipeline.runtime.project import SQLITE
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.publication import Manifest
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.blocks import slices
from mnist_pipeline.utils.printable import one_line

EXPERIMENT = "mnist-pipeline"
ARTIFACTS = "mlartifacts"  # the directory for artifacts next to a SQLite file
DAGSTER_RUN, MLFLOW_RUN = "dagster/run_id", "mlflow/run_id"
MODEL_ASSETS = {model.model_asset for model in MODELS.values()}
PARAMETERS = ("config", "recipe", "seed")  # metadata
CURVES = ("loss", "accuracy", "validation_accuracy")  # fields of a model that have a number per epoch
SHOWN = (".png", ".html", ".md")
MAX_ENTRIES = 100  # in a request
PROHIBITED = re.compile(r"[^\w./: -]")  # characters that MLflow refuses in names
# MLflow's variables: it sends no statistics, prints nothing, and waits seconds for a server that does not answer.
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}

Curve = list[tuple[int, float]]  # steps and values


def log(
    events: Iterable[dg.DagsterEvent], run: dg.DagsterRun, instance: dg.DagsterInstance, warn: Callable[[str], object]
) -> Iterator[dg.DagsterEvent]:
    """Yield the events of a run, and log what they record about assets, if the settings name a store."""
    address = settings.load().mlflow
    if address is None:
        yield from events
        return
    logged = _LoggedRun(address, run, instance, warn)
    materialized: dict[str | None, list[dg.AssetMaterialization]] = {}  # by step
    status, succeeded = "FAILED", True
    try:
        for event in events:
            if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION:
                asset = event.step_materialization_data.materialization
                materialized.setdefault(event.step_key, []).append(asset)
            elif event.is_step_success or event.is_step_failure:
                succeeded = succeeded and event.is_step_success
                for asset in materialized.pop(event.step_key, ()):
                    logged.add(asset)
            yield event
        status = "FINISHED" if succeeded else "FAILED"
    finally:
        logged.end(status)


class _LoggedRun:
    """An MLflow run. It gets no more entries after MLflow has failed once."""

    def __init__(
        self, address: str, run: dg.DagsterRun, instance: dg.DagsterInstance, warn: Callable[[str], object]
    ) -> None:
        self._warn = warn
        self._client: Any = None
        with self._failing_softly():
            for variable, value in DEFAULTS.items():
                os.environ.setdefault(variable, value)
            from mlflow import MlflowClient

            client = MlflowClient(address)
            tags = {f"libraries/{name}": version for name, version in machine.library_versions().items()}
            tags[DAGSTER_RUN] = run.run_id
            name = f"{run.job_name} {run.run_id[:8]}"
            self._id = client.create_run(_experiment(client, address), run_name=name, tags=tags).info.run_id
            instance.add_run_tags(run.run_id, {MLFLOW_RUN: self._id})
            self._client = client

    @contextlib.contextmanager
    def _failing_softly(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of many classes: of MLflow, a database, the network, a disk
            self._client = None
            self._warn(f"MNIST_PIPELINE_MLFLOW: nothing more of this run is logged: {one_line(error)}")

    def add(self, asset: dg.AssetMaterialization) -> None:
        """Log an asset whose value is stored."""
        if self._client is None:
            return
        with self._failing_softly():
            name = asset.asset_key.to_user_string()
            stored, key = storage.of_asset(name)
            is_model, key = key in MODEL_ASSETS, storage.stored_key(key, asset.partition)
            label = name if asset.partition is None else f"{name}/{asset.partition}"
            params, tags, metrics = _entries(asset)
            self._log(label, params, tags, {**metrics, **(_curves(stored.read(key)) if is_model else {})})
            with tempfile.TemporaryDirectory() as directory:
                _copy_files(stored, key, Path(directory, stored.prefix), "" if is_model else SHOWN)
                self._client.log_artifacts(self._id, directory)

    def _log(self, label: str, params: Mapping[str, str], tags: Mapping[str, str], curves: Mapping[str, Curve]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        def key(name: str) -> str:
            return PROHIBITED.sub("_", f"{label}/{name}")

        now = round(1000 * time.time())
        entries: dict[str, list[Any]] = {
            "params": [Param(key(name), value) for name, value in params.items()],
            "tags": [RunTag(key(name), value) for name, value in tags.items()],
            "metrics": [Metric(key(name), value, now, step) for name, curve in curves.items() for step, value in curve],
        }
        for kind, all_of_kind in entries.items():
            for block in slices(len(all_of_kind), MAX_ENTRIES):
                self._client.log_batch(self._id, **{kind: all_of_kind[block]})

    def end(self, status: str) -> None:
        """Record how the run ended."""
        if self._client is not None:
            with self._failing_softly():
                self._client.set_terminated(self._id, status)


def _experiment(client: Any, address: str) -> str:
    """The id of the experiment, which is created if necessary."""
    if address.startswith(SQLITE):
        Path(address.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    location = None  # a server knows where
    if address.startswith(SQLITE):
        location = Path(address.removeprefix(SQLITE)).with_name(ARTIFACTS).as_uri()
    return str(client.create_experiment(EXPERIMENT, artifact_location=location))


def _entries(asset: dg.AssetMaterialization) -> tuple[dict[str, str], dict[str, str], dict[str, Curve]]:
    """The parameters, tags and metrics of a materialization."""
    params: dict[str, str] = {}
    metrics: dict[str, Curve] = {}
    tags = {
        name: (asset.tags or {})[name] for name in (DATA_VERSION_TAG, CODE_VERSION_TAG) if name in (asset.tags or {})
    }
    for name, entry in asset.metadata.items():
        if name in PARAMETERS:
            params |= {field: str(value) for field, value in _flat(name, entry.value)}
        elif isinstance(entry, dg.IntMetadataValue | dg.FloatMetadataValue) and entry.value is not None:
            metrics[name] = [(0, float(entry.value))]
        elif isinstance(entry, dg.TextMetadataValue):
            tags[name] = str(entry.value)
    return params, tags, metrics


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values in nested mappings, by names with slashes."""
    if isinstance(value, Mapping):
        for field, each in value.items():
            yield from _flat(f"{name}/{field}", each)
    else:
        yield name, value


def _curves(model: Any) -> dict[str, Curve]:
    """The numbers per epoch of a model that has them."""
    found = {name: np.asarray(getattr(model, name)) for name in CURVES if hasattr(model, name)}
    return {name: list(enumerate(curve.tolist(), 1)) for name, curve in found.items() if np.isfinite(curve).all()}


def _copy_files(stored: Storage, key: str, directory: Path, suffixes: str | tuple[str, ...]) -> None:
    """Copy the stored files of an asset that have one of these suffixes, under their names in the storage."""

    def copy(manifest: Manifest) -> None:
        for name in manifest.files:
            if name.endswith(suffixes):
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                with stored.published.open(manifest, name) as source, (directory / name).open("wb") as target:
                    shutil.copyfileobj(source, target)

    stored.published.read_consistently(key, copy)
