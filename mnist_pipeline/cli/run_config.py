"""The run configuration of `mnist-pipeline run --config`, refused before the first asset runs."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.utils.printable import one_line, shortened, unknown
from mnist_pipeline.utils.yaml_files import read_yaml

# The command itself reads the data and the storage, before and after the run.
VARIABLES = {"mnist_data": "MNIST_PIPELINE_DATA", "mnist_storage": "MNIST_PIPELINE_STORAGE"}


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
    """Raise a CommandError for a value of a wrong type, and for settings that nothing reads.

    An asset itself refuses a value out of range.
    """
    job = definitions.resolve_implicit_global_asset_job_def()
    try:
        dg.validate_run_config(job, config)
    except dg.DagsterInvalidConfigError as error:
        problem = shortened(one_line(error.errors[0].message), 300)
        raise CommandError(f"--config: {problem}") from error
    # Dagster ignores names that it does not know.
    known = {"__".join(key.path) for key in selected} | {*(definitions.resources or {})}
    for name in [*config.get("ops", {}), *config.get("resources", {})]:
        if name in VARIABLES:
            raise CommandError(f"--config: {name}: the command reads {VARIABLES[name]} instead")
        if name not in known:
            raise CommandError(f"--config: {unknown(name, 'a selected asset or resource', known)}")
