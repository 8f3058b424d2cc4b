"""The environment as typed settings; the only reader of environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assets import passwords

PROJECT = Path(__file__).resolve().parent.parent
EMBEDDED_DATA = PROJECT / "data"
SPIN_COUNT = "5000"
EXECUTORS = ("in_process", "multiprocess")


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
    executor : {"in_process", "multiprocess"}
        Where steps run (`MNIST_PIPELINE_EXECUTOR`).
    dagster_home : Path
        The Dagster instance (`DAGSTER_HOME`; under the storage directory by default).
    password_hash : str or None
        What `mnist-pipeline hash-password` printed (`MNIST_PIPELINE_PASSWORD_HASH`); without it there is no login.
    """

    data: Path
    storage: str
    executor: str
    dagster_home: Path
    password_hash: str | None = field(default=None, repr=False)

    @property
    def canonical(self) -> bool:
        """Whether the data are the embedded MNIST files, whose checksums are known."""
        return self.data == EMBEDDED_DATA


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment.

    Raises
    ------
    SettingsError
        If the executor is unknown, or the password's hash is not one.
    """
    storage = environ.get("MNIST_PIPELINE_STORAGE") or str(PROJECT / "storage")
    executor = environ.get("MNIST_PIPELINE_EXECUTOR") or "in_process"
    if executor not in EXECUTORS:
        raise SettingsError(f"MNIST_PIPELINE_EXECUTOR is {executor!r}; it must be one of {', '.join(EXECUTORS)}")
    password_hash = environ.get("MNIST_PIPELINE_PASSWORD_HASH") or None
    if password_hash:
        try:
            passwords.parse(password_hash)
        except passwords.PasswordError as error:
            raise SettingsError(f"MNIST_PIPELINE_PASSWORD_HASH: {error}") from error
    return Settings(
        data=Path(environ.get("MNIST_PIPELINE_DATA") or EMBEDDED_DATA).resolve(),
        storage=str(Path(storage).absolute()),
        executor=executor,
        dagster_home=Path(environ.get("DAGSTER_HOME") or Path(storage) / "dagster").absolute(),
        password_hash=password_hash,
    )


def share_processors() -> None:
    """Let torch's threads sleep soon where they wait for each other; to be called before torch is imported.

    They spin for long by default, and on processors that another program uses too, a training run then
    takes many times as long. A short spin costs nothing on idle ones.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
