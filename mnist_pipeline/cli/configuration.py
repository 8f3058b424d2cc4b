"""Read a run configuration from a YAML file, and check it before anything runs."""

import inspect
import re
from collections.abc import Set as AbstractSet
from pathlib import Path
from textwrap import shorten
from typing import Any

import dagster as dg
import yaml
from pydantic import ValidationError

from mnist_pipeline.cli.errors import CommandError, unknown
from mnist_pipeline.cli.execution import config_of, console_job
from mnist_pipeline.cli.selection import INBOX_JOB, SHARDS, definitions_of_assets, job_of
from mnist_pipeline.runtime.graph.code_versions import function_of
from mnist_pipeline.runtime.graph.resources import Seed
from mnist_pipeline.utils.printable import one_line

MAX_BYTES = 1 << 16
MAX_ALIASES = 20  # nested aliases could make a few lines stand for millions of values
MESSAGE_LENGTH = 600
EXAMPLE = "write for example 'ops: {softmax_model: {config: {epochs: 40}}}'"


def load_run_config(file: Path | None, selected: AbstractSet[dg.AssetKey]) -> dict[str, Any]:
    """Load the run configuration in a YAML file, and check it against what the selected assets accept.

    Raises CommandError if the file can't be read, is not YAML, or has a value that the assets do not accept.
    """
    config: dict[str, Any] = {"loggers": {"console": {}}}
    if file is None:
        return config
    try:
        config |= _read(file)
        # The assets of each job; pictures are checked only if nothing else is selected.
        names_of_jobs = sorted({*map(job_of, selected)} - {INBOX_JOB}, key=lambda name: (name.endswith(SHARDS), name))
        parts = [{key for key in selected if job_of(key) == name} for name in names_of_jobs]
        first, *others = parts or [set(selected)]
        names = {key.to_user_string() for part in others for key in part}
        # The first part is checked with all names but those of the others, so that unknown names are refused.
        ops = {name: value for name, value in config.get("ops", {}).items() if name not in names} if names else None
        _check(first, config if ops is None else {**config, "ops": ops})
        for part in others:
            _check(part, config_of(part, config))
    except Exception as error:  # whatever YAML's constructors and Dagster's own checks raise for malformed values
        raise CommandError(one_line(f"--config {file}: {_describe(error)}; {EXAMPLE}")) from error
    return config


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():  # opening a pipe would wait for its writer
        raise ValueError("it is not a file")
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
    if sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content, yaml.SafeLoader)) > MAX_ALIASES:
        raise ValueError(f"it has more than {MAX_ALIASES} aliases")
    config = yaml.safe_load(content)
    if not isinstance(config, dict | None):
        raise ValueError(f"it must be a mapping, not a {type(config).__name__}")
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
        _check_bounds(f"ops.{name}.config", parameter.annotation if parameter else None, entry["config"] or {})
    for name, entry in resolved["resources"].items():  # the settings determine all resources except the seed
        values = {field: value for field, value in (entry["config"] or {}).items() if value is not None}
        _check_bounds(f"resources.{name}.config", Seed if name == "seed" else None, values)


def _check_bounds(place: str, kind: type[Any] | None, values: dict[str, Any]) -> None:
    """Check values against the class of the configuration, None if there is no configuration."""
    if kind is None:
        if values:
            raise ValueError(f"{place} is {values}, but nothing reads it")
        return
    try:
        kind(**values)
    except ValidationError as error:
        places = [(".".join([place, *map(str, found["loc"])]), found) for found in error.errors()]
        raise ValueError("; ".join(f"{name} is {found['input']!r}: {found['msg']}" for name, found in places)) from None


def _describe(error: Exception) -> str:
    """Describe what is wrong with a run configuration."""
    if isinstance(error, dg.DagsterInvalidConfigError):
        return "; ".join(_describe_invalid(each) for each in error.errors)
    prefix = "it is not YAML: " if isinstance(error, yaml.YAMLError) else ""
    return prefix + shorten(one_line(error), MESSAGE_LENGTH)


def _describe_invalid(error: Any) -> str:
    """Return Dagster's message about one value, and the names that it would accept.

    The message about an unknown name ends with the types of all accepted names.
    """
    wrong = getattr(error.error_data, "field_name", None) or ", ".join(getattr(error.error_data, "field_names", ()))
    _, separator, schema = error.message.partition(" Expected: ")
    if wrong and separator:
        place = ":".join(["root", *(entry.field_name for entry in error.stack.entries if hasattr(entry, "field_name"))])
        return unknown(wrong, f"accepted in {place}", _outer_names(schema))
    choices = getattr(getattr(error.error_data, "config_type_snap", None), "enum_values", None) or ()
    names = f" ({', '.join(each.value for each in choices)})" if choices else ""
    return shorten(one_line(error.message), MESSAGE_LENGTH) + names


def _outer_names(schema: str) -> list[str]:
    """The names at the outer level of a schema such as `{ epochs?: (Int | { env: String })? recipe?: Name? }`."""
    depth, names = 0, []
    for token in re.findall(r"[{(\[]|[])}]|\w+\??:", schema):
        depth += 1 if token in "{([" else -1 if token in "})]" else 0
        if depth == 1 and token.endswith(":"):
            names.append(token.rstrip("?:"))
    return names
