"""What the models say of the digits in picture files, for a person at the terminal and for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.recognizer import Reading, Recognizer
from mnist_pipeline.utils.printable import printable

TABLE = "  {:<7}{:>11}{:>10}   {}  {:<35}{}"
BATCH = 16  # pictures in memory at a time; their digits are recognized together
NOT_A_DIGIT = "this does not look like a digit"


class Outcome(NamedTuple):
    """A file with its picture, where that is kept, and the digits in it; or why it can't be read."""

    file: str
    picture: np.ndarray | None
    readings: Sequence[Reading]
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        return {"file": self.file, "digits": [reading.document() for reading in self.readings]}

    def lines(self) -> Iterator[str]:
        """The same as lines of a table."""
        yield printable(self.file) + ("" if self.readings else ": no digit found")
        for reading in self.readings:
            yield _line(reading)


def header(recognizer: Recognizer) -> str:
    """The header of the table, with a column for each model that answers."""
    return TABLE.format(
        "digit", "probability", "unusual", " ".join(recognizer.model_names), "nearest training digits", "box"
    )


def read_files(files: Sequence[Path], recognizer: Recognizer, *, keep: bool = False) -> Iterator[Outcome]:
    """What becomes of each file, whatever becomes of the others; the pictures themselves stay in memory on demand."""
    for first in range(0, len(files), BATCH):
        outcomes = [_opened(file) for file in files[first : first + BATCH]]
        read = iter(recognizer.read([found.picture for found in outcomes if found.picture is not None]))
        for found in outcomes:
            readings = () if found.picture is None else next(read)
            yield found._replace(readings=readings, picture=found.picture if keep else None)


def _opened(file: Path) -> Outcome:
    """A file before its digits are read."""
    try:
        return Outcome(str(file), images.read(file), ())
    except images.ImageError as error:
        return Outcome(str(file), None, (), str(error))


def sheet(outcomes: Iterable[Outcome], recognizer: Recognizer) -> bytes:
    """A contact sheet, PNG, of the files that could be read."""
    readable = [(found.file, found.picture, found.readings) for found in outcomes if found.picture is not None]
    return contact_sheet.draw([contact_sheet.Page(*page) for page in readable], recognizer)


def _line(reading: Reading) -> str:
    said = reading.recognition
    x, y, width, height = reading.box
    return TABLE.format(
        said.digit,
        contact_sheet.percent(said.probability),
        f"{said.unusual:.1f}%",
        " ".join(f"{digit:<{len(model)}}" for model, digit in said.digits.items()),
        ", ".join(f"{near.digit} (#{near.index})" for near in said.neighbors),
        f"{width}×{height} at {x}, {y}" + ("" if said.looks_like_digit else f"   {NOT_A_DIGIT}"),
    )
