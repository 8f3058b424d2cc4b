"""`mnist-pipeline predict`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mnist_pipeline.cli.errors import fail, fail_on
from mnist_pipeline.runtime import settings


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with an object per file.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw the pictures with the recognized digits into a PNG file.",
)
def predict(pictures: tuple[Path, ...], as_json: bool, sheet: Path | None) -> None:
    """Recognize the digits in picture FILES; exit code 1 if a file cannot be read.

    The probability is the calibrated probability of the champion model. The column "unusual" compares the PCA
    reconstruction error of a digit with those of the test digits, as a percentile.
    """
    from mnist_pipeline.cli import answers
    from mnist_pipeline.runtime.storage import storage

    with fail_on(settings.SettingsError), fail_on(storage.StorageError):
        recognizer = storage.current().read("recognizer")
    outcomes = list(answers.read_files(pictures, recognizer, keep=sheet is not None))
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if as_json:
        click.echo(json.dumps([outcome.document() for outcome in outcomes], indent=1))
    else:
        lines = [line for outcome in outcomes if outcome.error is None for line in outcome.lines()]
        click.echo("\n".join([answers.header(recognizer), *lines]))
    if sheet:
        try:
            sheet.write_bytes(answers.sheet(outcomes, recognizer))
        except OSError as error:
            fail(f"--sheet {sheet} can't be written ({error.strerror}); name a file in a directory that can")
    for message in errors:
        click.echo(f"Error: {message}", err=True)
    raise SystemExit(int(bool(errors)))
