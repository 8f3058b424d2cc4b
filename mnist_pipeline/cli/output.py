"""The files that commands write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mnist_pipeline.cli.errors import CommandError


def output_file(option: str, text: str, *, required: bool = False) -> Callable[[Any], Any]:
    """An option that names a file to write."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option(option, required=required, type=kind, metavar="FILE", help=text)


force_option = click.option("--force", is_flag=True, help="Replace a file that exists.")


def check_output(path: Path, force: bool) -> None:
    """Refuse to write into the data set, and without `force` to replace a file."""
    from mnist_pipeline.runtime import settings  # imported here, because it takes 0.1 s

    data = settings.load().data
    # A link in a data set may lead to a folder of pictures elsewhere.
    read = [data, *(entry for entry in data.rglob("*") if entry.is_symlink())]
    target = path.resolve()
    if any(target.is_relative_to(source.resolve()) for source in read):
        raise CommandError(f"{path} is in the data set; name another file")
    if path.is_file() and not force:
        raise CommandError(f"{path} exists; name another file to write, or add --force")
