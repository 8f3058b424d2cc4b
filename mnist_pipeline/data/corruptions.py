"""Eight of the fifteen corruptions of MNIST-C [1]_, in the severities of the published data set.

Each function takes images, uint8 (n, 28, 28), 0 the paper and 255 full ink, and a generator, and
returns images of the same kind; it raises a ValueError or a TypeError for other arguments.
`corrupt` calls them by name. No model is trained on these images,
but the variations of `variation` resemble most of them, and the recipe of the convolutional network
was tuned on held-out digits with all fifteen.

The published images come from scikit-image 0.15. As there, a shear also lengthens the image by
1 / cos 0.4.

References
----------
.. [1] N. Mu, J. Gilmer, "MNIST-C: a robustness benchmark for computer vision", 2019.
"""

import functools
import zlib
from collections.abc import Callable

import numpy as np

from mnist_pipeline.data.color import Images
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import MAX_INK, affine, as_bytes, checked_images

Corruption = Callable[[Images, np.random.Generator], Images]

TURN = 0.4  # radians, of rotate and shear
LINE_REACH = 2.3  # pixels from its middle at which the ink of a line ends


CORRUPTIONS: dict[str, Corruption] = {}  # by name


def corrupt(images: Images, name: str) -> Images:
    """Corrupt images by the corruption of this name, which has its own random numbers.

    Examples
    --------
    >>> corrupt(np.zeros((1, 28, 28), np.uint8), "stripe")[0, 0, ::7]
    array([255,   0,   0, 255], dtype=uint8)
    """
    if not isinstance(name, str) or name not in CORRUPTIONS:
        raise ValueError(f"name is {name!r}; expected one of {', '.join(CORRUPTIONS)}")
    return CORRUPTIONS[name](images, np.random.default_rng((0, zlib.crc32(name.encode()))))


def _corruption(function: Corruption) -> Corruption:
    """Let a function check its images and its generator, and add it to `CORRUPTIONS`."""

    @functools.wraps(function)
    def corruption(images: Images, generator: np.random.Generator) -> Images:
        if not isinstance(generator, np.random.Generator):
            raise TypeError(f"generator is {generator!r}; expected a numpy.random.Generator")
        return function(checked_images(images, IMAGE_SIDE, IMAGE_SIDE), generator)

    CORRUPTIONS[function.__name__] = corruption
    return corruption


@_corruption
def impulse_noise(images: Images, generator: np.random.Generator) -> Images:
    """17% of the pixels become paper or full ink."""
    is_hit = generator.random(images.shape) < 0.17
    is_ink = generator.random(images.shape) < 0.5
    return np.where(is_hit, np.uint8(MAX_INK) * is_ink, images)


@_corruption
def shear(images: Images, generator: np.random.Generator) -> Images:
    """Slant to the left or to the right."""
    slant = np.sin(TURN) * generator.choice([-1, 1], len(images))
    return affine(images, scale=(1 / np.cos(TURN), 1), shear=slant)


@_corruption
def scale(images: Images, generator: np.random.Generator) -> Images:
    """Reduce to 70% of the size."""
    return affine(images, scale=0.7)


@_corruption
def rotate(images: Images, generator: np.random.Generator) -> Images:
    """Turn to the left or to the right."""
    return affine(images, rotation=np.degrees(TURN) * generator.choice([-1, 1], len(images)))


@_corruption
def brightness(images: Images, generator: np.random.Generator) -> Images:
    """Add half of full ink."""
    return as_bytes(np.arange(MAX_INK + 1) + 0.5 * MAX_INK)[images]


@_corruption
def translate(images: Images, generator: np.random.Generator) -> Images:
    """Move by three pixels along both axes."""
    return affine(images, shift=3 * generator.choice([-1, 1], (len(images), 2)))


@_corruption
def stripe(images: Images, generator: np.random.Generator) -> Images:
    """Invert the left and the right quarter."""
    columns = np.arange(IMAGE_SIDE)
    return np.where((columns < 7) | (columns >= 21), MAX_INK - images, images)


@_corruption
def dotted_line(images: Images, generator: np.random.Generator) -> Images:
    """A dotted line from the left edge to the right edge: two columns with ink, two without."""
    first, last = generator.integers(0, 27, (2, len(images), 1, 1))
    rows, columns = np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE]
    distance = np.abs(rows - first - (last - first) / 27 * columns)
    # The ink fades with the distance from the middle of the line.
    ink = np.clip(1 + np.log(1 - np.minimum(distance / LINE_REACH, 1 - 1e-10)), 0, 1)
    is_drawn = (columns < 27) & (columns % 4 >= 2)
    return as_bytes(images + MAX_INK * ink * is_drawn)
