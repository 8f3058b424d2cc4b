"""The run configuration of `mnist-pipeline run --config`, refused before the first asset runs."""

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, ValidationError

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.configs import ConfigError
from mnist_pipeline.utils.printable import one_line, shortened, unknown
from mnist_pipeline.utils.validation import first_problem
from mnist_pipeline.utils.yaml_files import read_yaml


def read_config(file: Path) -> dict[str, Any]:
    """A run configuration in YAML; `check_config` checks its content."""
    try:
        config = read_yaml(file)
    except ValueError as error:
        raise CommandError(f"--config {file}: {error}") from error
    if isinstance(config, dict):
        return config
    example = "'ops: {softmax_model: {config: {epochs: 40}}}'"
    raise CommandError(f"--config {file}: it must be a mapping; write for example {example}")


class _Entry(BaseModel, extra="forbid", strict=True):
    config: dict[str, Any] = {}


class _RunConfig(BaseModel, extra="forbid", strict=True):
    ops: dict[str, _Entry] = {}
    resources: dict[str, _Entry] = {}
    execution: dict[str, Any] = {}


def check_config(
    config: Mapping[str, Any], definitions: dg.Definitions, selected: AbstractSet[dg.AssetKey]
) -> None:
    """Raise a CommandError for a value out of range, and for settings that nothing reads.

    Before a run, Dagster checks types alone, and ignores settings that nothing reads.
    """
    classes: dict[str, Any] = {
        name: type(resource)
        for name, resource in (definitions.resources or {}).items()
        if isinstance(resource, BaseModel)
    }
    for key in selected:
        node = definitions.resolve_assets_def(key).node_def
        if parameter := inspect.signature(node).parameters.get("config"):
            classes[node.name] = parameter.annotation
    job = definitions.resolve_implicit_global_asset_job_def()
    try:
        parts = _RunConfig.model_validate(config)
        entries = {**parts.ops, **parts.resources}
        for name, resource in parts.resources.items():
            # The command itself reads the data and the storage, before and after the run.
            for setting in resource.config.keys() & {"data", "storage"}:
                variable = settings.PREFIX + setting.upper()
                raise CommandError(
                    f"--config: {name}: the command takes no {setting}; set {variable}"
                )
        for name, entry in entries.items():
            if name not in classes:
                kind = "a resource or a selected asset with settings"
                raise CommandError(f"--config: {unknown(name, kind, classes)}")
            # Dagster replaces variables, as {env: NAME}, and turns `true` into a number.
            if not any(isinstance(value, dict | list) for value in entry.config.values()):
                _check(name, classes[name], entry.config)
        resolved = dg.validate_run_config(job, config)
        values = {**resolved["ops"], **resolved["resources"]}
        for name in entries:
            _check(name, classes[name], values[name]["config"])
    except ValidationError as error:
        raise CommandError(f"--config: {first_problem(error)}") from error
    except dg.DagsterInvalidConfigError as error:
        problem = shortened(one_line(error.errors[0].message), 300)
        raise CommandError(f"--config: {problem}") from error


def _check(name: str, kind: Any, values: Mapping[str, Any]) -> None:
    try:
        kind(**values)
    except ConfigError as error:
        raise CommandError(f"--config: {name}: {error}") from error
