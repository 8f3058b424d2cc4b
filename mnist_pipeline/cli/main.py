"""The commands of `mnist-pipeline`; each imports its implementation when it runs, so that `--help` stays fast."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnist_pipeline.cli import interruption
from mnist_pipeline.cli.errors import CommandError, unknown, with_original_paths
from mnist_pipeline.runtime import settings
from mnist_pipeline.utils import machine, places
from mnist_pipeline.utils.printable import first_sentence, printable
from mnist_pipeline.utils.reported import ReportedError

if TYPE_CHECKING:
    from mnist_pipeline.runtime.environment import Settings


class Commands(click.Group):
    """Commands that report errors in one line, and end when interrupted."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with the first sentence of its help; click would cut it after 45 characters."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(each.help)) for name, each in sorted(self.commands.items())])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. After an interruption, the process ends here and prints no other error."""
        try:
            return super().invoke(ctx)
        except ReportedError as error:
            raise CommandError(printable(with_original_paths(ctx, str(error)))) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if "dagster" in sys.modules:
                from mnist_pipeline.runtime import instance_files

                try:
                    instance_files.explain(error, settings.load())
                except instance_files.InstanceError as explained:
                    raise CommandError(with_original_paths(ctx, str(explained))) from error
            raise
        finally:
            interruption.end_if_interrupted()


def output_file(option: str, text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """An option that names a file to write."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(option, required=required, type=kind, metavar="FILE", help=text)


def prepare(*, writes: bool = True, require_instance: bool = True) -> Settings:
    """Load the settings, and check the storage and the Dagster instance: see `preparation.prepare`."""
    from mnist_pipeline.cli import preparation  # here, because it imports NumPy

    return preparation.prepare(writes=writes, require_instance=require_instance)


of_data_set = click.option(
    "--data-set", default=settings.PLAIN, show_default=True, metavar="NAME", help="Name of the data set."
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=places.DISTRIBUTION, message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """MNIST from raw files to an evaluation report, as Dagster assets."""
    if os.environ.get("NO_COLOR"):
        context.color = False
    # At exit, Python would search for garbage for a second, and find only what the libraries keep until then.
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
    help="Run configuration in YAML, as in the launchpad of the UI.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Only assets that are missing or out of sync (another code or upstream version), until nothing is.",
)
@click.option(
    "--data-set",
    "names",
    multiple=True,
    metavar="NAME",
    help="Only this data set: 'mnist', or one that MNIST_PIPELINE_DATA_SETS names; may be repeated. "
    "SELECTION is then written in plain keys. All data sets by default.",
)
def run(**options: Any) -> None:
    """Materialize assets, and print the results and the path of the report."""
    with machine.importing():
        configured = prepare()
        from mnist_pipeline.cli.run import run_assets
        from mnist_pipeline.runtime.executors.requirements import require

        require(configured)
    run_assets(configured, **options)


@main.command()
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on.")
@click.option("--read-only", is_flag=True, help="Refuse all changes, and run no daemon.")
def ui(port: int, read_only: bool) -> None:
    """Serve the Dagster UI to this machine, with the daemon that schedules and sensors need."""
    from mnist_pipeline.cli.ui import serve

    interruption.release()  # the servers need longer to end
    serve(port, read_only)


@main.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an object per file.")
@output_file("--sheet", "Draw the pictures with the recognized digits into a PNG file.")
def predict(pictures: tuple[Path, ...], as_json: bool, sheet: Path | None) -> None:
    """Recognize the digits in picture FILES; exit code 1 if a file cannot be read.

    The probability is the calibrated probability of the champion model. The column "unusual" compares the PCA
    reconstruction error of a digit with those of the test digits, as a percentile.
    """
    from mnist_pipeline.recognition import reading

    reading.start()  # while this process imports NumPy and loads the recognizer
    from mnist_pipeline.cli.predict import print_digits

    raise SystemExit(print_digits(pictures, as_json, sheet))


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_file("--sheet", "Draw the first images of each class, as the models see them, into a PNG file.")
def inspect(path: Path, as_json: bool, sheet: Path | None) -> None:
    """Show what is in the data set at PATH, a directory or file; exit code 1 if a run could not use it."""
    with machine.importing():
        from mnist_pipeline.cli.inspect import print_findings
    raise SystemExit(print_findings(path, as_json, sheet))


@main.command("list")
@click.argument("selection", default="*")
def list_assets(selection: str) -> None:
    """List the assets of SELECTION by group, with what they store; by default all."""
    with machine.importing():
        prepare(writes=False, require_instance=False)
        from mnist_pipeline.cli import inspection
    inspection.print_assets(selection)


@main.command()
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
@of_data_set
def report(opens: bool, data_set: str) -> None:
    """Print the path of the report, or open it."""
    from mnist_pipeline.cli.selection import select_data_sets
    from mnist_pipeline.runtime.storage import storage

    (located,) = select_data_sets([data_set])
    path = storage.current(located.prefix).path("evaluation_report")
    click.echo(path)
    if opens:
        click.launch(path)


@main.command()
def verify() -> None:
    """Compare stored results with their checksums and Dagster's records; exit code 1 if anything is wrong."""
    with machine.importing():
        configured = prepare(writes=False, require_instance=False)
        from mnist_pipeline.cli import inspection
    inspection.print_states(configured)


@main.command()
def repair() -> None:
    """Replace damaged or lost databases of Dagster, and restore its records of stored results. Computes nothing."""
    with machine.importing():
        configured = prepare(require_instance=False)
        from mnist_pipeline.cli.repair import repair as repair_instance
    repair_instance(configured)


@main.command()
def upgrade() -> None:
    """Bring the storage of an earlier version to this one, and name what can't be kept. Computes nothing."""
    with machine.importing():
        prepare()
        from mnist_pipeline.cli.upgrade import upgrade as upgrade_storage
    upgrade_storage()


@main.command()
@click.argument("asset")
def lineage(asset: str) -> None:
    """Print the data and code versions that ASSET was computed from, up to the checksums of the raw files."""
    with machine.importing():
        prepare(writes=False)
        from mnist_pipeline.cli import inspection
    inspection.print_lineage(asset)


@main.command()
@click.option("--keep", type=click.IntRange(min=0), help="Latest runs to keep; MNIST_PIPELINE_KEPT_RUNS by default.")
def prune(keep: int | None) -> None:
    """Delete old runs and former versions of models.

    Present results are kept, and so are the runs that computed them, and runs that have not ended. The latest
    MNIST_PIPELINE_VERSIONS versions of each model are kept, and all champions.
    """
    with machine.importing():
        configured = prepare()
        import dagster as dg

        from mnist_pipeline.cli import selection
        from mnist_pipeline.runtime.graph import retention, run_lock
    kept = configured.kept_runs if keep is None else keep
    with run_lock.storage_lock(click.echo), dg.DagsterInstance.get() as instance:
        click.echo(retention.prune(instance, selection.definitions(), kept, configured.versions))


@main.command()
@click.argument("model", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an object per version.")
@of_data_set
def history(model: str | None, data_set: str, as_json: bool) -> None:
    """List all versions of the models, or of MODEL, that are kept: the present ones and those before them."""
    with machine.importing():
        prepare(writes=False)
        from mnist_pipeline.cli.history import print_history
    print_history(model, data_set, as_json=as_json)


@main.command()
@click.argument("version")
def restore(version: str) -> None:
    """Put the champion VERSION back into service. Computes nothing."""
    with machine.importing():
        prepare()
        from mnist_pipeline.cli.history import restore as restore_version
    restore_version(version)


@main.command()
@click.argument("before")
@click.argument("after")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@output_file("--sheet", "Draw the images that are answered differently into a PNG file.")
@of_data_set
def compare(before: str, after: str, data_set: str, as_json: bool, sheet: Path | None) -> None:
    """Compare two runs, or two versions of models: what differs, how accurate they are, and on which images.

    BEFORE and AFTER are ids of runs or versions, as mnist-pipeline history lists them.
    """
    with machine.importing():
        prepare(writes=False)
        from mnist_pipeline.cli.history import print_comparison
    print_comparison((before, after), data_set, as_json=as_json, sheet=sheet)


@main.command()
@click.argument("model")
@output_file("--onnx", "The file to write; other programs run it, for example with onnxruntime.", required=True)
@output_file("--card", "Also write the model card of the champion, in Markdown.")
def export(model: str, onnx: Path, card: Path | None) -> None:
    """Write the stored MODEL, for example cnn, into an ONNX file.

    It takes images, uint8 (n, 28, 28), white on black, and returns labels, calibrated probabilities, and scores.
    """
    with machine.importing():
        from mnist_pipeline.cli.export import export_model
    export_model(model, onnx, card)


@main.command()
@click.argument("name", metavar="NAME")
def fetch(name: str) -> None:
    """Download the data set NAME (fashion-mnist, kmnist, emnist-digits or qmnist) with torchvision; runs never do."""
    from mnist_pipeline.data import catalogue
    from mnist_pipeline.data.datasets import DatasetError

    if name not in catalogue.KNOWN:
        raise CommandError(unknown(name, "a known data set", catalogue.KNOWN))
    try:
        catalogue.fetch(catalogue.KNOWN[name], settings.fetched(name))
    except DatasetError as error:
        raise CommandError(str(error)) from error
    title = catalogue.KNOWN[name].title
    click.echo(f"{title} is in {settings.fetched(name)}; set MNIST_PIPELINE_DATA_SETS={name}")
