"""Files that a command writes where its user asks: never over an input, nor over a file that
another program wrote.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from mnist_pipeline.utils.reported import ReportedError

SOFTWARE = b"Software\0mnist-pipeline"  # a text of a PNG: its name and its value
START = 4_096  # bytes of a file in which its mark is searched
END_OF_HEADER = 33  # bytes of a PNG's signature and first chunk


def check_output(path: Path, inputs: Sequence[Path] = (), mark: bytes = SOFTWARE) -> None:
    """Raise a ReportedError if a file must not be written.

    It may be written if there is none, if it is empty, or if it has the mark of this program and is
    not an input.
    """
    if not path.is_file():
        return
    if any(other.exists() and path.samefile(other) for other in inputs):
        raise ReportedError(f"{path} is an input of this command; name another file to write")
    with path.open("rb") as file:
        start = file.read(START)
    if start and mark not in start:
        raise ReportedError(
            f"{path} exists, and this program did not write it; delete it, or name another file"
        )


def write_png(path: Path, png: bytes) -> None:
    """Write a PNG with the mark of this program, after `check_output`."""
    check_output(path)
    text = b"tEXt" + SOFTWARE
    chunk = struct.pack(">I", len(SOFTWARE)) + text + struct.pack(">I", zlib.crc32(text))
    path.write_bytes(png[:END_OF_HEADER] + chunk + png[END_OF_HEADER:])
