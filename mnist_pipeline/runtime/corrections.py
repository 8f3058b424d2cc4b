"""Corrections: digits that a model misread, kept with the label that a person gave, for training to include.

A correction is the 28×28 image that the models saw, a PNG file `corrections/LABEL/CHECKSUM.png`. The number of its
class is the name of its folder, as in a data set of folders. With `MNIST_PIPELINE_TRAIN_ON_CORRECTIONS`, the training
images of the data set with plain keys end with the corrections.

Whoever can reach the drawing page can add corrections, so nothing of a request reaches the disk except a label and
pixels. The server chooses the names and encodes the pixels. Directories are opened without following links, and their
number of files is limited.
"""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mnist_pipeline.data.conversion import IMAGE_SIDE, convert
from mnist_pipeline.data.datasets import DigitSet, RawFile
from mnist_pipeline.data.errors import DatasetError, ImageError
from mnist_pipeline.runtime.storage import files

NAME = re.compile(r"[0-9a-f]{16}\.png")
LABEL = re.compile(r"0|[1-9][0-9]{0,2}")
MAX_FILES = 1_000
MAX_BYTES = 10_000  # of a file; 28×28 bytes need less than a tenth
NOUN = "corrections"


class CorrectionsError(DatasetError):
    """A correction can't be kept or read."""


@dataclass(frozen=True)
class Corrections:
    """A directory of corrections, which is created with the first one."""

    directory: Path

    def keep(self, image: np.ndarray, label: int) -> str:
        """Keep an image, uint8 (28, 28), with its label; return its path below the directory.

        The latest label of an image replaces an earlier one.
        """
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG")
        name = f"{hashlib.sha256(image.tobytes()).hexdigest()[:16]}.png"
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._open() as (root, labels):
            places = [(each, found) for each, folder in labels.items() for found in _names(folder)]
            if len(places) >= MAX_FILES:
                raise CorrectionsError(f"there are {MAX_FILES:,} corrections already; train on them, or delete some")
            with contextlib.suppress(FileExistsError):
                os.mkdir(str(label), dir_fd=root)
            with _opened(str(label), root) as folder:
                temporary = f".{name}.{os.getpid()}{files.TEMPORARY}"
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                created = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                with os.fdopen(os.open(temporary, created, 0o666, dir_fd=folder), "wb") as file:
                    file.write(content.getvalue())
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            for each, found in places:
                if found == name and each != label:
                    os.unlink(name, dir_fd=labels[each])
        return f"{label}/{name}"

    def file(self) -> RawFile | None:
        """The number and a digest of the corrections; None without any."""
        return self._read()[1]

    def add_to(self, digits: DigitSet, recorded: list[RawFile]) -> DigitSet:
        """A data set that ends with the corrections, whose digest must be among the recorded ones."""
        contents, file = self._read()
        if file is None:
            return digits
        if file not in recorded:
            raise DatasetError(
                f"{self.directory} has changed since its checksum was recorded; update everything that depends on it "
                "with mnist-pipeline run --changed"
            )
        images = []
        for path, content in contents.items():
            try:
                images.append(convert(content, "whole")[0])
            except ImageError as error:
                raise DatasetError(f"{self.directory / path} {error}; delete it") from error
        labels = np.array([int(path.partition("/")[0]) for path in contents])
        if labels.max() > digits.labels.max():
            raise DatasetError(f"{self.directory / str(labels.max())} is no class of the data set; delete it")
        return DigitSet(
            np.concatenate([digits.images, np.array(images, np.uint8).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)]),
            np.concatenate([digits.labels, labels.astype(digits.labels.dtype)]),
        )

    def _read(self) -> tuple[dict[str, bytes], RawFile | None]:
        """The content of each correction by its path, in the order of the paths, and their digest."""
        contents = {}
        with contextlib.suppress(FileNotFoundError), self._open() as (_, labels):
            for label, folder in labels.items():
                for name in _names(folder):
                    try:
                        with files.open_regular(name, folder) as file:
                            contents[f"{label}/{name}"] = file.read(MAX_BYTES)
                    except OSError as error:
                        path = self.directory / str(label) / name
                        raise CorrectionsError(f"{path} can't be read ({error.strerror}); remove it") from error
        contents = dict(sorted(contents.items()))
        if not contents:
            return contents, None
        lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in contents.items()]
        digest, size = hashlib.sha256("".join(lines).encode()).hexdigest(), sum(map(len, contents.values()))
        return contents, RawFile(f"{NOUN}: {len(lines):,} pictures", size, digest)

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[int, dict[int, int]]]:
        """The open directory, and the open folders of its labels."""
        with contextlib.ExitStack() as stack:
            root = stack.enter_context(_opened(str(self.directory)))
            names = [entry.name for entry in os.scandir(root) if LABEL.fullmatch(entry.name)]
            yield root, {int(name): stack.enter_context(_opened(name, root)) for name in names}


@contextlib.contextmanager
def _opened(name: str, directory: int | None = None) -> Iterator[int]:
    try:
        descriptor = files.open_directory(name, directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CorrectionsError(f"{name} is not a directory ({error.strerror}); remove or rename it") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int) -> list[str]:
    return [entry.name for entry in os.scandir(folder) if NAME.fullmatch(entry.name)]
