"""The digits in picture files, as a table for a person and as JSON for a program."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.data.values import DataSet
from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.handwriting.doubt import Reading, headline, text_of
from mnist_pipeline.handwriting.reading import read_digits, search_picture, warnings_of
from mnist_pipeline.handwriting.recognizer import Recognizer
from mnist_pipeline.report import words
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import count, printable, shortened

TABLE = "{} {:<{width}} {:>11}  {}  {:<16} {}"
RIGHT = "right in"  # what share of all cases with an answer like this
LEAST_CERTAIN = "*"
MAX_NAME = 18  # characters of a class name in a column


def print_digits(files: Sequence[Path], as_json: bool) -> int:
    """Print the digits in files; return the exit code, 1 if a file can't be read."""
    recognizer: Recognizer = storage.default_storage().read("recognizer")
    known = recognizer.known
    names = [shortened(printable(name), MAX_NAME) for name in known.class_names]
    width = max(map(len, [*names, *recognizer.model_names, known.noun]))
    documents = list[dict[str, Any]]()
    model = _model(recognizer)
    failed = False
    if not as_json:
        models = " ".join(f"{model:<{width}}" for model in recognizer.model_names)
        columns = (" ", known.noun, RIGHT, models, "box", "nearest")
        click.echo(printable(TABLE.format(*columns, width=width)))
    for file in files:
        try:
            page = search_picture(file, known)
        except ImageError as error:
            failed = True
            click.echo(f"Error: {error}", err=True)
            documents.append({"file": str(file), "error": str(error)})
            continue
        readings = read_digits(page, recognizer)
        warnings = warnings_of(page, readings, recognizer)
        if as_json:
            documents.append(_document(file, readings, warnings, known, model))
        else:
            lines = _lines(file, readings, warnings, known, names, width)
            click.echo("\n".join(map(printable, lines)))
    if as_json:
        click.echo(json.dumps(documents, indent=1))
    else:
        num_images = model["num_images"]
        accuracy = words.estimate(model["accuracy"], num_images)
        click.echo(f"{model['name']} answers: {accuracy} on {count(num_images, 'test image')}")
    return int(failed)


def _model(recognizer: Recognizer) -> dict[str, Any]:
    """The champion, with its accuracy on the test images."""
    total, errors = recognizer.tested
    return {
        "name": recognizer.champion,
        "accuracy": 1 - errors / total,
        "interval": wilson_interval(total - errors, total),
        "num_images": total,
    }


def _document(
    file: Path,
    readings: Sequence[Reading],
    warnings: Sequence[str],
    known: DataSet,
    model: dict[str, Any],
) -> dict[str, Any]:
    return {
        "file": str(file),
        "text": text_of(readings),
        "headline": headline(readings, known, warnings),
        "warnings": warnings,
        "model": model,
        "digits": [reading.document(known) for reading in readings],
    }


def _lines(
    file: Path,
    readings: Sequence[Reading],
    warnings: Sequence[str],
    known: DataSet,
    names: Sequence[str],
    width: int,
) -> Iterator[str]:
    """Yield the lines of a file; `names` of classes and of models are in columns of a width."""
    yield f"{file}: {headline(readings, known, warnings)}"
    for reading in readings:
        answer, (x, y, box_width, height) = reading.recognition, reading.box
        row = (
            LEAST_CERTAIN if reading.least_certain else " ",
            names[answer.digit],
            f"{answer.claim:.1%}",
            " ".join(f"{names[digit]:<{width}}" for digit in answer.digits.values()),
            f"{box_width}×{height} at {x},{y}",
            " ".join(names[neighbor.digit] for neighbor in answer.neighbors),
        )
        yield TABLE.format(*row, width=width)
        if answer.is_doubtful and len(readings) > 1:
            yield f"        {answer.headline(known.noun)}"
    if any(reading.least_certain for reading in readings):
        yield f"{LEAST_CERTAIN} the least certain {known.noun} of its line"
