"""The digits in picture files, as a table for a person and as JSON for a program."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mnist_pipeline.cli.errors import writing
from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.recognition.pictures import ImageError, Page, page
from mnist_pipeline.recognition.recognizer import Classes, Reading, Recognizer, headline, text_of
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

TABLE = "{} {:<{width}} {:>11} {:>8}  {}  {:<16} {}"
LEAST_CERTAIN = "*"
BATCH = 16  # pictures whose digits are recognized together, at most
BATCH_BYTES = 100_000_000  # of pictures in memory, after which their digits are recognized; the last may be larger


@dataclass(frozen=True)
class Outcome:
    """A file with the digits in it, and its page on a contact sheet if there is one; or why it can't be read."""

    file: str
    page: contact_sheet.Page | None = None
    readings: Sequence[Reading] = ()
    error: str | None = None


def print_digits(files: Sequence[Path], as_json: bool, sheet: Path | None) -> int:
    """Print the digits in files, and draw them on a contact sheet; return the exit code, 1 if a file can't be read."""
    recognizer: Recognizer = storage.current().read("recognizer")
    outcomes = list(_read_files(files, recognizer, on_sheet=sheet is not None))
    if as_json:
        click.echo(json.dumps([_document(outcome, recognizer.known) for outcome in outcomes], indent=1))
    else:
        table = _Table(recognizer)
        lines = (line for outcome in outcomes if not outcome.error for line in table.lines(outcome))
        click.echo("\n".join(map(printable, [table.header, *lines])))
    if sheet:
        pages = [outcome.page for outcome in outcomes if outcome.page]
        with writing("--sheet", sheet):
            sheet.write_bytes(contact_sheet.draw(pages, recognizer))
    errors = [outcome.error for outcome in outcomes if outcome.error]
    for message in errors:
        click.echo(f"Error: {message}", err=True)
    return int(bool(errors))


def _read_files(files: Sequence[Path], recognizer: Recognizer, *, on_sheet: bool) -> Iterator[Outcome]:
    """Recognize the digits in each file, for a contact sheet if there is one; a bad file does not affect the others."""
    for batch in _batches(files):
        readings = iter(recognizer.read_pages([read for _, read in batch if isinstance(read, Page)]))
        for file, read in batch:
            if isinstance(read, Page):
                found = next(readings)
                on_its_page = contact_sheet.Page(str(file), read.picture, found).fitted() if on_sheet else None
                yield Outcome(str(file), on_its_page, found)
            else:
                yield Outcome(str(file), error=str(read))


def _batches(files: Sequence[Path]) -> Iterator[list[tuple[Path, Page | ImageError]]]:
    """The files in their order, read, a few at a time."""
    batch, size = [], 0
    for file in files:
        found = _read(file)
        batch.append((file, found))
        size += found.picture.nbytes if isinstance(found, Page) else 0
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read(file: Path) -> Page | ImageError:
    try:
        return page(file)
    except ImageError as error:
        return error


def _document(outcome: Outcome, known: Classes) -> dict[str, Any]:
    if outcome.error is not None:
        return {"file": outcome.file, "error": outcome.error}
    return {
        "file": outcome.file,
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
        self.header = TABLE.format(
            " ", self._known.noun, "probability", "unusual", models, "box", "nearest", width=self._width
        )

    def lines(self, outcome: Outcome) -> Iterator[str]:
        """Yield the lines of a file."""
        names = self._names
        yield f"{outcome.file}: {headline(outcome.readings, self._known)}"
        for reading in outcome.readings:
            found = reading.recognition
            x, y, width, height = reading.box
            yield TABLE.format(
                LEAST_CERTAIN if reading.least_certain else " ",
                names[found.digit],
                contact_sheet.percent(found.probability),
                f"{found.unusual:.1f}%",
                " ".join(f"{names[digit]:<{self._widths[model]}}" for model, digit in found.digits.items()),
                f"{width}×{height} at {x},{y}",
                " ".join(names[near.digit] for near in found.neighbors),
                width=self._width,
            )
            if found.is_doubtful:
                yield f"        {self._known.headline(found)}"
        if any(reading.least_certain for reading in outcome.readings):
            yield f"{LEAST_CERTAIN} the least certain {self._known.noun} of its line"
