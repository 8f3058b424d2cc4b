"""The typed settings, read from environment variables by pydantic-settings.

Import `settings` instead, which is light: this module imports pydantic.
"""

import os
import re
import unicodedata
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

from mnist_pipeline.runtime import project
from mnist_pipeline.runtime.project import PLAIN, PROJECT, SCHEME, SQLITE, DataSetPlace, fetched
from mnist_pipeline.utils import places
from mnist_pipeline.utils.machine import num_cores

EXECUTORS = ("in_process", "multiprocess", "ray", "dask")
EXECUTOR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*")
SOURCE_SUFFIXES = (".npz", ".parquet")
ON_CLUSTERS = ("ray", "dask")
CLUSTER = re.compile(r"((tcp|ray)://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
MAX_THREADS = 1_024
MAX_FOLDS = 4_096  # 246 million images for MNIST
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/(?!\.+(/|$))[A-Za-z0-9._=-]+)*")
POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")
DATA_SET_NAME = re.compile(r"(?=.{1,40}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")
# The data set that is always present, directories of a storage, and names that a table reads back as a missing value.
RESERVED = (
    *(PLAIN, "assets", "dagster", "figures", "inbox", "manifests", "records", "report", "versions"),
    *("nan", "null"),
)
SECRET = "MNIST_PIPELINE_DATABASE"  # the variable whose value is never shown


def _local_path(value: str) -> Path:
    """A local directory or file, which need not exist."""
    if not value.strip() or value.startswith("~") or "://" in value or _has_control_characters(value):
        raise ValueError(
            "it is not a local path: it is blank, begins with ~, which only a shell expands, is an address, or "
            "contains control characters; write the whole path"
        )
    return Path(value)


def _has_control_characters(value: str) -> bool:
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in value)


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))  # unlike Path.resolve, it accepts links that lead in a circle


def _storage(value: str) -> str:
    if "://" not in value or _has_control_characters(value):
        return str(_local_path(value).absolute())
    address = value.rstrip("/")
    if not BUCKET.fullmatch(address):
        raise ValueError(
            "it is not the address of a bucket: 3 to 63 lowercase letters, digits, dots and hyphens, and a prefix of "
            "letters, digits and ._=- between slashes; write s3://BUCKET/PREFIX, with credentials in AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY"
        )
    return address


def _executor(value: str) -> str:
    if value not in EXECUTORS and not EXECUTOR_NAME.fullmatch(value):
        raise ValueError(
            f"it must be one of {', '.join(EXECUTORS)}, or the name of an ExecutorDefinition: package.module:name"
        )
    return value


def _database(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in POSTGRES_SCHEMES and parts.hostname and parts.path.strip("/") and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not value.isprintable() or " " in value:
        raise ValueError(
            "it is not the address of a PostgreSQL database (it is not shown, since it may contain a password); "
            "write postgresql://USER:PASSWORD@HOST:5432/NAME, with %-escapes for special characters"
        )
    return f"postgresql+psycopg2://{value.partition('://')[2]}"  # the driver that dagster-postgres installs


def _mlflow(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_server = False
    file = value.removeprefix(SQLITE)
    if not value.isprintable() or "@" in value or not (is_server or (file != value and not set("?#%") & set(file))):
        raise ValueError(
            "it is not the address of an MLflow store; write http://HOST:PORT of a server, with credentials in "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or sqlite:///FILE"
        )
    return value if is_server else SQLITE + str(_local_path(file).absolute())


def _data_sets(value: str) -> tuple[DataSetPlace, ...]:
    """The data sets in a comma-separated list of `NAME` and `NAME=PATH`."""
    places: dict[str, DataSetPlace] = {}
    for entry in value.split(","):
        name, separator, directory = entry.strip().partition("=")
        if name in places:
            raise ValueError(f"{name!a} is there twice; name each data set once")
        places[name] = DataSetPlace(name, _data_set_directory(name, directory if separator else None))
    return tuple(places.values())


def _data_set_directory(name: str, directory: str | None) -> Path:
    """The directory or file of a data set: the one in the setting, or the directory into which it was fetched."""
    from mnist_pipeline.data.catalogue import KNOWN

    if not DATA_SET_NAME.fullmatch(name):
        raise ValueError(
            f"{name!a} is not the name of a data set; write NAME or NAME=PATH, where a name has at most 40 "
            "lowercase letters and digits, with single hyphens between them"
        )
    if name in RESERVED:
        raise ValueError(f"{name!a} has a meaning of its own; choose another name")
    if directory is None and name not in KNOWN:
        raise ValueError(f"{name!a} is not a known data set ({', '.join(KNOWN)}); write {name}=PATH for your own")
    found = fetched(name) if directory is None else _local_path(directory)
    is_usable = found.is_dir() or (found.is_file() and found.suffix in SOURCE_SUFFIXES)
    if not is_usable:
        problem = "is neither a directory nor .npz nor .parquet" if found.exists() else "does not exist"
        fetching = f"download it with mnist-pipeline fetch {name}, or " if directory is None else ""
        raise ValueError(f"{str(found)!a} {problem}; {fetching}name the directory or file: {name}=PATH")
    return _resolved(found)


def _instance_directory(fields: dict[str, Any]) -> Path:
    """The local directory of the Dagster instance and the inbox: the storage, or a directory for its bucket."""
    storage: str = fields["storage"]
    if not storage.startswith(SCHEME):
        return Path(storage)
    return places.writable_home() / "storage" / "s3" / quote(storage.removeprefix(SCHEME), safe="")


LocalPath = Annotated[Path, BeforeValidator(_local_path), AfterValidator(Path.absolute)]


def _variable(field: str) -> str:
    return "DAGSTER_HOME" if field == "dagster_home" else f"MNIST_PIPELINE_{field.upper()}"


class Settings(BaseSettings):
    """Where the pipeline reads and writes, and how it executes.

    Each field is read from the variable `MNIST_PIPELINE_FIELD`, except `dagster_home` from `DAGSTER_HOME`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        case_sensitive=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        validate_default=False,
        alias_generator=AliasGenerator(validation_alias=_variable),
    )

    # Directory or file of labelled images in a layout of docs/data-sets.md; the embedded MNIST by default.
    data: Annotated[Path, BeforeValidator(_local_path), AfterValidator(_resolved)] = Field(
        default_factory=lambda: project.EMBEDDED_DATA
    )
    # Directory of the results, or `s3://BUCKET/PREFIX`; `storage` in the checkout or the data directory of the user.
    storage: Annotated[str, BeforeValidator(_storage)] = Field(
        default_factory=lambda: str(places.writable_home() / "storage")
    )
    # Where work runs: one of `EXECUTORS`, or `package.module:name` of another `dagster.ExecutorDefinition`.
    executor: Annotated[str, BeforeValidator(_executor)] = "in_process"
    # Address of a running Ray or Dask cluster; by default a local one is started.
    cluster: str | None = None
    # Number of threads that each process computes with.
    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] = Field(default_factory=num_cores)
    # PostgreSQL database of the Dagster instance, `postgresql://…`; SQLite by default.
    database: Annotated[str | None, BeforeValidator(_database)] = Field(default=None, repr=False)
    # Data sets besides MNIST, as `NAME`, `NAME=PATH`, ….
    data_sets: Annotated[tuple[DataSetPlace, ...], NoDecode, BeforeValidator(_data_sets)] = ()
    # Directory of the Dagster instance; by default in the storage, or in `storage/s3` for a bucket.
    dagster_home: LocalPath = Field(default_factory=lambda fields: _instance_directory(fields) / "dagster")
    # Directory of local copies of files from a bucket, and their total size in GB (10⁹ bytes).
    cache: LocalPath = Field(default_factory=places.user_cache)
    cache_gb: Annotated[float, Field(ge=0, lt=1e9, allow_inf_nan=False)] = 10.0
    # Where runs are also logged: an MLflow server, `http://…`, or a SQLite file, `sqlite:///FILE`.
    mlflow: Annotated[str | None, BeforeValidator(_mlflow)] = None
    # How many times as large as the training set the expanded set is.
    folds: Annotated[int, Field(ge=1, le=MAX_FOLDS)] = 4
    # Number of former versions of each model that `prune` keeps.
    versions: Annotated[int, Field(ge=0)] = 20
    # Number of latest runs that `prune` keeps.
    kept_runs: Annotated[int, Field(ge=0)] = 20
    # Number of runs that the daemon starts at a time; further ones are queued.
    concurrent_runs: Annotated[int, Field(ge=1, le=1_000)] = 1
    # YAML file of the sweep of the group `experiments`; by default the one in `assets/`.
    experiments: LocalPath | None = None
    # Directory for pictures; by default next to the directory of the Dagster instance.
    inbox: LocalPath = Field(default_factory=lambda fields: _instance_directory(fields) / "inbox")

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
        directories = [PROJECT, *(fields.get(name, PROJECT) for name in ("data", "dagster_home", "cache"))]
        directories += [place.directory for place in fields.get("data_sets", ())]
        if not (storage := fields.get("storage", SCHEME)).startswith(SCHEME):
            directories.append(storage)
        for directory in directories:
            if _resolved(directory).is_relative_to(_resolved(inbox)):
                raise ValueError(
                    f"it contains {str(directory)!a}, whose files would be taken for pictures; "
                    "name a directory of its own"
                )
        return inbox


# Everything in the environment that settings depend on.
VARIABLES = (*map(_variable, Settings.model_fields), "XDG_CACHE_HOME", "XDG_DATA_HOME", "HOME")


def first_problem(error: ValidationError) -> str:
    """The first problem of the environment in one line: the variable, its value unless it is secret, and a remedy."""
    found = error.errors(include_url=False)[0]
    variable, value = str(found["loc"][0]), found["input"]
    reason = found.get("ctx", {}).get("error", found["msg"])
    if variable == SECRET or "@" in value:  # credentials can precede an @ in an address
        return f"{variable}: {reason}"
    return f"{variable} is {value!a}: {reason}"
