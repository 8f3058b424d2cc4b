"""The environment as typed settings; the only reader of environment variables."""

from __future__ import annotations

import os
import unicodedata
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

    @property
    def canonical(self) -> bool:
        """Whether the data are the embedded MNIST files, whose checksums are known."""
        return self.data == EMBEDDED_DATA


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment.

    Raises
    ------
    SettingsError
        If the executor is unknown, what should name a local directory does not, the inbox has other things in it, or
        the password's hash is not one.
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


def share_processors() -> None:
    """Let torch's threads sleep soon where they wait for each other; to be called before torch is imported.

    They spin for long by default, and on processors that another program uses too, a training run then
    takes many times as long. A short spin costs nothing on idle ones.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
