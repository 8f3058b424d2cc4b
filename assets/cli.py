"""The command line: run the graph, open the Dagster UI."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click

from assets import files, interruption, settings

LOCALHOST = "127.0.0.1"
STOP_SECONDS = 10  # what servers get to end by themselves
INSTANCE_FILE = Path(__file__).with_name("dagster.yaml")
VERIFIED = "  {:<22} {}"
LINEAGE_TABLE = "  {:<22} {:<24} {:<18} {}"
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
def run(select: str, config: Path | None, changed: bool) -> None:
    """Materialize assets, and say where the report lies."""
    configured = _prepare()
    import dagster as dg

    from assets import exclusive, launch, storage
    from assets.console import log_path

    with _told(launch.LaunchError):
        selected = launch.select_assets(select)
        run_config = launch.load_run_config(config, selected)
    with exclusive.turn(click.echo), dg.DagsterInstance.get() as instance, _told(launch.LaunchError):
        exclusive.end_leftovers(instance)
        for wave in launch.waves(instance, selected, changed=changed):
            click.echo(f"Materializing {len(wave)} assets of {configured.data} into {configured.storage}\n")
            outcome = launch.materialize(instance, wave, launch.within(run_config, wave))
            if not outcome.success:
                _fail("\n".join([*launch.failures(outcome), f"Full log: {log_path(outcome.run_id)}"]))
        if changed:
            click.echo("Everything is in sync.")
        rows = launch.model_rows(instance)
    if rows:
        click.echo("\n" + MODEL_TABLE.format("model", "accuracy", "95% interval", "errors", "seconds"))
        click.echo("\n".join(MODEL_TABLE.format(*row) for row in rows))
    with contextlib.suppress(storage.StorageError):
        click.echo(f"\nReport: {storage.current().path('evaluation_report')}")


@main.command()
def verify() -> None:
    """Verify all that is stored against its checksums and Dagster's records; exit code 1 if anything is wrong."""
    configured = _prepare()
    import dagster as dg

    from assets import launch, storage

    stored = storage.current()
    if holder := files.holder(stored.lock):
        click.echo(f"A run ({holder}) is writing here: what it writes may look unfinished.")
    with dg.DagsterInstance.get() as instance:
        rows = launch.verify(instance)
    click.echo("\n".join(VERIFIED.format(name, state) for name, state in rows))
    leftovers = [] if holder else stored.shelf.leftovers()
    for told, paths in (
        ("unfinished, of a killed run", leftovers),
        ("of no asset, never read", stored.shelf.strangers()),
    ):
        click.echo("".join(f"  {path.relative_to(stored.shelf.root)}: {told}\n" for path in paths), nl=False)
    wrong = [name for name, state in rows if state not in ("ok", launch.NOT_MATERIALIZED)]
    if wrong or leftovers:
        count = f"{len(wrong)} of {len(rows)} assets, {len(leftovers)} unfinished files"
        _fail(f"{count}; mend them with mnist-pipeline run --changed")
    click.echo(f"All that is stored in {configured.storage} is whole.")


@main.command()
@click.argument("asset")
def lineage(asset: str) -> None:
    """Say what ASSET was made from: data and code versions up to the raw files' checksums."""
    _prepare()
    import dagster as dg

    from assets import launch, storage

    with dg.DagsterInstance.get() as instance, _told(launch.LaunchError):
        rows = launch.lineage(instance, asset)
    click.echo(LINEAGE_TABLE.format("asset", "data version (SHA-256)", "code version", "run"))
    for name, data_version, code_version, run_id in rows:
        click.echo(LINEAGE_TABLE.format(name, data_version[:16], code_version, run_id[:8]))
    with contextlib.suppress(storage.StorageError):
        files = storage.current().read("raw_mnist")
        click.echo("\n".join(["", *(f"  {file['sha256']}  {file['name']}" for file in files.to_dict("records"))]))


@main.command()
@click.option("--keep", default=20, show_default=True, type=click.IntRange(min=0), help="Latest runs to keep.")
def prune(keep: int) -> None:
    """Delete old runs and their logs; results, and the runs that made them, stay."""
    _prepare()
    import dagster as dg

    from assets import launch

    with dg.DagsterInstance.get() as instance:
        click.echo(f"{launch.prune(instance, keep)} runs deleted")


@main.command()
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
def ui(port: int) -> None:
    """Serve the Dagster UI on 127.0.0.1, with the daemon that schedules and sensors need."""
    _prepare()
    _require_free(port)
    click.echo(f"Dagster UI: http://{LOCALHOST}:{port}")
    command = [str(Path(sys.executable).with_name("dg")), "dev", "--host", LOCALHOST, "--port", str(port)]
    workspace = ["--workspace", str(settings.PROJECT / "workspace.yaml"), "--log-level", "warning"]
    raise SystemExit(_serve([*command, *workspace]))


def _prepare() -> settings.Settings:
    """Settings from the environment, with a storage directory that can be written and an instance in it."""
    with _told(settings.SettingsError):
        configured = settings.load()
    for directory in (Path(configured.storage), configured.dagster_home):
        try:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / f".{uuid.uuid4().hex}.tmp"
            probe.touch()
            probe.unlink()
        except OSError as error:
            _fail(
                f"storage {directory} can't be written ({error.strerror}); "
                "point MNIST_PIPELINE_STORAGE at a directory that can"
            )
    instance_file = configured.dagster_home / INSTANCE_FILE.name
    if not instance_file.exists():
        files.write(instance_file, lambda file: files.write_bytes(file, INSTANCE_FILE.read_bytes()))
    os.environ["DAGSTER_HOME"] = str(configured.dagster_home)
    return configured


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            _fail(f"port {port} can't be listened on ({error.strerror}); choose another with --port")


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
        for sent in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)


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
