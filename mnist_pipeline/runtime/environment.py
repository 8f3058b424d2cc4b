"""The typed settings, read from environment variables by pydantic-settings.

Import `settings` instead, which is light: this module imports pydantic.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from mnist_pipeline.runtime import passwords, project
from mnist_pipeline.runtime.project import PLAIN, PROJECT, SCHEME, DataSetPlace, fetched
from mnist_pipeline.utils.machine import num_cores

EXECUTORS = ("in_process", "multiprocess", "ray", "dask")
EXECUTOR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*")
ON_CLUSTERS = ("ray", "dask")
CLUSTER = re.compile(r"((tcp|ray)://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
MAX_THREADS = 1_024
MAX_FOLDS = 4_096  # 246 million images for MNIST
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._=-]+")  # between the slashes of a prefix in a bucket
POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")
DATA_SET_NAME = re.compile(r"(?=.{1,40}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")
# Directories of a storage, and names that a table reads back as a missing value.
RESERVED = ("assets", "dagster", "figures", "inbox", "manifests", "report", "nan", "null")


class SecretError(ValueError):
    """A variable that may contain a password is not valid; its value must not be shown."""


def _directory(value: str) -> Path:
    """A local directory, which need not exist."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("it contains control characters, or is not valid UTF-8; rename the directory")
    if not value.strip():
        raise ValueError("it is blank; unset it, or name a directory")
    if "://" in value:
        raise ValueError("it is an address; name a local directory")
    if value.startswith("~"):
        raise ValueError("it begins with ~, which only a shell expands; write the whole path")
    return Path(value)


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike Path.resolve, it accepts links that lead in a circle


def _storage(value: str) -> str:
    if "://" not in value or any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        return str(_directory(value).absolute())
    if "@" in value:
        raise SecretError(
            "it contains an @, but credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
            "write s3://BUCKET/PREFIX"
        )
    if not value.startswith(SCHEME):
        raise ValueError("it is not a supported kind of address; name a local directory, or s3://BUCKET/PREFIX")
    bucket, _, prefix = value.removeprefix(SCHEME).rstrip("/").partition("/")
    if not BUCKET.fullmatch(bucket):
        raise ValueError(
            "it names no bucket: 3 to 63 lowercase letters, digits, dots and hyphens; write s3://BUCKET/PREFIX"
        )
    if prefix and not all(SEGMENT.fullmatch(segment) for segment in prefix.split("/")):
        raise ValueError("its prefix may have only letters, digits and ._=- between the slashes; choose such names")
    return f"{SCHEME}{bucket}/{prefix}" if prefix else f"{SCHEME}{bucket}"


def _executor(value: str) -> str:
    if value not in EXECUTORS and not EXECUTOR_NAME.fullmatch(value):
        raise ValueError(
            f"it must be one of {', '.join(EXECUTORS)}, or the name of an ExecutorDefinition: package.module:name"
        )
    return value


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not (re.fullmatch("[0-9]{1,4}", value) and low <= int(value) <= high):
            raise ValueError(f"it must be a whole number from {low} to {high:,}")
        return int(value)

    return parse


def _gigabytes(value: str) -> int:
    """A number of bytes, from a number of GB (10⁹ bytes)."""
    try:
        gigabytes = float(value)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < 1e9:
        raise ValueError("it must be a number of GB, 0 or more, such as 2.5")
    return int(gigabytes * 1e9)


def _database(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = (
            parts.scheme in POSTGRES_SCHEMES
            and bool(parts.hostname)
            and bool(parts.path.strip("/"))
            and parts.port != 0
            and value.isprintable()
            and " " not in value
        )
    except ValueError:
        valid = False
    if not valid:
        raise SecretError(
            "it is not the address of a PostgreSQL database (it is not shown, since it may contain a password); "
            "write postgresql://USER:PASSWORD@HOST:5432/NAME, with %-escapes for special characters"
        )
    return f"postgresql+psycopg2://{value.partition('://')[2]}"  # the driver that dagster-postgres installs


def _password_hash(value: str) -> str:
    try:
        passwords.check_hash(value)
    except passwords.PasswordError as error:
        raise SecretError(str(error)) from error
    return value


def _data_sets(value: str) -> tuple[DataSetPlace, ...]:
    """The data sets in a comma-separated list of `NAME` and `NAME=DIRECTORY`."""
    places: dict[str, DataSetPlace] = {}
    for entry in value.split(","):
        name, separator, directory = entry.strip().partition("=")
        if name in places:
            raise ValueError(f"{name!a} is there twice; name each data set once")
        places[name] = DataSetPlace(name, _data_set_directory(name, directory if separator else None))
    return tuple(places.values())


def _data_set_directory(name: str, directory: str | None) -> Path:
    """The directory of a data set: the one in the setting, or the one into which it was fetched."""
    from mnist_pipeline.data.catalogue import KNOWN

    if not DATA_SET_NAME.fullmatch(name):
        raise ValueError(
            f"{name!a} is not the name of a data set; write NAME or NAME=DIRECTORY, where a name has at most 40 "
            "lowercase letters and digits, with single hyphens between them"
        )
    if name == PLAIN:
        raise ValueError(f"{name!a} is always present; MNIST_PIPELINE_DATA sets its directory")
    if name in RESERVED:
        raise ValueError(f"{name!a} has a meaning of its own in the storage; choose another name")
    if directory is None and name not in KNOWN:
        raise ValueError(f"{name!a} is not a known data set ({', '.join(KNOWN)}); write {name}=DIRECTORY for your own")
    found = fetched(name) if directory is None else _directory(directory)
    if not found.is_dir():
        problem = "is not a directory" if found.exists() else "does not exist"
        fetching = f"download it with mnist-pipeline fetch {name}, or " if directory is None else ""
        raise ValueError(f"{str(found)!a} {problem}; {fetching}name the directory of the files: {name}=DIRECTORY")
    return _resolved(found)


def _instance_directory(fields: dict[str, Any]) -> Path:
    """The local directory of the Dagster instance and the inbox: the storage, or a directory for its bucket."""
    storage: str = fields["storage"]
    if not storage.startswith(SCHEME):
        return Path(storage)
    return PROJECT / "storage" / "s3" / quote(storage.removeprefix(SCHEME), safe="")


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # never fails
    return Path(base).absolute() / "mnist-pipeline"


LocalDirectory = Annotated[Path, BeforeValidator(_directory), AfterValidator(Path.absolute)]
INDIVIDUAL = {"dagster_home": "DAGSTER_HOME", "cache_bytes": "MNIST_PIPELINE_CACHE_GB"}


def _variable(field: str) -> str:
    return INDIVIDUAL.get(field) or f"MNIST_PIPELINE_{field.upper()}"


class Settings(BaseSettings):
    """Where the pipeline reads and writes, and how it executes.

    Each field is read from the variable `MNIST_PIPELINE_FIELD`, except the two in `INDIVIDUAL`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        validate_default=False,
        alias_generator=AliasGenerator(validation_alias=_variable),
    )

    # Directory of the four IDX files; the embedded MNIST by default.
    data: Annotated[Path, BeforeValidator(_directory), AfterValidator(_resolved)] = Field(
        default_factory=lambda: project.EMBEDDED_DATA
    )
    # Directory of the results, or `s3://BUCKET/PREFIX`.
    storage: Annotated[str, BeforeValidator(_storage)] = str(PROJECT / "storage")
    # Where work runs: one of `EXECUTORS`, or `package.module:name` of another `dagster.ExecutorDefinition`.
    executor: Annotated[str, BeforeValidator(_executor)] = "in_process"
    # Address of a running Ray or Dask cluster; by default a local one is started.
    cluster: str | None = None
    # Number of threads that each process computes with.
    threads: Annotated[int, BeforeValidator(_whole_number(1, MAX_THREADS))] = Field(default_factory=num_cores)
    # PostgreSQL database of the Dagster instance, `postgresql://…`; SQLite by default.
    database: Annotated[str | None, BeforeValidator(_database)] = Field(default=None, repr=False)
    # Data sets besides MNIST, as `NAME`, `NAME=DIRECTORY`, ….
    data_sets: Annotated[tuple[DataSetPlace, ...], NoDecode, BeforeValidator(_data_sets)] = ()
    # Directory of the Dagster instance; by default in the storage, or in the project's `storage/s3` for a bucket.
    dagster_home: LocalDirectory = Field(default_factory=lambda fields: _instance_directory(fields) / "dagster")
    # Directory of local copies of files from a bucket, and their total size; the variable is in GB.
    cache: LocalDirectory = Field(default_factory=_user_cache)
    cache_bytes: Annotated[int, BeforeValidator(_gigabytes)] = 10_000_000_000
    # The output of `mnist-pipeline hash-password`; without it, the UI asks for no password.
    password_hash: Annotated[str | None, BeforeValidator(_password_hash)] = Field(default=None, repr=False)
    # How many times as large as the training set the expanded set is.
    folds: Annotated[int, BeforeValidator(_whole_number(1, MAX_FOLDS))] = 4
    # Directory for pictures; by default next to the directory of the Dagster instance.
    inbox: LocalDirectory = Field(default_factory=lambda fields: _instance_directory(fields) / "inbox")

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *sources: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read environment variables only, and no files."""
        return (named["env_settings"],)

    @property
    def canonical(self) -> bool:
        """Whether the data are the embedded MNIST files, whose checksums are known."""
        return self.data == project.EMBEDDED_DATA

    @field_validator("cluster")
    @classmethod
    def _require_cluster_for_executor(cls, address: str | None, info: ValidationInfo) -> str | None:
        executor = info.data.get("executor")
        if executor not in ON_CLUSTERS:
            raise ValueError(
                f"MNIST_PIPELINE_EXECUTOR is {executor!a}, which uses no cluster; set it to "
                f"{' or '.join(ON_CLUSTERS)}, or unset MNIST_PIPELINE_CLUSTER"
            )
        if not CLUSTER.fullmatch(address or ""):
            command = "ray start --head" if executor == "ray" else "dask scheduler"
            raise ValueError(f"it is not the address of a cluster; write HOST:PORT, as `{command}` prints it")
        return address

    @field_validator("inbox")
    @classmethod
    def _require_inbox_apart(cls, inbox: Path, info: ValidationInfo) -> Path:
        """Refuse an inbox that contains files of the pipeline, since pictures are moved out of it."""
        fields = info.data
        storage = fields.get("storage", SCHEME)
        directories = [
            *(fields[name] for name in ("data", "dagster_home", "cache") if name in fields),
            *(place.directory for place in fields.get("data_sets", ())),
            *(() if storage.startswith(SCHEME) else (storage,)),
            PROJECT,
        ]
        for directory in directories:
            if _resolved(directory).is_relative_to(_resolved(inbox)):
                raise ValueError(
                    f"it contains {str(directory)!a}, whose files would be taken for pictures; "
                    "name a directory of its own"
                )
        return inbox


# Everything in the environment that settings depend on.
VARIABLES = (*map(_variable, Settings.model_fields), "XDG_CACHE_HOME", "HOME")


def first_problem(error: ValidationError) -> str:
    """The first problem of the environment in one line: the variable, its value unless it is secret, and a remedy."""
    found = error.errors(include_url=False)[0]
    variable, reason = found["loc"][0], found.get("ctx", {}).get("error", found["msg"])
    if isinstance(reason, SecretError):
        return f"{variable}: {reason}"
    return f"{variable} is {found['input']!a}: {reason}"
