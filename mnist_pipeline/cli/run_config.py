"""The run configuration of `mnist-pipeline run --config`, refused before the first asset runs."""

import inspect
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, ValidationError

from mnist_pipeline.cli.errors import CommandError
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
        resolved = dg.validate_run_config(job, config)
    except dg.DagsterInvalidConfigError as error:
        problems = "; ".join(shortened(one_line(problem.message), 300) for problem in error.errors)
        raise CommandError(f"--config: {problems}") from error
    # Variables, as {env: NAME}, are replaced by their values there.
    values = {**resolved["ops"], **resolved["resources"]}
    for name in {**config.get("ops", {}), **config.get("resources", {})}:
        if name not in classes:
            problem = unknown(name, "a resource or a selected asset with settings", classes)
            raise CommandError(f"--config: {problem}")
        try:
            classes[name](**values[name]["config"])
        except ValidationError as error:
            raise CommandError(f"--config: {name}: {first_problem(error)}") from error
