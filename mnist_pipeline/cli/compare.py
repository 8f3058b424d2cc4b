"""What differs between two runs, or two versions of models."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from mnist_pipeline.evaluation import versions
from mnist_pipeline.runtime.storage import history, storage
from mnist_pipeline.utils.printable import count, printable

PAIRS = "  {:<8} {:>9} {:>9} {:>7} {:>7}  {:<20} {}"
CHANGE = "  {:<32} {:<22} {}"


def print_comparison(names: Sequence[str], *, as_json: bool) -> None:
    """Print what differs between two runs, or two versions of models."""
    stored = storage.current()
    records = history.records(stored)
    (before, old), (after, new) = (versions.find(name, records) for name in names)
    comparison = history.compare(stored, old, new)
    if as_json:
        click.echo(json.dumps({"before": before, "after": after, **comparison}, indent=1))
    else:
        _print(before, after, comparison)


def _print(before: str, after: str, comparison: Mapping[str, Any]) -> None:
    click.echo(f"From {before} to {after}")
    for aspect in versions.ASPECTS:
        click.echo(f"\n{aspect}" + ("" if comparison[aspect] else ": the same"))
        for change in comparison[aspect]:
            row = CHANGE.format(change["name"], _text(change["before"]), _text(change["after"]))
            click.echo(printable(row))
    columns = ("model", "before", "after", "fixed", "broken", "difference", "p (McNemar)")
    click.echo("\n" + PAIRS.format(*columns))
    for pair in comparison["models"]:
        sides = (pair["before"], pair["after"])
        name = ", ".join(dict.fromkeys(side["model"] for side in sides))
        accuracies = (
            "–" if side["accuracy"] is None else f"{side['accuracy']:.2%}" for side in sides
        )
        if "fixed" not in pair:
            not_paired = ("–", "–", "not evaluated on the same stored images", "")
            click.echo(PAIRS.format(name, *accuracies, *not_paired))
            continue
        images, names = pair["images"], pair["class_names"]
        low, high = pair["difference_interval"]
        paired = (pair["fixed"], pair["broken"], f"{low:+.2%} to {high:+.2%}")
        click.echo(PAIRS.format(name, *accuracies, *paired, f"{pair['p_value']:.2g}"))
        if len({*images.values()}) > 1:
            click.echo(
                f"           on the {count(images['common'], 'test image')} that both have, of "
                f"{images['before']:,} and {images['after']:,}"
            )
        changes = [new - old for old, new in zip(*pair["errors_by_class"].values(), strict=True)]
        listed = [f"{names[label]} {change:+}" for label, change in enumerate(changes) if change]
        if listed:
            click.echo(printable(f"           errors by class: {', '.join(listed)}"))


def _text(value: object) -> str:
    """A setting or a version in a column of the table."""
    if isinstance(value, str):
        return value[:16] if len(value) == 64 else value
    return "–" if value is None else json.dumps(value)
