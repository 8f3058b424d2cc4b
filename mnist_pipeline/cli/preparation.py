"""What a command needs before it starts: valid settings, a writable storage and a Dagster instance."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import shorten

from mnist_pipeline.cli.errors import fail, fail_on
from mnist_pipeline.runtime import dagster_internals, database, settings, threads
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.storage import contents, files, storage

INSTANCE_FILE = Path(__file__).with_name("dagster.yaml")
# Otherwise, Dagster's processes for steps print debugging messages on standard error.
LOG_LEVEL = "python_logs:\n  python_log_level: INFO\n"


def prepare() -> settings.Settings:
    """Load the settings, and check that the storage is writable and the Dagster instance is configured correctly."""
    with fail_on(settings.SettingsError):
        configured = settings.load()
    for variable, root in (("MNIST_PIPELINE_STORAGE", configured.storage), ("DAGSTER_HOME", configured.dagster_home)):
        try:
            storage.file_store(str(root)).probe()
        except OSError as error:
            fail(f"storage {root} can't be written ({error.strerror}); point {variable} at a directory that can")
        except contents.UnavailableError as error:
            fail(f"{variable}: {error}")
    with fail_on(database.DatabaseError):
        database.require(configured)
    _require_instance(_instance_file(configured))
    os.environ["DAGSTER_HOME"] = str(configured.dagster_home)
    threads.share_processors()
    if configured.database:
        os.environ[database.VARIABLE] = configured.database
        database.make_tables(configured)
    return configured


def _instance_file(configured: settings.Settings) -> Path:
    """Write the configuration of the Dagster instance that the settings need; a file that was edited must fit them."""
    file = configured.dagster_home / INSTANCE_FILE.name
    wanted = _instance_text(on_postgres=bool(configured.database), on_ray=configured.executor == "ray")
    written = {_instance_text(on_postgres=i, on_ray=j) for i in (False, True) for j in (False, True)}
    written |= {text.replace(LOG_LEVEL, "") for text in written}  # by earlier versions
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else None
    except (OSError, ValueError):  # _require_instance reports the error
        return file
    if text is None or text in written - {wanted}:
        files.write(file, lambda opened: opened.write(wanted.encode()))
    elif wrong := _contradiction(configured, text):
        fail(f"{file}: {wrong}")
    return file


def _instance_text(*, on_postgres: bool, on_ray: bool) -> str:
    text = INSTANCE_FILE.read_text(encoding="utf-8") + LOG_LEVEL
    if on_postgres:
        text = text.replace("SQLite under this directory", "PostgreSQL") + database.STORAGE
    return text + ray_cluster.RUN_LAUNCHER if on_ray else text


def _contradiction(configured: settings.Settings, text: str) -> str | None:
    import yaml

    try:
        if configured.executor == "ray" and "run_launcher" not in (yaml.safe_load(text) or {}):
            return f"MNIST_PIPELINE_EXECUTOR is 'ray', but there is no run_launcher; add\n{ray_cluster.RUN_LAUNCHER}"
        return database.contradiction(configured, text)
    except (yaml.YAMLError, RecursionError, ValueError):  # _require_instance reports the error
        return None


def _require_instance(file: Path) -> None:
    """Check that Dagster accepts the configuration of the instance, which users may edit."""
    if error := dagster_internals.instance_error(str(file.parent)):
        reason = shorten(error, 600)
        fail(f"{file} is not a configuration of Dagster: {reason}; correct it, or delete it to get the default back")
