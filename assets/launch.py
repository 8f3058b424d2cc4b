"""Starting a run: what is selected, how it is configured, what went wrong, and what came out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster_shared.error import SerializableErrorInfo

from assets import storage
from assets.console import console_logger
from assets.definitions import defs
from assets.evaluation import model_seconds, provenance
from mnist_pipeline.evaluation import Comparison

OWN_PACKAGES = ("mnist_pipeline.", "assets.")


class LaunchError(ValueError):
    """A run can't start as asked; the message names the argument, what is wrong and what to do."""


def console_job() -> dg.JobDefinition:
    """The job of the whole graph, told on the terminal."""
    return defs.resolve_job_def("everything").with_logger_defs({"console": console_logger})


def select_assets(selection: str) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection in Dagster's syntax names.

    Raises
    ------
    LaunchError
        If it can't be parsed, or matches nothing.
    """
    graph = defs.resolve_asset_graph()
    if selection == "*":
        return graph.materializable_asset_keys
    try:
        with warnings.catch_warnings():
            # Dagster's own parser of selections calls what Dagster marks as beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise LaunchError(
            f"--select {selection!r}: {_one_line(error)}; write for instance 'group:pca' or '+key:cnn_model'"
        ) from error
    if not selected:
        names = ", ".join(sorted(key.to_user_string() for key in graph.materializable_asset_keys))
        raise LaunchError(f"--select {selection!r} matches no asset; there are {names}")
    return selected


def load_run_config(file: Path | None, selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """Run configuration from a YAML file, held to what the selected assets accept.

    Raises
    ------
    LaunchError
        If it is not YAML, not a mapping, or not what the assets accept.
    """
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file else {}
        if not isinstance(config, dict):
            raise LaunchError(f"it must be a mapping such as 'ops: …', not a {type(config).__name__}")
        config["loggers"] = {"console": {}}
        dg.validate_run_config(console_job().get_subset(asset_selection=set(selected)), config)
    except dg.DagsterInvalidConfigError as error:
        raise LaunchError(f"--config {file}: {'; '.join(_one_line(each.message) for each in error.errors)}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise LaunchError(f"--config {file}: {_one_line(error)}") from error
    return config


def materialize(
    instance: dg.DagsterInstance, selected: AbstractSet[dg.AssetKey], config: dict[str, Any]
) -> dg.JobExecutionResult:
    """Run the selected assets, telling each as it finishes."""
    return dg.execute_job(
        dg.reconstructable(console_job), instance, run_config=config, asset_selection=sorted(selected)
    )


def failures(outcome: dg.JobExecutionResult) -> list[str]:
    """Which assets failed, and why, a line each."""
    return [
        f"{event.step_key} failed: {_reason(event.step_failure_data.error)}"
        for event in outcome.all_events
        if event.is_step_failure
    ] or ["the run failed before any asset began"]


def model_rows(instance: dg.DagsterInstance) -> list[tuple[str, str, str, str, str]]:
    """Model, accuracy, interval, errors and seconds as text, best first; empty before a comparison is stored."""
    try:
        comparison: Comparison = storage.current().read("model_comparison")
    except storage.StorageError:
        return []
    origins = provenance(instance)
    rows = []
    for model, figures in comparison.models.items():
        seconds = model_seconds(origins, model)
        rows.append(
            (
                model,
                f"{figures.accuracy:.2%}",
                f"{figures.interval[0]:.2%} – {figures.interval[1]:.2%}",
                f"{figures.errors:,}",
                "–" if seconds is None else f"{seconds:.1f}",
            )
        )
    return rows


def _reason(error: SerializableErrorInfo | None) -> str:
    """The message of the first of the project's own errors in a chain of causes, else of the root cause."""
    chain = list(_causes(error))
    for cause in chain:
        if cause.message.startswith(OWN_PACKAGES):
            return _one_line(cause.message.partition(": ")[2])
    return _one_line(chain[-1].message) if chain else "no reason was recorded"


def _causes(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error is not None:
        yield error
        error = error.cause


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
