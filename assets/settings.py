"""The environment as typed settings; the only reader of environment variables."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from assets import passwords
from mnist_pipeline.machine import num_cores

PROJECT = Path(__file__).resolve().parent.parent
EMBEDDED_DATA = PROJECT / "data"
SPIN_COUNT = "5000"
EXECUTORS = ("in_process", "multiprocess", "ray", "dask")
ON_CLUSTERS = ("ray", "dask")
MAX_THREADS = 1_024
# What the libraries read as they are imported: how many threads each may use.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
# Of no use to a worker: the door's password, and where the work of its own is carried out.
NOT_PASSED_ON = ("MNIST_PIPELINE_PASSWORD_HASH", "MNIST_PIPELINE_CLUSTER")


class SettingsError(ValueError):
    """A setting is not what it should be; the message names it, what is wrong and what to do."""


@dataclass(frozen=True)
class Settings:
    """Where the pipeline reads and writes, and how it executes.

    Attributes
    ----------
    data : Path
        Directory of the four IDX files (`MNIST_PIPELINE_DATA`; the embedded MNIST by default).
    storage : str
        Directory of the results (`MNIST_PIPELINE_STORAGE`; `storage` in the project by default).
    executor : {"in_process", "multiprocess", "ray", "dask"}
        Where steps run (`MNIST_PIPELINE_EXECUTOR`).
    cluster : str or None
        Address of a running Ray or Dask cluster (`MNIST_PIPELINE_CLUSTER`); without it a local one is started.
    threads : int
        Threads that each process computes with (`MNIST_PIPELINE_THREADS`; the cores by default).
    database : str or None
        Where the Dagster instance is kept, `postgresql://…` (`MNIST_PIPELINE_DATABASE`); SQLite without it.
    dagster_home : Path
        The Dagster instance (`DAGSTER_HOME`; under the storage directory by default).
    inbox : Path
        Where people put pictures (`MNIST_PIPELINE_INBOX`; `inbox` under the storage directory by default).
    password_hash : str or None
        What `mnist-pipeline hash-password` printed (`MNIST_PIPELINE_PASSWORD_HASH`); without it there is no login.
    """

    data: Path
    storage: str
    executor: str
    dagster_home: Path
    inbox: Path
    password_hash: str | None = field(default=None, repr=False)
    cluster: str | None = None
    threads: int = field(default_factory=num_cores)
    database: str | None = field(default=None, repr=False)

    @property
    def canonical(self) -> bool:
        """Whether the data are the embedded MNIST files, whose checksums are known."""
        return self.data == EMBEDDED_DATA


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment.

    Raises
    ------
    SettingsError
        If the executor is unknown, what should name a local directory, a cluster, a database or a number of threads
        does not, the inbox has other things in it, or the password's hash is not one.
    """
    storage = _directory(environ, "MNIST_PIPELINE_STORAGE", PROJECT / "storage")
    executor = environ.get("MNIST_PIPELINE_EXECUTOR") or "in_process"
    if executor not in EXECUTORS:
        raise SettingsError(f"MNIST_PIPELINE_EXECUTOR is {executor!a}; it must be one of {', '.join(EXECUTORS)}")
    password_hash = environ.get("MNIST_PIPELINE_PASSWORD_HASH") or None
    if password_hash:
        try:
            passwords.parse(password_hash)
        except passwords.PasswordError as error:
            raise SettingsError(f"MNIST_PIPELINE_PASSWORD_HASH: {error}") from error
    loaded = Settings(
        data=Path(os.path.realpath(_directory(environ, "MNIST_PIPELINE_DATA", EMBEDDED_DATA))),
        storage=str(storage.absolute()),
        executor=executor,
        dagster_home=_directory(environ, "DAGSTER_HOME", storage / "dagster").absolute(),
        inbox=_directory(environ, "MNIST_PIPELINE_INBOX", storage / "inbox").absolute(),
        password_hash=password_hash,
        cluster=_cluster(environ, executor),
        threads=_threads(environ),
        database=_database(environ),
    )
    _require_inbox_apart(loaded)
    return loaded


def _require_inbox_apart(loaded: Settings) -> None:
    """Refuse an inbox out of which the pipeline's own files would be moved."""
    inbox = os.path.realpath(loaded.inbox)
    for directory in (loaded.data, loaded.storage, loaded.dagster_home, PROJECT):
        if Path(os.path.realpath(directory)).is_relative_to(inbox):
            raise SettingsError(
                f"MNIST_PIPELINE_INBOX is {str(loaded.inbox)!a}: {str(directory)!a} is in it, and would be taken for "
                "what people put there; name a directory of its own"
            )


def _directory(environ: Mapping[str, str], variable: str, default: Path) -> Path:
    """The directory that a variable names; it need not exist."""
    value = environ.get(variable)
    if not value:
        return default
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
