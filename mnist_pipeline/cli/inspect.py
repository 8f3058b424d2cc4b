"""What a data set contains, as a text for a person, as JSON for a program, and as a contact
sheet.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.data import findings
from mnist_pipeline.data.datasets import DatasetError, DigitSet
from mnist_pipeline.data.findings import Findings
from mnist_pipeline.report import figures
from mnist_pipeline.utils.printable import printable

MAX_LINES = 40  # of classes; further classes are counted
MAX_KINDS = 8
PER_CLASS = 12  # images on the contact sheet


def print_findings(path: Path, as_json: bool, sheet: Path | None) -> int:
    """Print what is in a data set, and draw its contact sheet; return the exit code, 1 if a run
    could not use it.
    """
    try:
        found, sets = findings.inspect(path)
    except DatasetError as error:
        if not as_json:
            raise CommandError(str(error)) from error
        _print_json(path, {"problems": [str(error)]})
        return 1
    if as_json:
        _print_json(path, found.document())
    else:
        click.echo("\n".join(map(printable, _lines(path, found))))
    if sheet:
        _draw(sheet, found, sets["train"])
    return int(bool(found.problems))


def _print_json(path: Path, document: Mapping[str, Any]) -> None:
    click.echo(
        json.dumps({"path": str(path), "usable": not document["problems"], **document}, indent=1)
    )


def _lines(path: Path, found: Findings) -> list[str]:
    """The findings as lines of text."""
    train, test = found.counts["train"], found.counts["test"]
    names, total = found.class_names, sum(train) + sum(test)
    width = max(map(len, [*names[:MAX_LINES], "all 000 classes"]))
    lines = [f"{path}: {found.layout}, {total:,} images in {len(names)} classes", ""]
    lines.append(f"  {'class':<{width}}{'train':>10}{'test':>10}")
    rows = [*zip(names, train, test, strict=True)][:MAX_LINES]
    rows.append((f"all {len(names)} classes", sum(train), sum(test)))
    lines += [f"  {name:<{width}}{of_train:>10,}{of_test:>10,}" for name, of_train, of_test in rows]
    lines += ["", f"  sizes and colours: {_kinds(found.kinds)}", ""]
    lines += [f"  warning: {warning}" for warning in found.warnings]
    lines += [f"  problem: {problem}" for problem in found.problems]
    lines.append(
        "  can't be used"
        if found.problems
        else f"  can be used: MNIST_PIPELINE_DATA={path} mnist-pipeline run"
    )
    return lines


def _kinds(kinds: Mapping[str, int]) -> str:
    """The original sizes and colours: each with its number of images, or their ranges if there are
    many.
    """
    if len(kinds) <= MAX_KINDS:
        return ", ".join(f"{kind} ({count:,})" for kind, count in kinds.items())
    widths, heights = zip(*(map(int, kind.split()[0].split("×")) for kind in kinds))
    modes = Counter[str]()
    for kind, count in kinds.items():
        modes[kind.split()[1]] += count
    colours = ", ".join(f"{mode} ({count:,})" for mode, count in modes.most_common())
    return f"{min(widths)}–{max(widths)} × {min(heights)}–{max(heights)} pixels, {colours}"


def _draw(sheet: Path, found: Findings, train: DigitSet) -> None:
    """Draw the first training images of each class, one row per class, as the models see them."""
    rows = np.full((len(found.class_names), PER_CLASS, 28, 28), np.nan)
    for label in range(len(rows)):
        images = train.images[train.labels == label][:PER_CLASS]
        rows[label, : len(images)] = images
    captions = [[name, *[""] * (PER_CLASS - 1)] for name in found.class_names]
    figure = figures.image_grid(
        rows.reshape(-1, 28, 28),
        PER_CLASS,
        [caption for row in captions for caption in row],
        "The first images of each class",
    )
    sheet.write_bytes(figures.encoded(figures.rendered(figure)))
