"""The settings of the pipeline; the only module that reads the environment."""

import functools
import hashlib
import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from mnist_pipeline.utils import directories, machine
from mnist_pipeline.utils.printable import unknown
from mnist_pipeline.utils.reported import ReportedError
from mnist_pipeline.utils.validation import first_problem

PREFIX = "MNIST_PIPELINE_"
# Settings of former versions, and what replaces each.
FORMER = {
    "MNIST_PIPELINE_OWNERS": "name owners in Dagster: `owners` of `@dg.asset`, or post_processing "
    "in the defs.yaml of an instance",
    "MNIST_PIPELINE_EXPERIMENTS": "edit the list in assets/experiments.py, or write an asset "
    "of your own as docs/experiments.md shows",
    "MNIST_PIPELINE_INBOX": "name pictures on the command line: mnist-pipeline predict PICTURE …",
}
MAX_THREADS = 1_024
SPIN_COUNT = "5000"
# Libraries read these variables when they are imported: the number of threads that each may use.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


class SettingsError(ReportedError, ValueError):
    """A setting is not valid. The message names the variable, the problem and a remedy."""


def local_path(value: Any, base: Path = Path()) -> Path:
    """An absolute path; a relative one starts at `base`. Raises ValueError."""
    text = str(value)
    if not text.strip() or text.startswith("~") or "://" in text:
        raise ValueError("it is not a local path; write a path without ~ and ://")
    return Path(os.path.abspath(base / text))  # noqa: PTH100  # it keeps links


def storage_address(value: str, base: Path = Path()) -> str:
    """A local directory, or an address with `://` whose library is installed. Raises ValueError.

    `file:///PATH` is the local directory PATH.
    """
    if value.startswith("file://"):
        value = unquote(value.removeprefix("file://"))
    scheme, separator, rest = value.partition("://")
    if not separator:
        return str(local_path(value, base))
    if not scheme or not rest.strip("/"):
        raise ValueError("it is not a whole address; write one such as s3://BUCKET/PREFIX")
    import fsspec  # imported here, because it takes 0.1 s

    try:
        fsspec.get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{error}; for s3://, install the extra mnist-dagster[s3]") from None
    return value.rstrip("/")


def _instance_directory(storage: str) -> Path:
    """The directory `dagster` in the storage; for a bucket, below the home of this package."""
    if "://" not in storage:
        return Path(storage, "dagster")
    readable, unique = re.sub(r"\W+", "-", storage), hashlib.sha256(storage.encode()).hexdigest()
    directory = directories.writable_home() / "storage" / f"{readable[:60]}-{unique[:8]}"
    return directory / "dagster"


LocalPath = Annotated[Path, BeforeValidator(local_path)]


class Settings(BaseSettings):
    """Where the pipeline reads and writes. Each field is read from `MNIST_PIPELINE_FIELD`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True)

    data: LocalPath = Field(
        default=directories.EMBEDDED_DATA,
        description="Directory or file of labelled images; the embedded MNIST by default.",
    )
    storage: Annotated[str, AfterValidator(storage_address)] = Field(
        default_factory=lambda: str(directories.writable_home() / "storage"),
        description="Directory of the results, or an address such as s3://BUCKET/PREFIX.",
    )
    threads: Annotated[int, Field(ge=1, le=MAX_THREADS)] = Field(
        default_factory=machine.num_cores,
        description="Number of threads that each process computes with.",
    )
    dagster_home: LocalPath = Field(
        default_factory=lambda fields: _instance_directory(fields["storage"]),
        validation_alias="DAGSTER_HOME",
        description="Directory of the Dagster instance; `dagster` in the storage by default.",
    )


def load() -> Settings:
    """The settings from the environment; raises SettingsError if a variable is wrong."""
    # A run asks some two hundred times, and each takes a millisecond.
    return _validated(os.path.abspath("."), frozenset(os.environ.items()))  # noqa: PTH100


@functools.lru_cache(1)
def _validated(directory: str, environment: frozenset[tuple[str, str]]) -> Settings:
    """The settings of the present directory and environment, which are the key."""
    known = [PREFIX + name.upper() for name in Settings.model_fields if name != "dagster_home"]
    for name in os.environ:
        if name in FORMER:
            raise SettingsError(f"{name} is not a setting any more; unset it, and {FORMER[name]}")
        if name.startswith(PREFIX) and name not in known:
            raise SettingsError(unknown(name, "a setting", known))
    try:
        return Settings()
    except ValidationError as error:
        field, _, problem = first_problem(error).partition(" is ")
        variable = field if field.isupper() else PREFIX + field.upper()
        raise SettingsError(f"{variable} is {problem}") from None


def limit_threads() -> None:
    """Limit the threads of libraries. Most read the limit when they are imported.

    The number of threads that share a sum determines the order of its terms, and so the last bits
    of a trained model: every process that computes has the same number.

    By default, torch's threads spin for a long time while they wait. If another program uses the
    processors too, a training takes many times as long. A short spin costs nothing on idle
    processors.
    """
    settings = load()
    threads, is_set = str(settings.threads), "threads" in settings.model_fields_set
    for name in THREAD_VARIABLES:
        if os.environ.get(name) != threads and (is_set or name not in os.environ):
            os.environ[name] = threads
            machine.limit_loaded(name, settings.threads)
    numba = os.environ["NUMBA_NUM_THREADS"]
    if numba and not numba.isdecimal():  # other libraries ignore what is not a number
        raise SettingsError(f"NUMBA_NUM_THREADS is {numba!r}; it must be a number of threads")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
