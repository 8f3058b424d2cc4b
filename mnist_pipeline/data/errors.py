"""Errors about data files and pictures.

Each message is one printable line: the file, the problem and the remedy.
"""

from mnist_pipeline.utils.printable import printable
from mnist_pipeline.utils.reported import ReportedError


class _DataError(ReportedError, ValueError):
    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DatasetError(_DataError):
    """A data file is invalid."""


class ImageError(_DataError):
    """A file is not a readable picture."""
