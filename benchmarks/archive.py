"""Pictures whose digits are known: `pictures.zip`, or a folder of one's own.

Both contain `truth.json`, a list with an object per picture: `file`, and `text`, its digits in
reading order (other characters are ignored, and a picture without a digit has an empty text). The
following are optional: `boxes` (x, y, width and height of each digit, in pixels), `kind`, which
names a row of the table, and `condition`, such as the paper or the light.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench import BenchmarkError

ARCHIVE = Path(__file__).with_name("pictures.zip")
SHA256 = "5a83e050c5f3a32861910f7f5db240c9b30bfd354363e15fd11aa05c57d1d4a4"
DRAWINGS = "drawings"  # the kind of the sheets that are compared between page and `predict`

Box = tuple[int, int, int, int]  # x, y, width, height


class Example(NamedTuple):
    """A picture whose digits are known."""

    name: str
    content: bytes  # of the file
    digits: str  # in reading order
    boxes: list[Box]  # of the digits, or none
    kind: str = "pictures"
    condition: str = ""


def examples(folder: Path | None = None) -> Iterator[Example]:
    """The pictures of a folder. Without a folder, the pictures of the archive."""
    root = folder or _archive()
    for entry in json.loads((root / "truth.json").read_text("utf-8")):
        yield Example(
            entry["file"],
            (root / entry["file"]).read_bytes(),
            "".join(filter(str.isdigit, entry["text"])),
            [tuple(box) for box in entry.get("boxes", [])],
            entry.get("kind", "pictures"),
            entry.get("condition", ""),
        )


def _archive() -> zipfile.Path:
    if hashlib.sha256(ARCHIVE.read_bytes()).hexdigest() != SHA256:
        raise BenchmarkError(f"{ARCHIVE} is damaged; restore it with git checkout")
    return zipfile.Path(ARCHIVE)
