"""The environment as typed settings; the only reader of environment variables."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from mnist_pipeline.runtime import passwords
from mnist_pipeline.utils.machine import num_cores

PROJECT = Path(__file__).resolve().parents[2]
EMBEDDED_DATA = PROJECT / "data"
SPIN_COUNT = "5000"
EXECUTORS = ("in_process", "multiprocess", "ray", "dask")
EXECUTOR_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*")
ON_CLUSTERS = ("ray", "dask")
MAX_THREADS = 1_024
# What the libraries read as they are imported: how many threads each may use.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# A worker does not need these: the password of the UI, and the executor of the run.
NOT_PASSED_ON = ("MNIST_PIPELINE_PASSWORD_HASH", "MNIST_PIPELINE_CLUSTER")
SCHEME = "s3://"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
SEGMENT = re.compile(r"(?!\.+$)[A-Za-z0-9._=-]+")  # of the prefix in a bucket
CACHE_GB = 10.0
PLAIN = "mnist"  # the data set whose keys have no prefix
DATA_SET_NAME = re.compile(r"(?=.{1,40}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")
STORED_BESIDE = ("assets", "dagster", "figures", "inbox", "manifests", "report")  # directories of a storage
TAKEN = (*STORED_BESIDE, "nan", "null")  # which tables read back as nothing
DEFAULT_FOLDS = 4
MAX_FOLDS = 4_096  # 246 million images of MNIST's size


class SettingsError(ValueError):
    """A setting is not what it should be; the message names it, what is wrong and what to do."""


class DataSetPlace(NamedTuple):
    """A data set beside MNIST, and the directory of its files."""

    name: str
    directory: Path

    @property
    def prefix(self) -> str:
        """What its keys, groups, jobs and its directory in the storage begin with."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Settings:
    """Where the pipeline reads and writes, and how it executes.

    Attributes
    ----------
    data : Path
        Directory of the four IDX files (`MNIST_PIPELINE_DATA`; the embedded MNIST by default).
    storage : str
        Directory of the results, or `s3://BUCKET/PREFIX` (`MNIST_PIPELINE_STORAGE`; `storage` in the project by
        default).
    executor : str
        Where work runs: "in_process", "multiprocess", "ray", "dask", or `package.module:name` of another
        `dagster.ExecutorDefinition` (`MNIST_PIPELINE_EXECUTOR`).
    cluster : str or None
        Address of a running Ray or Dask cluster (`MNIST_PIPELINE_CLUSTER`); without it a local one is started.
    threads : int
        Threads that each process computes with (`MNIST_PIPELINE_THREADS`; the cores by default).
    database : str or None
        Where the Dagster instance is kept, `postgresql://…` (`MNIST_PIPELINE_DATABASE`); SQLite without it.
    dagster_home : Path
        The Dagster instance (`DAGSTER_HOME`; under the storage directory by default, for a bucket in the project's
        `storage/s3`).
    inbox : Path
        Where people put pictures (`MNIST_PIPELINE_INBOX`; `inbox` beside the Dagster instance's directory by default).
    cache : Path
        Local copies of what lies in a bucket (`MNIST_PIPELINE_CACHE`; `mnist-pipeline` in the user's cache by default).
    cache_bytes : int
        What they may take (`MNIST_PIPELINE_CACHE_GB`, in GB of 10⁹ bytes; 10 by default).
    password_hash : str or None
        What `mnist-pipeline hash-password` printed (`MNIST_PIPELINE_PASSWORD_HASH`); without it there is no login.
    data_sets : tuple of DataSetPlace
        Data sets beside MNIST (`MNIST_PIPELINE_DATA_SETS`, as `NAME`, `NAME=DIRECTORY`, …; none by default).
    folds : int
        How many times as large as the training set the expanded one is (`MNIST_PIPELINE_FOLDS`; 4 by default).
    """

    data: Path
    storage: str
    executor: str
    dagster_home: Path
    inbox: Path
    cache: Path
    cache_bytes: int
    password_hash: str | None = field(default=None, repr=False)
    data_sets: tuple[DataSetPlace, ...] = ()
    cluster: str | None = None
    threads: int = field(default_factory=num_cores)
    database: str | None = field(default=None, repr=False)
    folds: int = DEFAULT_FOLDS

    @property
    def canonical(self) -> bool:
        """Whether the data are the embedded MNIST files, whose checksums are known."""
        return self.data == EMBEDDED_DATA


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment.

    Raises
    ------
    SettingsError
        If one of its variables is not what it should be.
    """
    storage, local = _storage(environ)
    executor = environ.get("MNIST_PIPELINE_EXECUTOR") or "in_process"
    if executor not in EXECUTORS and not EXECUTOR_NAME.fullmatch(executor):
        raise SettingsError(
            f"MNIST_PIPELINE_EXECUTOR is {executor!a}; it must be one of {', '.join(EXECUTORS)}, or the name of an "
            "ExecutorDefinition: package.module:name"
        )
    password_hash = environ.get("MNIST_PIPELINE_PASSWORD_HASH") or None
    if password_hash:
        try:
            passwords.check_hash(password_hash)
        except passwords.PasswordError as error:
            raise SettingsError(f"MNIST_PIPELINE_PASSWORD_HASH: {error}") from error
    loaded = Settings(
        data=Path(os.path.realpath(_directory(environ, "MNIST_PIPELINE_DATA", EMBEDDED_DATA))),
        storage=storage,
        executor=executor,
        dagster_home=_directory(environ, "DAGSTER_HOME", local / "dagster").absolute(),
        inbox=_directory(environ, "MNIST_PIPELINE_INBOX", local / "inbox").absolute(),
        cache=_cache(environ).absolute(),
        cache_bytes=_cache_bytes(environ),
        password_hash=password_hash,
        data_sets=_data_sets(environ.get("MNIST_PIPELINE_DATA_SETS") or ""),
        cluster=_cluster(environ, executor),
        threads=_threads(environ),
        database=_database(environ),
        folds=_folds(environ),
    )
    _require_inbox_apart(loaded)
    return loaded


@functools.cache
def of_definitions() -> Settings:
    """The settings with which the definitions of this process were loaded, read once."""
    return load()


def _folds(environ: Mapping[str, str]) -> int:
    """The number of folds, in plain digits."""
    value = environ.get("MNIST_PIPELINE_FOLDS") or str(DEFAULT_FOLDS)
    if not (re.fullmatch("[0-9]{1,4}", value) and 1 <= int(value) <= MAX_FOLDS):
        raise SettingsError(f"MNIST_PIPELINE_FOLDS is {value!a}; it must be a whole number from 1 to {MAX_FOLDS}")
    return int(value)


def _require_inbox_apart(loaded: Settings) -> None:
    """Refuse an inbox out of which the pipeline's own files would be moved."""
    inbox = os.path.realpath(loaded.inbox)
    storage = () if loaded.storage.startswith(SCHEME) else (loaded.storage,)
    data = (loaded.data, *(placed.directory for placed in loaded.data_sets))
    for directory in (*data, *storage, loaded.dagster_home, loaded.cache, PROJECT):
        if Path(os.path.realpath(directory)).is_relative_to(inbox):
            raise SettingsError(
                f"MNIST_PIPELINE_INBOX is {str(loaded.inbox)!a}: {str(directory)!a} is in it, and would be taken for "
                "what people put there; name a directory of its own"
            )


def _storage(environ: Mapping[str, str]) -> tuple[str, Path]:
    """Where results lie, and the local directory of what can't lie in a bucket."""
    value = environ.get("MNIST_PIPELINE_STORAGE") or ""
    if "://" not in value or any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        directory = _directory(environ, "MNIST_PIPELINE_STORAGE", PROJECT / "storage")
        return str(directory.absolute()), directory
    bucket, _, prefix = value.removeprefix(SCHEME).rstrip("/").partition("/")
    told = f"MNIST_PIPELINE_STORAGE is {value!a}: it"
    if "@" in value:  # which may be a password's, and is not repeated
        wrong = "MNIST_PIPELINE_STORAGE holds an @: credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    elif not value.startswith(SCHEME):
        wrong = f"{told} is an address of an unknown kind; name a local directory, or s3://BUCKET/PREFIX"
    elif not BUCKET.fullmatch(bucket):
        wrong = f"{told} names no bucket: 3 to 63 lowercase letters, digits, dots and hyphens; write s3://BUCKET/PREFIX"
    elif prefix and not all(SEGMENT.fullmatch(segment) for segment in prefix.split("/")):
        wrong = f"{told} has another prefix than names of letters, digits and ._=- between slashes; choose such names"
    else:
        address = f"{bucket}/{prefix}" if prefix else bucket
        return SCHEME + address, PROJECT / "storage" / "s3" / quote(address, safe="")
    raise SettingsError(wrong)


def _cache(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111  # never fails
    return _directory(environ, "MNIST_PIPELINE_CACHE", Path(base) / "mnist-pipeline")


def _cache_bytes(environ: Mapping[str, str]) -> int:
    value = environ.get("MNIST_PIPELINE_CACHE_GB") or str(CACHE_GB)
    try:
        gigabytes = float(value)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < 1e9:
        raise SettingsError(f"MNIST_PIPELINE_CACHE_GB is {value!a}; it must be a number of GB, 0 or more, such as 2.5")
    return int(gigabytes * 1e9)


def fetched(name: str) -> Path:
    """Where `mnist-pipeline fetch` puts a data set."""
    return EMBEDDED_DATA / name


def _data_sets(value: str) -> tuple[DataSetPlace, ...]:
    """The data sets that a comma-separated list of `NAME` and `NAME=DIRECTORY` names."""
    placed: dict[str, DataSetPlace] = {}
    for entry in value.split(",") if value else ():
        name, given, directory = entry.strip().partition("=")
        try:
            if name in placed:
                raise SettingsError(f"{name!a} stands there twice; name each data set once")
            placed[name] = DataSetPlace(name, _data_set_directory(name, directory if given else None))
        except SettingsError as error:
            raise SettingsError(f"MNIST_PIPELINE_DATA_SETS is {value!a}: {error}") from error
    return tuple(placed.values())


def _data_set_directory(name: str, directory: str | None) -> Path:
    """The directory of a data set: the one given, or that of what was fetched."""
    from mnist_pipeline.data.catalogue import KNOWN

    if not DATA_SET_NAME.fullmatch(name):
        raise SettingsError(
            f"{name!a} is no name of a data set; write NAME or NAME=DIRECTORY, where a name has at most 40 small "
            "letters and digits, with single hyphens between them"
        )
    if name == PLAIN:
        raise SettingsError(f"{name!a} is there by itself; MNIST_PIPELINE_DATA sets its directory")
    if name in TAKEN:
        raise SettingsError(f"{name!a} has a meaning of its own in the storage; choose another name")
    if directory is None and name not in KNOWN:
        raise SettingsError(
            f"{name!a} is not known by name, as {', '.join(KNOWN)} are; write {name}=DIRECTORY for one of your own"
        )
    found = fetched(name) if directory is None else _local("the directory of " + name, directory)
    if not found.is_dir():
        there = f"{str(found)!a} is not there" if not found.exists() else f"{str(found)!a} is not a directory"
        fetching = f"mnist-pipeline fetch {name} puts it there, or " if directory is None else ""
        raise SettingsError(f"{there}; {fetching}name the directory that holds {name}: {name}=DIRECTORY")
    return Path(os.path.realpath(found))


def _directory(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """The directory that a variable names; it need not exist."""
    value = environ.get(variable)
    return _local(variable, value) if value else default


def _local(variable: str, value: str) -> Path:
    """A local directory, which need not exist."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        wrong = "holds control characters, or is not valid UTF-8; rename the directory"
    elif not value.strip():
        wrong = "is blank; unset it, or name a directory"
    elif "://" in value:
        wrong = "is an address; name a local directory"
    elif value.startswith("~"):
        wrong = "begins with ~, which only a shell expands; write the whole path"
    else:
        return Path(value)
    raise SettingsError(f"{variable} is {value!a}: it {wrong}")


def _cluster(environ: Mapping[str, str], executor: str) -> str | None:
    """The address of a running cluster, in the form that its scheduler prints."""
    address = environ.get("MNIST_PIPELINE_CLUSTER")
    if not address:
        return None
    if executor not in ON_CLUSTERS:
        raise SettingsError(
            f"MNIST_PIPELINE_CLUSTER is {address!a}, but MNIST_PIPELINE_EXECUTOR is {executor!a}, which needs none; "
            f"set MNIST_PIPELINE_EXECUTOR to {' or '.join(ON_CLUSTERS)}, or unset MNIST_PIPELINE_CLUSTER"
        )
    if not re.fullmatch(r"((tcp|ray)://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}", address):
        raise SettingsError(
            f"MNIST_PIPELINE_CLUSTER is {address!a}: it is not the address of a cluster; write HOST:PORT, as "
            + ("`ray start --head` prints it" if executor == "ray" else "`dask scheduler` prints it")
        )
    return address


def _threads(environ: Mapping[str, str]) -> int:
    value = environ.get("MNIST_PIPELINE_THREADS")
    if not value:
        return num_cores()
    if not re.fullmatch(r"[0-9]{1,4}", value, re.ASCII) or not 1 <= int(value) <= MAX_THREADS:
        raise SettingsError(f"MNIST_PIPELINE_THREADS is {value!a}; it must be a number from 1 to {MAX_THREADS:,}")
    return int(value)


def _database(environ: Mapping[str, str]) -> str | None:
    """The address of a database; a message doesn't repeat it, as it holds a password."""
    address = environ.get("MNIST_PIPELINE_DATABASE")
    if not address:
        return None
    try:
        parts = urlsplit(address)
        named = (
            parts.scheme in ("postgresql", "postgres", "postgresql+psycopg2")
            and parts.hostname
            and parts.path.strip("/")
        )
        good = bool(named) and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:
        good = False
    if not good:
        raise SettingsError(
            "MNIST_PIPELINE_DATABASE is not the address of a PostgreSQL database (it is not shown, as it may hold a "
            "password); write postgresql://USER:PASSWORD@HOST:5432/NAME, with %-escapes for what is special in an URL"
        )
    # SQLAlchemy would look for another driver than the one that Dagster brings.
    return f"postgresql+psycopg2://{address.partition('://')[2]}"


def for_workers(configured: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables with which a worker process comes to the same settings, and carries out itself what it is given."""
    own = {name: value for name, value in environ.items() if name.startswith("MNIST_PIPELINE_")}
    return {
        **{name: value for name, value in own.items() if value and name not in NOT_PASSED_ON},
        "MNIST_PIPELINE_DATA": str(configured.data),
        "MNIST_PIPELINE_STORAGE": configured.storage,
        "MNIST_PIPELINE_INBOX": str(configured.inbox),
        "MNIST_PIPELINE_EXECUTOR": "in_process",
        "MNIST_PIPELINE_THREADS": str(configured.threads),
        "DAGSTER_HOME": str(configured.dagster_home),
        **({"MNIST_PIPELINE_DATABASE": configured.database} if configured.database else {}),
        **thread_limits(configured, environ),
    }


def thread_limits(configured: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """How many threads each library may use: what is set stands, unless `MNIST_PIPELINE_THREADS` says otherwise."""
    forced = configured.threads != num_cores() or bool(environ.get("MNIST_PIPELINE_THREADS"))
    number = str(configured.threads)
    return {name: number if forced else environ.get(name) or number for name in THREAD_VARIABLES}


def adopt(variables: Mapping[str, str]) -> None:
    """Have this process read these settings from now on, and no other ones."""
    for name in [name for name in os.environ if name.startswith("MNIST_PIPELINE_") and name not in variables]:
        del os.environ[name]
    os.environ.update(variables)


def share_processors() -> None:
    """Bound the threads of the libraries, and let those that wait for each other sleep soon; before any is imported.

    How many threads share a sum decides in which order it is added up, and so the last bits of what is trained:
    each process that makes results has the same number.

    torch's threads spin for long by default, and on processors that another program uses too, a training run then
    takes many times as long. A short spin costs nothing on idle ones.
    """
    os.environ.update(thread_limits(load()))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
