"""The commands of `mnist-pipeline`; each imports its implementation only when it runs."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path
from typing import Any

import click

from mnist_pipeline.cli.errors import explained
from mnist_pipeline.utils import directories, machine


class Commands(click.Group):
    """Commands that report errors in one line."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; an error that a person can act on becomes one line and exit code 1."""
        try:
            super().main(*args, **kwargs | {"standalone_mode": False})
            sys.stdout and sys.stdout.flush()
        except click.Abort:
            raise KeyboardInterrupt from None
        except BrokenPipeError:
            raise
        except Exception as error:
            reported = error if isinstance(error, click.ClickException) else explained(error)
            if reported is None:
                raise
            reported.show()
            raise SystemExit(reported.exit_code) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=directories.DISTRIBUTION, message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """MNIST from raw files to an evaluation report, as Dagster assets."""
    if os.environ.get("NO_COLOR"):
        context.color = False
    # At exit, Python would search for garbage for a second, and find none.
    atexit.register(gc.freeze)


@main.command()
@click.option(
    "--select",
    metavar="SELECTION",
    help="Assets to materialize, in Dagster's syntax: 'covariance', 'group:pca', '+key:cnn_model'; "
    "all by default.",
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
    help="Run only missing, damaged or stale assets, and the assets below them.",
)
def run(**options: Any) -> None:
    """Run assets, and print the results and the path of the report."""
    from mnist_pipeline.runtime import instance

    configured = instance.prepare()
    with machine.importing():
        from mnist_pipeline.cli.run import run_assets
    run_assets(configured, **options)


@main.command()
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(1, 65_535),
    help="Port to listen on.",
)
@click.option("--read-only", is_flag=True, help="Refuse all changes, and run no daemon.")
def ui(**options: Any) -> None:
    """Serve Dagster's UI, the report and the drawing page.

    The daemon that schedules and sensors need runs as well.
    """
    from mnist_pipeline.cli.ui import serve

    serve(**options)


@main.command()
@click.argument(
    "pictures", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an object per file.")
def predict(pictures: tuple[Path, ...], as_json: bool) -> None:
    """Recognize the digits, or other things, in picture FILES.

    The exit code is 1 if a file can't be read. "right in" is the share of cases in which an answer
    like the champion's is right. A question mark stands for a shape that is unlike the training
    images.
    """
    from mnist_pipeline.runtime import settings

    settings.limit_threads()
    from mnist_pipeline.cli.predict import print_digits

    raise SystemExit(print_digits(pictures, as_json))


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
def inspect(path: Path) -> None:
    """Show what is in the data set at PATH, a directory or file.

    The exit code is 1 if a run could not use it.
    """
    with machine.importing():
        from mnist_pipeline.cli.inspect import print_findings
    raise SystemExit(print_findings(path))


@main.command()
@click.option("--open", "opens", is_flag=True, help="Open it in the browser.")
def report(opens: bool) -> None:
    """Print the path of the report, or open it."""
    from mnist_pipeline.report.document import latest_page
    from mnist_pipeline.runtime.storage import storage

    stored = storage.default_storage()
    stored.verify("evaluation_report")
    path = latest_page(stored.path)
    click.echo(path)
    if opens:
        click.launch(str(path))


@main.command()
def verify() -> None:
    """Check stored results against checksums and Dagster's records.

    The exit code is 1 if anything is missing or damaged.
    """
    with machine.importing():
        from mnist_pipeline.cli.verify import print_faults

    print_faults()


@main.command()
def history() -> None:
    """List the stored versions of all models."""
    from mnist_pipeline.cli.history import print_history

    print_history()


@main.command()
@click.argument("version")
def restore(version: str) -> None:
    """Put the champion VERSION back into service. Computes nothing."""
    from mnist_pipeline.runtime import instance

    configured = instance.prepare()
    from mnist_pipeline.cli.restore import restore_champion

    restore_champion(configured, version)


@main.command()
@click.argument("model")
@click.option(
    "--onnx",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A new file; other programs run it, for example with onnxruntime.",
)
def export(model: str, onnx: Path) -> None:
    """Write the stored network MODEL, cnn or mlp, into an ONNX file.

    It takes images, uint8 (n, 28, 28), white on black, and returns labels, calibrated
    probabilities, and scores.
    """
    with machine.importing():
        from mnist_pipeline.cli.export import export_model
    export_model(model, onnx)
