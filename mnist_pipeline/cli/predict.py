"""The digits in picture files, as a table for a person and as JSON for a program."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import click

from mnist_pipeline.cli.output import write_sheet
from mnist_pipeline.data.records import DataSet
from mnist_pipeline.handwriting import contact_sheet, pictures
from mnist_pipeline.handwriting.pictures import ImageError
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer, headline, text_of
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils.printable import printable

TABLE = "{} {:<{width}} {:>11}  {}  {:<16} {}"
LEAST_CERTAIN = "*"


def print_digits(files: Sequence[Path], as_json: bool, sheet: Path | None) -> int:
    """Print the digits in files; return the exit code, 1 if a file can't be read."""
    recognizer: Recognizer = storage.current().read("recognizer")
    table = _Table(recognizer)
    on_sheet = list[contact_sheet.Entry]()
    failed = False
    if not as_json:
        click.echo(printable(table.header))
    for number, file in enumerate(files):
        try:
            page = pictures.page(file)
        except ImageError as error:
            failed = True
            click.echo(f"Error: {error}", err=True)
            document: dict[str, Any] = {"file": str(file), "error": str(error)}
            lines = list[str]()
        else:
            (readings,) = recognizer.read_pages([page])
            document = _document(file, readings, recognizer.known)
            lines = [*map(printable, table.lines(file, readings))]
            if sheet:
                on_sheet.append(contact_sheet.fitted(str(file), page.picture, readings))
        if as_json:
            before = ",\n" if number else "[\n"
            click.echo(before + indent(json.dumps(document, indent=1), " "), nl=False)
        elif lines:
            click.echo("\n".join(lines))
    if as_json:
        click.echo("\n]")
    if sheet and on_sheet:
        names = "".join(recognizer.known.class_names)
        # Importing Matplotlib takes a third of a second.
        font = None if names.isascii() else figures.font_file(names)
        write_sheet(sheet, contact_sheet.draw(on_sheet, recognizer, font))
    return int(failed)


def _document(file: Path, readings: Sequence[Reading], known: DataSet) -> dict[str, Any]:
    return {
        "file": str(file),
        "text": text_of(readings),
        "headline": headline(readings, known),
        "digits": [reading.document(known) for reading in readings],
    }


class _Table:
    """The table for a person, with columns as wide as the names of the classes need."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._known = recognizer.known
        self._names = [contact_sheet.shortened(name) for name in self._known.class_names]
        longest = max(map(len, self._names))
        self._width = max(longest, len(self._known.noun))
        self._widths = {model: max(len(model), longest) for model in recognizer.model_names}
        models = " ".join(f"{model:<{width}}" for model, width in self._widths.items())
        columns = (" ", self._known.noun, "probability", models, "box", "nearest")
        self.header = TABLE.format(*columns, width=self._width)

    def lines(self, file: Path, readings: Sequence[Reading]) -> Iterator[str]:
        """Yield the lines of a file."""
        yield f"{file}: {headline(readings, self._known)}"
        for reading in readings:
            yield self._row(reading)
            if reading.recognition.is_doubtful:
                yield f"        {reading.recognition.headline(self._known.noun)}"
        if any(reading.least_certain for reading in readings):
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
