"""Read a run configuration from a YAML file, and check it before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from textwrap import shorten
from typing import Any

import dagster as dg
import yaml
from pydantic import ValidationError

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.cli.execution import config_of, console_job
from mnist_pipeline.cli.selection import EVERYTHING, EXPANDED_JOB, FOLDS_JOB, definitions_of_assets, job_of
from mnist_pipeline.runtime.graph.code_versions import function_of
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.utils.printable import one_line

MAX_BYTES = 1 << 16
MAX_ALIASES = 20  # nested aliases could make a few lines stand for millions of values
MESSAGE_LENGTH = 600
EXAMPLE = "write for example 'ops: {softmax_model: {config: {epochs: 40}}}'"


def load_run_config(file: Path | None, selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """The run configuration in a YAML file, checked against what the selected assets accept.

    Raises
    ------
    CommandError
        If the file can't be read, is not YAML, or has a value that the assets do not accept.
    """
    if file is None:
        return {"loggers": {"console": {}}}
    try:
        config = {"loggers": {"console": {}}, **_read(file)}
        # The assets of each job; pictures are checked only if nothing else is selected.
        parts = [{key for key in selected if job_of(key) == name} for name in (EVERYTHING, EXPANDED_JOB, FOLDS_JOB)]
        first, *others = [part for part in parts if part] or [set(selected)]
        names = {key.to_user_string() for part in others for key in part}
        ops = config.get("ops", {})
        rest = {"ops": {name: value for name, value in ops.items() if name not in names}} if names else {}
        _check(first, {**config, **rest})
        for part in others:
            _check(part, config_of(part, config))
    except Exception as error:  # whatever YAML's constructors and Dagster's own checks raise for malformed values
        raise CommandError(one_line(f"--config {file}: {_describe(error)}")) from error
    return config


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():  # opening a pipe would wait for its writer
        raise CommandError("it is not a file; name a YAML file")
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CommandError(f"it is longer than {MAX_BYTES:,} bytes; write only what differs from the defaults")
    if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, yaml.SafeLoader)) > MAX_ALIASES:
        raise CommandError(f"it has more than {MAX_ALIASES} aliases; write the values out")
    config = yaml.safe_load(content)
    if not isinstance(config, dict | None):
        raise CommandError(f"it must be a mapping, not a {type(config).__name__}; {EXAMPLE}")
    return config or {}


def _check(selected: AbstractSet[dg.AssetKey], config: dict[str, Any]) -> None:
    """Check a run configuration for assets of one job: by Dagster, and against the bounds of each field.

    Dagster itself checks the bounds only when a step begins.
    """
    job = console_job(job_of(next(iter(selected)))).get_subset(asset_selection=set(selected))
    resolved = dg.validate_run_config(job, config)
    functions = {asset.op.name: function_of(asset) for asset in definitions_of_assets()}
    for name, entry in resolved["ops"].items():
        parameter = inspect.signature(functions[name]).parameters.get("config") if name in functions else None
        written = config.get("ops", {}).get(name, {}).get("config", {})
        if isinstance(written, Mapping):
            _refuse_booleans(f"ops.{name}.config", written)
        _check_bounds(f"ops.{name}.config", parameter.annotation if parameter else None, entry["config"] or {})
    for name, entry in resolved["resources"].items():  # the settings determine all resources except the seed
        values = {field: value for field, value in (entry["config"] or {}).items() if value is not None}
        _check_bounds(f"resources.{name}.config", Seed if name == "seed" else None, values)


def _refuse_booleans(place: str, written: Mapping[str, Any]) -> None:
    """Refuse yes and no, which Dagster reads as 1.0 and 0.0."""
    for field, value in written.items():
        if isinstance(value, bool):
            raise CommandError(f"{place}.{field} is {value}; write a number or a name instead")


def _check_bounds(place: str, kind: type[Any] | None, values: Mapping[str, Any]) -> None:
    """Check values against the class of the configuration, None if there is no configuration."""
    if kind is None:
        if values:
            raise CommandError(f"{place} is {_shown(values)}, but nothing reads it; remove it")
        return
    try:
        kind(**values)
    except ValidationError as error:
        problems = [
            f"{'.'.join([place, *map(str, e['loc'])])} is {_shown(e['input'])}: {e['msg']}" for e in error.errors()
        ]
        raise CommandError("; ".join(problems)) from error


def _describe(error: Exception) -> str:
    """What is wrong with a run configuration, and what to do."""
    if isinstance(error, CommandError):
        return str(error)
    if isinstance(error, dg.DagsterInvalidConfigError):
        return "; ".join(_describe_invalid(each) for each in error.errors) + f"; {EXAMPLE}"
    if isinstance(error, RecursionError):
        return f"it is nested too deeply, or contains itself; {EXAMPLE}"
    if isinstance(error, OSError):
        return f"it can't be read: {error}; name a YAML file"
    if isinstance(error, yaml.YAMLError):
        return f"it is not YAML: {_shorten(error)}; correct that line"
    return f"{_shorten(error)}; {EXAMPLE}"


def _describe_invalid(error: Any) -> str:
    """Dagster's message about one value, and the names that it would accept."""
    choices = getattr(getattr(error.error_data, "config_type_snap", None), "enum_values", None) or ()
    names = f" ({', '.join(each.value for each in choices)})" if choices else ""
    return _shorten(error.message) + names


def _shorten(message: object) -> str:
    return shorten(one_line(message), MESSAGE_LENGTH)


def _shown(value: object) -> str:
    return shorten(repr(value), MESSAGE_LENGTH)
