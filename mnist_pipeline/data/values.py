"""The values that assets return: the meaning and the shape of each field."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mnist_pipeline.data.color import colored, grey
from mnist_pipeline.data.conversion import IMAGE_SIDE, WHITE
from mnist_pipeline.data.held_out import split
from mnist_pipeline.utils.arguments import checked
from mnist_pipeline.utils.stored_types import format_version, stored_type

MAX_CLASSES = 256  # a label is a byte
CLASS_NAMES = tuple(map(str, range(10)))  # of digits


class RawFile(NamedTuple):
    """A file on disk: its name, its size in bytes and its checksum in hexadecimal."""

    name: str
    size: int
    sha256: str


@stored_type
@dataclass(frozen=True)
class ImageKind:
    """What kind of images a data set has.

    It decides how networks are trained and how images are drawn. No name changes it.
    """

    handwritten: bool = True
    is_mnist: bool = False  # whether the files are MNIST's

    def shown(self, images: np.ndarray) -> np.ndarray:
        """Images as all pictures, figures and pages draw them.

        Grey levels are drawn as ink on paper, colours as they are. So photos in grey levels get
        colours; else they would be drawn as negatives.
        """
        return images if self.handwritten else colored(images)


@stored_type
@dataclass(frozen=True)
class DataSet:
    """The description of a data set of labelled images: names, colours, conversion of pictures.

    Every asset that names the data set or its classes reads the names from here.
    """

    name: str = "own"  # in settings and commands: lower case, digits and hyphens
    title: str = ""  # in sentences
    class_names: tuple[str, ...] = CLASS_NAMES  # in letters that Matplotlib's default font has
    noun: str = "digit"  # what an image shows
    handwritten: bool = True
    # Whether a person's picture shows one thing; otherwise it is searched for several.
    whole_pictures: bool = False
    doubted_labels: tuple[int, ...] = ()  # the test images whose published label is doubtful
    color: bool = False  # whether images have red, green and blue; otherwise they have grey levels
    ground: str = WHITE  # on which transparent pictures are placed
    inverted: bool = False  # whether digits were dark on light in the files

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an image: rows, columns and, of images in colour, three channels."""
        return (IMAGE_SIDE, IMAGE_SIDE, *[3] * self.color)

    def shown(self, images: np.ndarray) -> np.ndarray:
        """Images as all pictures, figures and pages draw them."""
        return self.kind.shown(images)

    @property
    def kind(self) -> ImageKind:
        """What kind of images they are."""
        return ImageKind(self.handwritten, self.is_mnist)

    @property
    def is_mnist(self) -> bool:
        """Whether the files are MNIST's."""
        return self.name == "mnist"

    @property
    def nouns(self) -> str:
        """The plural of `noun`."""
        return f"{self.noun}s"

    @property
    def heading(self) -> str:
        """The heading of the report."""
        return f"{'Reading handwritten' if self.handwritten else 'Recognizing'} {self.nouns}"


def checksum(files: Iterable[RawFile]) -> str:
    """The SHA-256 of the checksums of files."""
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()


@stored_type
@dataclass(frozen=True)
class RawData:
    """What is stored of the files: their checksums and paths, and the data set's description."""

    files: tuple[RawFile, ...]
    data_set: DataSet
    # Of "train" and "test": the path of each image, relative to the data set; empty if the images
    # are not files of their own.
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def checksum(self) -> str:
        """The SHA-256 of the checksums of the files."""
        return checksum(self.files)

    def path_of(self, split: str, index: int) -> str:
        """The relative path of an image; empty if it is not a file of its own."""
        paths = self.paths.get(split)
        return paths[index] if paths else ""

    def files_of(self, split: str, indices: Iterable[int]) -> dict[str, list[str]]:
        """The column "file" of a table of images; no column if the images are not files."""
        if not self.paths.get(split):
            return {}
        return {"file": [self.path_of(split, index) for index in indices]}


class _LabelledImages(NamedTuple):
    # uint8 (n_samples, 28, 28); grey levels, 0 (paper) to 255 (ink). In colour there is a last axis
    # of red, green and blue.
    images: np.ndarray
    labels: np.ndarray  # uint8 (n_samples,); the class of each image, from 0


@stored_type
class DigitSet(_LabelledImages):
    """Images with their labels, as all assets and methods get them, whatever the files were.

    `held_out` has the indices of the training images that are held out, in increasing order. It is
    None if `divided` chooses them.

    Raises a ValueError for images that are not finite numbers, for labels that are not one class
    per image, and for other indices.

    Examples
    --------
    >>> images = np.zeros((2, 28, 28), np.uint8)
    >>> DigitSet(images, [7, -1])
    Traceback (most recent call last):
    ValueError: labels has the value -1; expected finite numbers of at least 0
    """

    held_out: np.ndarray | None = None

    def __new__(
        cls, images: np.ndarray, labels: np.ndarray, held_out: np.ndarray | None = None
    ) -> "DigitSet":
        """A set with all three fields. As a tuple, it has only the first two."""
        images = np.asanyarray(images)
        if images.ndim == 0 or images.dtype != np.uint8:
            checked("images", images, shape=images.shape or (0,))
        checked("labels", labels, 0, shape=images.shape[:1], kinds="iu")
        digits = super().__new__(cls, images, np.asanyarray(labels))
        if held_out is not None:
            held_out = np.asanyarray(held_out)
            indices = checked("held_out", held_out, 0, len(images) - 1, (held_out.size,), "iu")
            if (np.diff(indices.astype(np.int64)) <= 0).any():
                raise ValueError("held_out is not in increasing order, or names an image twice")
        digits.held_out = held_out
        return digits

    def _asdict(self) -> dict[str, np.ndarray]:
        chosen = {} if self.held_out is None else {"held_out": self.held_out}
        return super()._asdict() | chosen

    def _replace(self, **changes: np.ndarray) -> "DigitSet":
        return DigitSet(**self._asdict() | changes)

    def divided(self) -> tuple[np.ndarray, np.ndarray]:
        """The indices of the images to train on, and of the held-out images."""
        if self.held_out is None:
            return split(self.labels)
        return np.delete(np.arange(len(self.labels)), self.held_out), self.held_out

    @property
    def without_held_out(self) -> "DigitSet":
        """The images to train on, of which none is held out."""
        kept, _ = self.divided()
        return self.part(kept)

    def part(self, rows: np.ndarray) -> "DigitSet":
        """The images of these rows, of which none is held out."""
        return DigitSet(self.images[rows], self.labels[rows], np.array([], np.int64))

    @property
    def num_classes(self) -> int:
        """Number of classes, if each has an image."""
        return int(self.labels.max()) + 1

    @property
    def class_numbers(self) -> list[str]:
        """The classes as texts, for figures of assets that do not depend on names."""
        return [*map(str, range(self.num_classes))]

    @property
    def grey(self) -> np.ndarray:
        """The images in grey levels, uint8 (n_samples, 28, 28)."""
        return grey(self.images)

    @property
    def contents(self) -> list[bytes]:
        """The pixels and the label of each image, by which images of two sets are compared."""
        return [image.tobytes() + label.tobytes() for image, label in zip(*self, strict=True)]


@stored_type
class Reconstructions(NamedTuple):
    """The digit images reconstructed from k components, and the error on the test images."""

    num_components: np.ndarray  # the values of k; int64 (n_k,)
    images: np.ndarray  # not clipped; float32 (n_k, n_digits, 28, 28)
    # Share of the training variance on the first k components, 0–1; float64 (n_k,).
    explained_share: np.ndarray
    # Root mean squared error over all test pixels, in grey levels; float64 (n_k,).
    test_rmse: np.ndarray


@format_version(3)
@stored_type
class Corners(NamedTuple):
    """Harris corners of images, and numbers that show that they are a PCA of the gradients."""

    structure_tensor: np.ndarray  # float64 (n_digits, 28, 28, 2, 2)
    # Of the structure tensor, in ascending order; float64 (n_digits, 28, 28, 2).
    eigenvalues: np.ndarray
    response: np.ndarray  # float64 (n_digits, 28, 28)
    corners: np.ndarray  # bool (n_digits, 28, 28)
    # Largest difference between the structure tensor and GᵀG, relative to the largest entry;
    # float64 (n_digits,).
    gram_difference: np.ndarray
    # Share of tr M that centring the gradients would remove, median over the corners; float64
    # (n_digits,).
    centering_change: np.ndarray
    kappa: float  # of the response det M − κ (tr M)²
    # Smallest response of a corner, as a share of the largest response in its image.
    relative_threshold: float


@stored_type
class Nearest(NamedTuple):
    """The training images nearest to some images, nearest first; all (n_images, n_kept)."""

    indices: np.ndarray
    labels: np.ndarray
    squared_distances: np.ndarray


class Answer(NamedTuple):
    """What a method answers to any images, as arrays."""

    labels: np.ndarray  # integers (n_images,)
    probabilities: np.ndarray  # float64 (n_images, n_classes)
    nearest: Nearest | None = None  # behind the answer, of a model that compares images


@format_version(3)
@stored_type
class Predictions(NamedTuple):
    """The calibrated `Answer` of a model to the test images, in the small types that are stored."""

    labels: np.ndarray  # uint8 (n_test,)
    probabilities: np.ndarray  # calibrated; float32 (n_test, n_classes)
    nearest: Nearest | None = None  # of a model that compares images
