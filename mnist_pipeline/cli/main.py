"""The command line: run the graph, open the Dagster UI."""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from textwrap import shorten
from typing import Any, NoReturn

import click

from mnist_pipeline.cli import interruption
from mnist_pipeline.runtime import database, passwords, settings
from mnist_pipeline.runtime.executors import workers
from mnist_pipeline.runtime.storage import contents, files, locate
from mnist_pipeline.runtime.ui.addresses import DRAW, LOCALHOST, AddressError, Served
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.printable import printable

GC_THRESHOLDS = (100_000, 50, 1_000)
STOP_SECONDS = 10  # what servers get to end by themselves
INSTANCE_FILE = Path(__file__).with_name("dagster.yaml")
NAME_WIDTH = 22
VERIFIED = "  {:<{width}} {}"
LINEAGE_TABLE = "  {:<{width}} {:<24} {:<18} {}"
MODEL_TABLE = "  {:<10}{:>10}{:>20}{:>9}{:>10}"


class Interruptible(click.Group):
    """Commands that Ctrl-C and SIGTERM end within seconds."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command that the arguments name."""
        with interruption.bounded():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Carry the command out; where it is interrupted, end before anything else is told."""
        try:
            with _told(contents.UnavailableError):
                return super().invoke(ctx)
        finally:
            interruption.finish()


@click.group(cls=Interruptible, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """MNIST from raw files to an evaluation report, as Dagster assets."""
    if context.invoked_subcommand == ui.name:
        interruption.release()  # the servers get their own time to end
    # What the libraries allocated lives as long as the process: a last search for garbage takes a second.
    atexit.register(gc.freeze)


@main.command()
@click.option(
    "--select",
    default="*",
    metavar="SELECTION",
    help="Assets to materialize, in Dagster's syntax: 'covariance', 'group:pca', '+key:cnn_model'; all by default.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run configuration, YAML, as in the launchpad of the UI.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Of these, only what is missing or out of sync (another code or upstream version), until nothing is.",
)
@click.option(
    "--data-set",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only of this data set: 'mnist', or one that MNIST_PIPELINE_DATA_SETS names; may be repeated. "
    "SELECTION is then written in plain keys. All data sets by default.",
)
def run(select: str, config: Path | None, changed: bool, names: tuple[str, ...]) -> None:
    """Materialize assets, and say where the report lies."""
    with machine.importing():
        configured = _prepare()
        with _told(workers.WorkerError):
            workers.require(configured)
        import dagster as dg

        from mnist_pipeline.cli import configuration, launch
        from mnist_pipeline.runtime.graph import run_lock
        from mnist_pipeline.runtime.storage import storage

    machine.keep_freed_memory()
    gc.set_threshold(*GC_THRESHOLDS)
    with _told(launch.LaunchError):
        located = launch.select_data_sets(names)
        selected = launch.select_assets(select, names)
        run_config = configuration.load_run_config(config, selected)
    with run_lock.turn(click.echo), dg.DagsterInstance.get() as instance, _told(launch.LaunchError):
        run_lock.end_leftovers(instance)
        failures: list[str] = []
        for runs in launch.waves(instance, selected, changed=changed):
            click.echo(f"Materializing {launch.told(runs)} into {configured.storage}\n")
            failures += launch.carry_out(instance, runs, run_config)
            if failures and not launch.of_pictures(runs):  # nothing hangs on a picture
                break
        if failures:
            _fail("\n".join(failures))
        if changed:
            click.echo("Everything is in sync.")
        tables = [(each, launch.model_rows(instance, each)) for each in located]
    for each, rows in tables:
        if rows:
            heading = f"\n{printable(each.known.title)}" if len(tables) > 1 else ""
            click.echo(f"{heading}\n" + MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"))
            click.echo("\n".join(MODEL_TABLE.format(*row) for row in rows))
        with contextlib.suppress(storage.StorageError):
            click.echo(f"\nReport: {storage.current(each.prefix).path('evaluation_report')}")


@main.command()
def verify() -> None:
    """Verify all that is stored against its checksums and Dagster's records; exit code 1 if anything is wrong."""
    with machine.importing():
        configured = _prepare()
        import dagster as dg

        from mnist_pipeline.cli import upkeep
        from mnist_pipeline.runtime.storage import storage

    stored = storage.current()
    if holder := stored.holder():
        click.echo(f"A run ({holder}) is writing here: what it writes may look unfinished.")
    with dg.DagsterInstance.get() as instance:
        rows = upkeep.verify(instance)
    width = max([NAME_WIDTH, *(len(name) for name, _ in rows)])
    click.echo("\n".join(VERIFIED.format(name, state, width=width) for name, state in rows))
    storages = storage.all_of_them()
    leftovers = [] if holder else [each.prefix + name for each in storages for name in each.shelf.leftovers()]
    for told, names in (
        ("unfinished, of a killed run", leftovers),
        ("of no asset, never read", [each.prefix + name for each in storages for name in each.shelf.strangers()]),
    ):
        click.echo("".join(f"  {name}: {told}\n" for name in names), nl=False)
    wrong = [name for name, state in rows if state not in ("ok", upkeep.NOT_MATERIALIZED)]
    if wrong or leftovers:
        count = f"{len(wrong)} of {len(rows)} assets, {len(leftovers)} unfinished files"
        _fail(f"{count}; mend them with mnist-pipeline run --changed")
    click.echo(f"All that is stored in {configured.storage} is whole.")


@main.command()
@click.argument("asset")
def lineage(asset: str) -> None:
    """Say what ASSET was made from: data and code versions up to the raw files' checksums."""
    with machine.importing():
        _prepare()
        import dagster as dg

        from mnist_pipeline.cli import launch, upkeep
        from mnist_pipeline.runtime.storage import storage

    with dg.DagsterInstance.get() as instance, _told(launch.LaunchError):
        rows = upkeep.lineage(instance, asset)
    width = max([NAME_WIDTH, *(len(name) for name, *_ in rows)])
    click.echo(LINEAGE_TABLE.format("asset", "data version (SHA-256)", "code version", "run", width=width))
    for name, data_version, code_version, run_id in rows:
        click.echo(LINEAGE_TABLE.format(name, data_version[:16], code_version, run_id[:8], width=width))
    with contextlib.suppress(storage.StorageError):
        prefix, separator, _ = asset.rpartition("/")
        files = storage.read(f"{prefix}{separator}raw_mnist")
        click.echo("\n".join(["", *(f"  {file['sha256']}  {file['name']}" for file in files.to_dict("records"))]))


@main.command()
@click.argument("name", metavar="NAME")
def fetch(name: str) -> None:
    """Download the data set NAME by torchvision (fashion-mnist, kmnist, emnist-digits or qmnist); no run ever does."""
    from mnist_pipeline.data import catalogue as data_sets
    from mnist_pipeline.data.datasets import DatasetError

    if name not in data_sets.KNOWN:
        _fail(f"{name!a} is not known by name; there are {', '.join(data_sets.KNOWN)}")
    with _told(DatasetError):
        data_sets.fetch(data_sets.KNOWN[name], settings.fetched(name))
    click.echo(f"{data_sets.KNOWN[name].title} is in {settings.fetched(name)}: MNIST_PIPELINE_DATA_SETS={name}")


@main.command()
@click.option("--keep", default=20, show_default=True, type=click.IntRange(min=0), help="Latest runs to keep.")
def prune(keep: int) -> None:
    """Delete old runs and their logs; results, and the runs that made them, stay."""
    with machine.importing():
        _prepare()
        import dagster as dg

        from mnist_pipeline.cli import upkeep

    with dg.DagsterInstance.get() as instance:
        click.echo(f"{upkeep.prune(instance, keep)} runs deleted")


@main.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print an array with an object a file.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw what was found into a picture, PNG.",
)
def predict(pictures: tuple[Path, ...], as_json: bool, sheet: Path | None) -> None:
    """Say which digits are in picture FILES, and how sure that is; exit code 1 if one can't be read.

    The probability is the champion's, calibrated; "unusual" is the percentile of the picture's reconstruction error
    among those of the test digits.
    """
    from mnist_pipeline.cli import predict
    from mnist_pipeline.runtime.storage import storage

    with _told(settings.SettingsError), _told(storage.StorageError):
        recognizer = storage.current().read("recognizer")
    outcomes = list(predict.read_files(pictures, recognizer, keep=sheet is not None))
    if as_json:
        click.echo(json.dumps([outcome.document() for outcome in outcomes], indent=1))
    else:
        click.echo(predict.HEADER)
        for outcome in outcomes:
            if outcome.error is None:
                click.echo("\n".join(outcome.lines()))
    if sheet:
        try:
            sheet.write_bytes(predict.sheet(outcomes, recognizer))
        except OSError as error:
            _fail(f"--sheet {sheet} can't be written ({error.strerror}); name a file in a directory that can")
    for outcome in outcomes:
        if outcome.error is not None:
            click.echo(f"Error: {outcome.error}", err=True)
    raise SystemExit(int(any(outcome.error is not None for outcome in outcomes)))


@main.command()
@click.option("--host", default=LOCALHOST, show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="A further name under which it is reached; may be repeated.",
)
@click.option("--read-only", is_flag=True, help="Refuse whatever changes something, and run no daemon.")
def ui(host: str, port: int, allowed_hosts: tuple[str, ...], read_only: bool) -> None:
    """Serve the Dagster UI, with the daemon that schedules and sensors need.

    It listens on 127.0.0.1. On another address it asks for a password, whose hash is in MNIST_PIPELINE_PASSWORD_HASH
    (see hash-password); there is no TLS, so put a TLS terminator in front or go through an ssh tunnel.
    """
    with _told(AddressError):
        served = Served(host, port, allowed_hosts, read_only)
    configured = _prepare()
    with _told(workers.WorkerError):
        workers.require(configured)
    if not served.loopback and not configured.password_hash:
        _fail(
            f"--host {host}: whoever reaches that address could run the pipeline; set a password first: "
            'export MNIST_PIPELINE_PASSWORD_HASH="$(mnist-pipeline hash-password)"'
        )
    _require_free(served)
    click.echo(f"Dagster UI: {served.url}\nDraw a digit: {served.url}{DRAW}")
    raise SystemExit(_serve([sys.executable, "-m", "mnist_pipeline.runtime.ui.server", json.dumps(asdict(served))]))


@main.command()
def hash_password() -> None:
    """Ask for a password, and print its hash for MNIST_PIPELINE_PASSWORD_HASH."""
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with _told(passwords.PasswordError):
        click.echo(passwords.hash_password(password))


def _prepare() -> settings.Settings:
    """Settings from the environment, with a storage that can be written and a Dagster instance."""
    with _told(settings.SettingsError):
        configured = settings.load()
    for variable, root in (("MNIST_PIPELINE_STORAGE", configured.storage), ("DAGSTER_HOME", configured.dagster_home)):
        try:
            locate.at(str(root)).probe()
        except OSError as error:
            _fail(f"storage {root} can't be written ({error.strerror}); point {variable} at a directory that can")
        except contents.UnavailableError as error:
            _fail(f"{variable}: {error}")
    with _told(database.DatabaseError):
        database.require(configured)
    _require_instance(_instance_file(configured))
    os.environ["DAGSTER_HOME"] = str(configured.dagster_home)
    settings.share_processors()
    if configured.database:
        os.environ[database.VARIABLE] = configured.database
        database.make_tables(configured)
    return configured


def _instance_file(configured: settings.Settings) -> Path:
    """The configuration of the Dagster instance, as the settings have it; one that was edited is held to them."""
    file = configured.dagster_home / INSTANCE_FILE.name
    default = INSTANCE_FILE.read_text(encoding="utf-8")
    on_postgres = default.replace("SQLite under this directory", "PostgreSQL") + database.STORAGE
    wanted, other = (on_postgres, default) if configured.database else (default, on_postgres)
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else other
    except (OSError, ValueError):  # told as what is no configuration
        return file
    if text == other:
        files.write(file, lambda opened: files.write_bytes(opened, wanted.encode()))
    elif wrong := _contradiction(configured, text):
        _fail(f"{file}: {wrong}")
    return file


def _contradiction(configured: settings.Settings, text: str) -> str | None:
    import yaml

    try:
        return database.contradiction(configured, text)
    except (yaml.YAMLError, RecursionError, ValueError):  # told as what is no configuration
        return None


def _require_instance(file: Path) -> None:
    """Hold the configuration of the Dagster instance, which users may edit, to what Dagster accepts."""
    import yaml
    from dagster import DagsterError
    from dagster._check import CheckError
    from dagster._core.instance.config import dagster_instance_config

    try:
        dagster_instance_config(str(file.parent))
    except (CheckError, DagsterError, OSError, RecursionError, ValueError, yaml.YAMLError) as error:
        told = shorten(str(error), 600)
        _fail(f"{file} is not a configuration of Dagster: {told}; correct it, or delete it to get the default back")


def _require_free(served: Served) -> None:
    family = socket.AF_INET6 if ":" in served.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((served.host, served.port))
        except OSError as error:
            where = f"port {served.port}" if served.loopback else f"{served.host}, port {served.port},"
            _fail(f"{where} can't be listened on ({error.strerror}); choose another with --port")


def _serve(command: list[str]) -> int:
    """Run servers until they end or this process is told to; leave none of them behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=settings.PROJECT, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        click.echo("Stopping the Dagster UI …")
        return 0
    finally:
        try:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
                process.wait(STOP_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def _told(error: type[Exception]) -> Iterator[None]:
    """Tell an error of that class in a line."""
    try:
        yield
    except error as caught:
        _fail(str(caught))


def _fail(message: str) -> NoReturn:
    raise click.ClickException(message)


if __name__ == "__main__":
    main()
