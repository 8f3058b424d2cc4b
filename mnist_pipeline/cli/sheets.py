"""Write a contact sheet in the format that the suffix of its file names."""

import io
from pathlib import Path

import click
from PIL import Image

from mnist_pipeline.utils.printable import printable


def write_sheet(path: Path, png: bytes) -> None:
    """Write a sheet. Its path goes to stderr, so that JSON on stdout stays valid."""
    if path.suffix.lower() == ".png":
        path.write_bytes(png)
    else:
        Image.open(io.BytesIO(png)).save(path)
    click.echo(f"sheet: {printable(str(path))}", err=True)
