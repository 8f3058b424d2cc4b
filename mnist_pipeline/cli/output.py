"""The files that commands write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.utils.printable import printable

if TYPE_CHECKING:
    from PIL.Image import Image

SHEETS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".pdf")  # formats that Pillow writes
FORMATS = "PNG, JPEG, WebP, TIFF or PDF"


def output_file(option: str, text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """An option that names a file to write."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(option, required=required, type=kind, metavar="FILE", help=text)


force_option = click.option("--force", is_flag=True, help="Replace a file that exists.")


def check_output(
    path: Path | None, *inputs: Path, force: bool, suffixes: tuple[str, ...] = ("",)
) -> None:
    """Refuse another suffix, to write into a data set or another input, and without `force` to
    replace a file.
    """
    if path is None:
        return
    from mnist_pipeline.runtime import settings  # imported here, because it takes 0.1 s

    if not path.name.lower().endswith(suffixes):
        raise CommandError(f"{path}: its name must end with {', '.join(suffixes)}")
    read = [*inputs, settings.load().data]
    # A link in a data set may lead to a folder of pictures elsewhere.
    read += [entry for source in read for entry in source.rglob("*") if entry.is_symlink()]
    target = path.resolve()
    if any(target.is_relative_to(source.resolve()) for source in read):
        raise CommandError(f"{path} is in the data set or another input; name another file")
    if path.is_file() and not force:
        raise CommandError(f"{path} exists; name another file to write, or add --force")


def write_sheet(path: Path, sheet: Image) -> None:
    """Write a sheet. Its path goes to stderr, so that JSON on stdout stays valid."""
    sheet.save(path)
    click.echo(printable(f"sheet: {path}"), err=True)
