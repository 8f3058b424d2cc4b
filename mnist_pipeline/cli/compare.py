"""What differs between two runs, or two versions of models."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from mnist_pipeline.cli.errors import CommandError
from mnist_pipeline.evaluation import versions
from mnist_pipeline.models import MODELS, STORED
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.utils.printable import printable

PAIRS = "  {:<8} {:>9} {:>9} {:>7} {:>7}  {:<20} {}"
FIRST_CHANGE = "  {:<32} {:<22} {}"
NUM_SHOWN = 20  # images of each model in a picture


def print_comparison(names: Sequence[str], *, as_json: bool, sheet: Path | None) -> None:
    """Print what differs between two runs, or two versions of models; draw the images that they
    answer differently.
    """
    stored = storage.current()
    records = history.records(stored, [*STORED, "champion"])
    try:
        (before, old), (after, new) = (versions.find(name, records) for name in names)
    except versions.NotFoundError as error:
        raise CommandError(str(error)) from error
    digits, class_names = stored.read(versions.TEST_SET), stored.read("raw_mnist").class_names
    found = history.compare(stored, old, new, records, digits.labels)
    if as_json:
        click.echo(json.dumps({"before": before, "after": after, **found}, indent=1))
    else:
        _print(before, after, found, class_names)
    if sheet is not None:
        _draw(sheet, found, digits.images, digits.labels, class_names)


def _print(before: str, after: str, found: Mapping[str, Any], names: Sequence[str]) -> None:
    click.echo(f"From {before} to {after}")
    for aspect in versions.ASPECTS:
        click.echo(f"\n{aspect}" + ("" if found[aspect] else ": the same"))
        for each in found[aspect]:
            sides = (_text(each[side]) for side in ("before", "after"))
            click.echo(printable(FIRST_CHANGE.format(each["name"], *sides)))
    click.echo()
    click.echo(
        PAIRS.format("model", "before", "after", "fixed", "broken", "difference", "p (McNemar)")
    )
    for pair in found["models"]:
        old, new = pair["before"], pair["after"]
        name = old["model"] if old["model"] == new["model"] else f"{old['model']}, {new['model']}"
        accuracies = (
            "–" if each["accuracy"] is None else f"{each['accuracy']:.2%}" for each in (old, new)
        )
        if "fixed" not in pair:
            click.echo(
                PAIRS.format(
                    name, *accuracies, "–", "–", "not evaluated on the same stored images", ""
                )
            )
            continue
        low, high = pair["difference_interval"]
        interval = f"{low:+.2%} to {high:+.2%}"
        click.echo(
            PAIRS.format(
                name, *accuracies, pair["fixed"], pair["broken"], interval, f"{pair['p_value']:.2g}"
            )
        )
        changes = [b - a for a, b in zip(*pair["errors_by_class"].values(), strict=True)]
        listed = [f"{names[label]} {change:+}" for label, change in enumerate(changes) if change]
        if listed:
            click.echo(printable(f"           errors by class: {', '.join(listed)}"))


def _text(value: object) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text[:16] if isinstance(value, str) and len(text) == 64 else text


def _draw(
    path: Path,
    found: Mapping[str, Any],
    images: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
) -> None:
    """Draw the images that two versions of a model answer differently."""
    from mnist_pipeline.report import figures

    shown = versions.changed_answers(found, NUM_SHOWN)
    if not shown:
        click.echo("\nThey answer every image alike, so nothing was drawn.")
        return
    captions = [
        f"{MODELS[model].short_title}: {names[old]} → {names[new]}\n(true: {names[labels[index]]})"
        for index, model, old, new in shown
    ]
    num_changed = sum(len(pair.get("disagreements", ())) for pair in found["models"])
    counts = f"{len(shown):,} of {num_changed:,} changed answers"
    title = f"{counts}: before → after"
    figure = figures.image_grid(images[[index for index, *_ in shown]], 10, captions, title)
    picture = figures.encoded(figures.rendered(figure))
    path.write_bytes(picture)
    click.echo(f"\n{path} shows {counts}.")
