"""Write a contact sheet in the format that the suffix of its file names."""

from pathlib import Path

import click
from PIL.Image import Image

from mnist_pipeline.utils.printable import printable


def write_sheet(path: Path, sheet: Image) -> None:
    """Write a sheet. Its path goes to stderr, so that JSON on stdout stays valid."""
    sheet.save(path)
    click.echo(printable(f"sheet: {path}"), err=True)
