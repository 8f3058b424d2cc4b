"""`mnist-pipeline predict`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mnist_pipeline.cli.errors import fail, fail_on
from mnist_pipeline.runtime import settings


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print an array with an object a file.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Draw what was found into a picture, PNG.",
)
def predict(pictures: tuple[Path, ...], as_json: bool, sheet: Path | None) -> None:
    """Print which digits are in picture FILES, and how certain that is; exit code 1 if a file cannot be read.

    The probability is the champion's, calibrated; "unusual" is the percentile of the picture's reconstruction error
    among those of the test digits.
    """
    from mnist_pipeline.cli import answers
    from mnist_pipeline.runtime.storage import storage

    with fail_on(settings.SettingsError), fail_on(storage.StorageError):
        recognizer = storage.current().read("recognizer")
    outcomes = list(answers.read_files(pictures, recognizer, keep=sheet is not None))
    if as_json:
        click.echo(json.dumps([outcome.document() for outcome in outcomes], indent=1))
    else:
        click.echo(answers.header(recognizer))
        for outcome in outcomes:
            if outcome.error is None:
                click.echo("\n".join(outcome.lines()))
    if sheet:
        try:
            sheet.write_bytes(answers.sheet(outcomes, recognizer))
        except OSError as error:
            fail(f"--sheet {sheet} can't be written ({error.strerror}); name a file in a directory that can")
    for outcome in outcomes:
        if outcome.error is not None:
            click.echo(f"Error: {outcome.error}", err=True)
    raise SystemExit(int(any(outcome.error is not None for outcome in outcomes)))
