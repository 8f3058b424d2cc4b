"""Errors about data files and pictures.

Each message is one printable line: the file, the problem and the remedy.
"""

from mnist_pipeline.utils.printable import printable


class DatasetError(ValueError):
    """A data file is invalid."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class ImageError(ValueError):
    """A file is not a readable picture."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))
