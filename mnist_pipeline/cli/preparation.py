"""What a command needs before it starts: valid settings, a writable storage and a Dagster instance."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import shorten

from mnist_pipeline.cli.errors import fail, fail_on
from mnist_pipeline.runtime import dagster_internals, database, settings, threads
from mnist_pipeline.runtime.executors import ray_cluster
from mnist_pipeline.runtime.storage import contents, files, locate

INSTANCE_FILE = Path(__file__).with_name("dagster.yaml")


def prepare() -> settings.Settings:
    """Settings from the environment, with a storage that can be written and a Dagster instance."""
    with fail_on(settings.SettingsError):
        configured = settings.load()
    for variable, root in (("MNIST_PIPELINE_STORAGE", configured.storage), ("DAGSTER_HOME", configured.dagster_home)):
        try:
            locate.file_store(str(root)).probe()
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
    """The configuration of the Dagster instance, as the settings have it; one that was edited is held to them."""
    file = configured.dagster_home / INSTANCE_FILE.name
    wanted = _instance_text(on_postgres=bool(configured.database), on_ray=configured.executor == "ray")
    others = {_instance_text(on_postgres=i, on_ray=j) for i in (False, True) for j in (False, True)} - {wanted}
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else None
    except (OSError, ValueError):  # told as what is no configuration
        return file
    if text is None or text in others:
        files.write(file, lambda opened: opened.write(wanted.encode()))
    elif wrong := _contradiction(configured, text):
        fail(f"{file}: {wrong}")
    return file


def _instance_text(*, on_postgres: bool, on_ray: bool) -> str:
    text = INSTANCE_FILE.read_text(encoding="utf-8")
    if on_postgres:
        text = text.replace("SQLite under this directory", "PostgreSQL") + database.STORAGE
    return text + ray_cluster.RUN_LAUNCHER if on_ray else text


def _contradiction(configured: settings.Settings, text: str) -> str | None:
    import yaml

    try:
        if configured.executor == "ray" and "run_launcher" not in (yaml.safe_load(text) or {}):
            return f"MNIST_PIPELINE_EXECUTOR is 'ray', but there is no run_launcher; add\n{ray_cluster.RUN_LAUNCHER}"
        return database.contradiction(configured, text)
    except (yaml.YAMLError, RecursionError, ValueError):  # told as what is no configuration
        return None


def _require_instance(file: Path) -> None:
    """Hold the configuration of the Dagster instance, which users may edit, to what Dagster accepts."""
    if error := dagster_internals.instance_error(str(file.parent)):
        told = shorten(error, 600)
        fail(f"{file} is not a configuration of Dagster: {told}; correct it, or delete it to get the default back")
