"""The digits in picture files, as a table for a person and as JSON for a program."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mnist_pipeline.handwriting import contact_sheet, pictures
from mnist_pipeline.handwriting.pictures import ImageError
from mnist_pipeline.handwriting.recognizer import Classes, Reading, Recognizer, headline, text_of
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

TABLE = "{} {:<{width}} {:>11}  {}  {:<16} {}"
LEAST_CERTAIN = "*"


@dataclass(frozen=True)
class Outcome:
    """The digits in a file, with its page on a contact sheet if one is drawn; or an error."""

    file: Path
    readings: Sequence[Reading] = ()
    page: contact_sheet.Entry | None = None
    error: str | None = None


def print_digits(files: Sequence[Path], as_json: bool, sheet: Path | None) -> int:
    """Print the digits in files; return the exit code, 1 if a file can't be read."""
    recognizer: Recognizer = storage.current().read("recognizer")
    outcomes = [_read(file, recognizer, on_sheet=sheet is not None) for file in files]
    if as_json:
        documents = [_document(outcome, recognizer.known) for outcome in outcomes]
        click.echo(json.dumps(documents, indent=1))
    elif not all(outcome.error for outcome in outcomes):
        table = _Table(recognizer)
        lines = (line for outcome in outcomes if not outcome.error for line in table.lines(outcome))
        click.echo("\n".join(map(printable, [table.header, *lines])))
    if sheet and (pages := [outcome.page for outcome in outcomes if outcome.page]):
        sheet.write_bytes(contact_sheet.draw(pages, recognizer))
    errors = [outcome.error for outcome in outcomes if outcome.error]
    for message in errors:
        click.echo(f"Error: {message}", err=True)
    return int(bool(errors))


def _read(file: Path, recognizer: Recognizer, *, on_sheet: bool) -> Outcome:
    """Recognize the digits in a file, for a contact sheet if there is one."""
    try:
        page = pictures.page(file)
    except ImageError as error:
        return Outcome(file, error=str(error))
    (readings,) = recognizer.read_pages([page])
    # Pages are kept in the size of the sheet, so that many large pictures take little memory.
    on_its_page = (
        contact_sheet.Entry(str(file), page.picture, readings).fitted() if on_sheet else None
    )
    return Outcome(file, readings, on_its_page)


def _document(outcome: Outcome, known: Classes) -> dict[str, Any]:
    if outcome.error is not None:
        return {"file": str(outcome.file), "error": outcome.error}
    return {
        "file": str(outcome.file),
        "text": text_of(outcome.readings),
        "headline": headline(outcome.readings, known),
        "digits": [reading.document(known) for reading in outcome.readings],
    }


class _Table:
    """The table for a person, with columns as wide as the names of the classes need."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._known = recognizer.known
        self._names = [contact_sheet.cut(name) for name in self._known.names]
        longest = max(map(len, self._names))
        self._width = max(longest, len(self._known.noun))
        self._widths = {model: max(len(model), longest) for model in recognizer.model_names}
        models = " ".join(f"{model:<{width}}" for model, width in self._widths.items())
        columns = (" ", self._known.noun, "probability", models, "box", "nearest")
        self.header = TABLE.format(*columns, width=self._width)

    def lines(self, outcome: Outcome) -> Iterator[str]:
        """Yield the lines of a file."""
        yield f"{outcome.file}: {headline(outcome.readings, self._known)}"
        for reading in outcome.readings:
            yield self._row(reading)
            if reading.recognition.is_doubtful:
                yield f"        {self._known.headline(reading.recognition)}"
        if any(reading.least_certain for reading in outcome.readings):
            yield f"{LEAST_CERTAIN} the least certain {self._known.noun} of its line"

    def _row(self, reading: Reading) -> str:
        recognition, names = reading.recognition, self._names
        x, y, width, height = reading.box
        row = (
            LEAST_CERTAIN if reading.least_certain else " ",
            names[recognition.digit],
            contact_sheet.percent(recognition.probability),
            " ".join(
                f"{names[digit]:<{self._widths[model]}}"
                for model, digit in recognition.digits.items()
            ),
            f"{width}×{height} at {x},{y}",
            " ".join(names[neighbor.digit] for neighbor in recognition.neighbors),
        )
        return TABLE.format(*row, width=self._width)
