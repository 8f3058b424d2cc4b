"""The digits in picture files, as a table for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.recognition import pictures as images
from mnist_pipeline.recognition.recognizer import Reading, Recognizer
from mnist_pipeline.utils.printable import printable

TABLE = "  {:<7}{:>11}{:>10}   {}  {:<35}{}"
BATCH = 16  # pictures in memory at a time; their digits are recognized together
NOT_A_DIGIT = "this does not look like a digit"


@dataclass(frozen=True)
class Outcome:
    """A file with the digits in it, or with the reason why it can't be read; and its picture, if it is kept."""

    file: str
    picture: np.ndarray | None
    readings: Sequence[Reading] = ()
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        if self.error is not None:
            return {"file": self.file, "error": self.error}
        return {"file": self.file, "digits": [reading.document() for reading in self.readings]}

    def lines(self) -> Iterator[str]:
        """Yield the lines of the outcome in a table."""
        yield printable(self.file) + ("" if self.readings else ": no digit found")
        for reading in self.readings:
            found = reading.recognition
            x, y, width, height = reading.box
            yield TABLE.format(
                found.digit,
                contact_sheet.percent(found.probability),
                f"{found.unusual:.1f}%",
                " ".join(f"{digit:<{len(model)}}" for model, digit in found.digits.items()),
                ", ".join(f"{near.digit} (#{near.index})" for near in found.neighbors),
                f"{width}×{height} at {x}, {y}" + ("" if found.looks_like_digit else f"   {NOT_A_DIGIT}"),
            )


def header(recognizer: Recognizer) -> str:
    """Return the header of the table, with a column per model."""
    return TABLE.format(
        "digit", "probability", "unusual", " ".join(recognizer.model_names), "nearest training digits", "box"
    )


def read_files(files: Sequence[Path], recognizer: Recognizer, *, keep: bool = False) -> Iterator[Outcome]:
    """Recognize the digits in each file. A file that can't be read does not affect the others.

    With `keep`, the outcomes keep the pictures in memory.
    """
    for first in range(0, len(files), BATCH):
        outcomes = [_open(file) for file in files[first : first + BATCH]]
        readings = iter(recognizer.read([each.picture for each in outcomes if each.picture is not None]))
        for outcome in outcomes:
            if outcome.picture is not None:
                outcome = replace(outcome, readings=next(readings), picture=outcome.picture if keep else None)
            yield outcome


def _open(file: Path) -> Outcome:
    """Open a file, before its digits are recognized."""
    try:
        return Outcome(str(file), images.read(file))
    except images.ImageError as error:
        return Outcome(str(file), None, error=str(error))


def sheet(outcomes: Iterable[Outcome], recognizer: Recognizer) -> bytes:
    """Draw a contact sheet of the files that could be read, as PNG."""
    pages = [
        contact_sheet.Page(each.file, each.picture, each.readings) for each in outcomes if each.picture is not None
    ]
    return contact_sheet.draw(pages, recognizer)
