"""Holding a run configuration to what the selected assets accept, before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from textwrap import shorten
from typing import Any

import dagster as dg
from pydantic import ValidationError

from mnist_pipeline.cli import run_config
from mnist_pipeline.cli.errors import LaunchError
from mnist_pipeline.cli.execution import JOBS, config_of
from mnist_pipeline.cli.project import INBOX_JOB, definitions_of_assets, job_of
from mnist_pipeline.runtime.graph.code_versions import function_of
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.utils.printable import one_line

EXAMPLE = "write for instance 'ops: {softmax_model: {config: {epochs: 40}}}'"
MESSAGE_LENGTH = 600


def load_run_config(file: Path | None, selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """Run configuration from a YAML file, held to what the selected assets accept.

    Raises
    ------
    LaunchError
        If it is not YAML, not a mapping, or not what the assets accept.
    """
    try:
        config = {"loggers": {"console": {}}, **(run_config.read(file) if file else {})}
        first, *others = _by_job(selected)
        beside = {key.to_user_string() for part in others for key in part}
        ops = config.get("ops", {})
        own = {"ops": {name: value for name, value in ops.items() if name not in beside}} if beside else {}
        resolved = [
            _validated(first, {**config, **own}),
            *(_validated(part, config_of(part, config)) for part in others),
        ]
        _require_no_booleans(config)
        for each in resolved:
            _require_within_bounds(each)
    except dg.DagsterInvalidConfigError as error:
        told = "; ".join(_told(each) for each in error.errors)
        raise LaunchError(one_line(f"--config {file}: {told}; {EXAMPLE}")) from error
    except ValueError as error:
        raise LaunchError(one_line(f"--config {file}: {error}")) from error
    return config


def _validated(selected: AbstractSet[dg.AssetKey], config: dict[str, Any]) -> Mapping[str, Any]:
    """A run configuration with all defaults, held to what assets of one job accept."""
    job = JOBS[job_of(next(iter(selected)))]().get_subset(asset_selection=set(selected))
    return dg.validate_run_config(job, config)


def _by_job(selected: AbstractSet[dg.AssetKey]) -> list[set[dg.AssetKey]]:
    """Selected assets apart by the job that materializes them, pictures left out where there is anything else."""
    parts = [{key for key in selected if job_of(key) == name} for name in JOBS if name != INBOX_JOB]
    return [part for part in parts if part] or [set(selected)]


def _told(error: Any) -> str:
    """The message of an error in `DagsterInvalidConfigError.errors`, with the names that Dagster would accept."""
    known = getattr(getattr(error.error_data, "config_type_snap", None), "enum_values", None) or ()
    choices = f"; there are {', '.join(each.value for each in known)}" if known else ""
    return shorten(one_line(error.message).rstrip("."), MESSAGE_LENGTH) + choices


def _require_no_booleans(config: Mapping[str, Any]) -> None:
    """Refuse yes and no for numbers; Dagster takes them for 1.0 and 0.0."""
    for name, entry in config.get("ops", {}).items():
        for field, value in entry.get("config", {}).items():
            if isinstance(value, bool):
                raise LaunchError(f"ops.{name}.config.{field} is {value}: it must be a number or a name, not a boolean")


def _require_within_bounds(resolved: Mapping[str, Any]) -> None:
    """Hold the values of a run configuration to the bounds of its fields, which Dagster does as a step begins."""
    classes = {asset.op.name: config_class(function_of(asset)) for asset in definitions_of_assets()}
    for name, entry in resolved["ops"].items():
        _construct(f"ops.{name}.config", classes.get(name), entry["config"])
    for name, entry in resolved["resources"].items():  # of the resources, only the seed may differ from the settings
        given = {field: value for field, value in (entry["config"] or {}).items() if value is not None}
        _construct(f"resources.{name}.config", Seed if name == "seed" else None, given)


def config_class(function: Callable[..., Any]) -> type[dg.Config] | None:
    """The class of the configuration of an asset, which Dagster passes as `config`."""
    parameter = inspect.signature(function).parameters.get("config")
    return parameter.annotation if parameter else None


def _construct(place: str, kind: type[Any] | None, values: dict[str, Any] | None) -> None:
    if kind is None:
        if values:
            raise LaunchError(f"{place} is {_brief(values)}, but nothing reads it; leave it out")
        return
    try:
        kind(**(values or {}))
    except ValidationError as error:
        told = "; ".join(
            f"{place}.{'.'.join(map(str, e['loc']))} is {_brief(e['input'])}: {e['msg']}" for e in error.errors()
        )
        raise LaunchError(told) from error


def _brief(value: object) -> str:
    return shorten(repr(value), MESSAGE_LENGTH)
