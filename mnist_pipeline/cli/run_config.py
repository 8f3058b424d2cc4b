"""The run configuration of `mnist-pipeline run --config`, refused before the first asset runs."""

import inspect
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, ValidationError

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.runtime.graph.configs import ConfigError
from mnist_pipeline.utils import validation
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
    """Raise a CommandError for values of a wrong type or out of range, and for settings that
    nothing reads.

    Its message has a line for each. Before a run, Dagster checks types alone, and ignores names
    that it does not know. Variables, as in ``{env: NAME}``, are read if all else is right.
    """
    if others := [name for name in _names(config) if not isinstance(name, str)]:
        raise CommandError(f"--config: {others[0]!r} is not a name; write an asset or a setting")
    nodes = {node.name: node for node in map(_node(definitions), selected)}
    resources = definitions.resources or {}
    entries = _entries(config)
    kinds = _kinds(nodes, resources)
    problems = {name: _problems(kinds.get(name), values) for name, values in entries.items()}
    lines = []
    for name, values in entries.items():
        if name in VARIABLES:
            lines.append(f"{name}: the command reads {VARIABLES[name]} instead")
        elif name not in {*nodes, *resources}:
            kind = "a selected asset or resource"
            lines.append(unknown(name, kind, {*nodes, *resources}))
        elif values and name in nodes and _takes_anything(nodes[name]):
            lines.append(f"{name} has no settings; remove it")
    try:
        resolved = dg.validate_run_config(
            definitions.resolve_implicit_global_asset_job_def(), config
        )
    except dg.DagsterInvalidConfigError as error:
        messages = [one_line(problem.message) for problem in error.errors]
        lines += [message for message in messages if not _is_named(message, problems)]
    else:
        for name, values in _entries(resolved).items():
            if name in entries:
                problems[name] = {**_problems(kinds.get(name), values), **problems[name]}
    lines += [f"{name}: {problem}" for name in problems for problem in problems[name].values()]
    if lines:
        raise CommandError("\n".join(f"--config: {shortened(line, 300)}" for line in lines))


def _names(value: Any) -> list[Any]:
    """The names in a configuration, at any depth."""
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if not isinstance(value, Mapping):
        return []
    return [*value, *(name for item in value.values() for name in _names(item))]


def _node(definitions: dg.Definitions) -> Callable[[dg.AssetKey], Any]:
    """A function from the key of an asset to the step that computes it."""
    return lambda key: definitions.resolve_assets_def(key).node_def


def _takes_anything(node: Any) -> bool:
    """Whether Dagster accepts any settings for a step, because it declares none."""
    schema = node.config_schema
    return schema is None or schema.as_field().config_type.kind.name == "ANY"


def _kinds(nodes: Mapping[str, Any], resources: Mapping[str, Any]) -> dict[str, type[BaseModel]]:
    """The class of the settings of each step and resource that has one, by its name in a run
    configuration.
    """
    kinds: dict[str, Any] = {name: type(resource) for name, resource in resources.items()}
    for name, node in nodes.items():
        if parameter := inspect.signature(node).parameters.get("config"):
            kinds[name] = parameter.annotation
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }


def _entries(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The settings of each asset and resource that a run configuration names."""
    entries = {}
    for part in ("ops", "resources"):
        named = config.get(part)
        for name, entry in named.items() if isinstance(named, Mapping) else ():
            values = entry.get("config") if isinstance(entry, Mapping) else None
            entries[name] = values if isinstance(values, Mapping) else {}
    return entries


def _problems(kind: type[BaseModel] | None, values: Mapping[str, Any]) -> Mapping[str, str]:
    """A sentence on each setting that its asset or resource would refuse, except for variables.

    Dagster takes `true` for a number, so values are checked before it has read them.
    """
    if kind is None:
        return {}
    plain = {name: value for name, value in values.items() if not _is_variable(value)}
    try:
        kind(**plain)
    except ConfigError as error:
        return error.problems
    except ValidationError as error:  # of an asset that is not of this project
        return validation.problems(error)
    return {}


def _is_variable(value: Any) -> bool:
    """Whether a value is the name of a variable, or a list with one."""
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    )


def _is_named(message: str, problems: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether Dagster's message is about a setting for which there is a sentence."""
    return any(
        f":{name}:config" in message and setting in message
        for name, settings in problems.items()
        for setting in settings
    )
