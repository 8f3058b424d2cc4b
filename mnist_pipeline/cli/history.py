"""List the versions of the models, compare two of them or two runs, and put a former champion back into service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import dagster as dg
import numpy as np

from mnist_pipeline import versions
from mnist_pipeline.cli.errors import CommandError, unknown, writing
from mnist_pipeline.cli.selection import definitions, select_data_sets
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import history, run_lock
from mnist_pipeline.runtime.graph.data_sets import Located, key_of, prefix_of
from mnist_pipeline.runtime.storage import files, storage
from mnist_pipeline.utils.printable import printable
from mnist_pipeline.versions import DIGITS, ModelVersion, Record, Records

TABLE = "{:<12} {:<8} {:>8} {:>4} {:<16} {:<8} {}"  # 80 columns with the longest mark
PAIRS = "  {:<8} {:>9} {:>9} {:>7} {:>7}  {:<20} {}"
FIRST_CHANGE = "  {:<32} {:<22} {}"
PRESENT = "*"
CHAMPION, RECOGNIZER = "champion", "recognizer"
NUM_SHOWN = 20  # images of each model in a picture
REASON = "{} was put back into service with mnist-pipeline restore"


def print_history(model: str | None, data_set: str, *, as_json: bool) -> None:
    """Print the versions of all models or of one, the latest first."""
    if model is not None and model not in MODELS:
        raise CommandError(unknown(model, "a model", MODELS))
    with dg.DagsterInstance.get() as instance:
        records = _records(instance, _located(data_set))
    found = [each for each in versions.of_models(records) if model in (None, each.model)]
    if as_json:
        click.echo(json.dumps([vars(each) for each in found], indent=1))
        return
    click.echo(TABLE.format("version", "model", "accuracy", "seed", "trained (UTC)", "run", "").rstrip())
    for each in found:
        click.echo(printable(TABLE.format(*_row(each)).rstrip()))
    if found:
        click.echo(f"\n{PRESENT} the version that the assets of the model store now")
    else:
        click.echo("none; train the models with mnist-pipeline run")


def _row(found: ModelVersion) -> tuple[str, ...]:
    champion = "in service" if found.in_service else "former champion" if found.champion else ""
    marks = filter(None, (champion, PRESENT if found.present else ""))
    return (
        found.version[:DIGITS],
        found.model,
        "–" if found.accuracy is None else f"{found.accuracy:.2%}",
        "–" if found.seed is None else str(found.seed),
        found.time[:16].replace("T", " "),
        found.run[:8],
        " ".join(marks),
    )


def restore(name: str) -> None:
    """Put a former champion back into service, with everything that was computed from it and is kept."""
    with run_lock.storage_lock(click.echo), dg.DagsterInstance.get() as instance:
        records = _records(instance, _located(settings.PLAIN))
        version = _version(name, records)
        title = f"{MODELS[version.model].phrase} {version.version[:DIGITS]}"
        found = [each for each in records[CHAMPION] if each.metadata.get("version") == version.version]
        if not found:
            raise CommandError(f"{title} was never the champion; mnist-pipeline history lists the champions")
        wanted = {CHAMPION: found[-1]}
        for asset, of_asset in records.items():
            if any(CHAMPION in each.inputs for each in of_asset):
                matching = [each for each in of_asset if each.inputs.get(CHAMPION) == found[-1].data_version]
                if matching:
                    wanted[asset] = matching[-1]
                elif asset == RECOGNIZER:
                    raise CommandError(f"the {asset} of {title} is not kept, so it can't answer as it did")
        inputs = {CHAMPION: found[-1].data_version}
        replaced = str(records[CHAMPION][-1].metadata.get("version", ""))
        metadata = {"reason": REASON.format(title), **({"replaces": replaced} if replaced != version.version else {})}
        for asset, record in wanted.items():
            if record.former is not None:
                of_champion = inputs if CHAMPION in record.inputs else {}
                history.put_back(instance, key_of(None, asset), record, metadata, of_champion)
    if all(record.former is None for record in wanted.values()):
        click.echo(f"{title} is in service.")
    else:
        click.echo(f"{title} is in service again. mnist-pipeline run --changed updates the report.")


def print_comparison(names: Sequence[str], data_set: str, *, as_json: bool, sheet: Path | None) -> None:
    """Print what differs between two runs, or two versions of models; draw the images that they answer differently."""
    located = _located(data_set)
    with dg.DagsterInstance.get() as instance:
        records = _records(instance, located)
    try:
        (before, old), (after, new) = (versions.find(name, records) for name in names)
    except versions.NotFoundError as error:
        raise CommandError(str(error)) from error
    digits = storage.current(located.prefix).read(versions.TEST_SET)
    found = history.compare(old, new, records, digits.labels, located.prefix)
    if as_json:
        click.echo(json.dumps({"before": before, "after": after, **found}, indent=1))
    else:
        _print(before, after, found, located.known.class_names)
    if sheet is not None:
        _draw(sheet, found, digits.images, digits.labels, located.known.class_names)


def _print(before: str, after: str, found: Mapping[str, Any], names: Sequence[str]) -> None:
    click.echo(f"From {before} to {after}")
    for aspect in versions.ASPECTS:
        click.echo(f"\n{aspect}" + ("" if found[aspect] else ": the same"))
        for each in found[aspect]:
            sides = (_text(each[side]) for side in ("before", "after"))
            click.echo(printable(FIRST_CHANGE.format(each["name"], *sides)))
    click.echo()
    click.echo(PAIRS.format("model", "before", "after", "fixed", "broken", "difference", "p (McNemar)"))
    for pair in found["models"]:
        old, new = pair["before"], pair["after"]
        name = old["model"] if old["model"] == new["model"] else f"{old['model']}, {new['model']}"
        accuracies = ("–" if each["accuracy"] is None else f"{each['accuracy']:.2%}" for each in (old, new))
        if "fixed" not in pair:
            click.echo(PAIRS.format(name, *accuracies, "–", "–", "not evaluated on the same stored images", ""))
            continue
        low, high = pair["difference_interval"]
        interval = f"{low:+.2%} to {high:+.2%}"
        click.echo(PAIRS.format(name, *accuracies, pair["fixed"], pair["broken"], interval, f"{pair['p_value']:.2g}"))
        changes = [b - a for a, b in zip(*pair["errors_by_class"].values(), strict=True)]
        listed = [f"{names[label]} {change:+}" for label, change in enumerate(changes) if change]
        if listed:
            click.echo(printable(f"           errors by class: {', '.join(listed)}"))


def _text(value: object) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text[:16] if isinstance(value, str) and len(text) == 64 else text


def _draw(path: Path, found: Mapping[str, Any], images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> None:
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
    title = "Images that are answered differently: before → after"
    figure = figures.image_grid(images[[index for index, *_ in shown]], 10, captions, title)
    picture = figures.encoded(figures.rendered(figure))
    with writing("--sheet", path):
        files.write(path, lambda file: file.write(picture))


def _records(instance: dg.DagsterInstance, located: Located) -> dict[str, list[Record]]:
    kept = [key for key in history.kept_assets(definitions()) if prefix_of(key) == located.prefix]
    return history.of_data_set(instance, [key.path[-1] for key in kept], located.prefix)


def _version(name: str, records: Records) -> ModelVersion:
    try:
        _, found = versions.find(name, records)
    except versions.NotFoundError as error:
        raise CommandError(str(error)) from error
    if len(found) != 1:
        raise CommandError(f"{name!a} is a run; name a version, which mnist-pipeline history lists")
    return found[0]


def _located(data_set: str) -> Located:
    (located,) = select_data_sets([data_set])
    return located
