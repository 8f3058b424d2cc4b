"""Random variation of digit images, for training: other hands, pens, papers and light.

Images and results are uint8, shape (n, 28, 28); 0 is paper and 255 is full ink. The same seed gives
the same images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import (
    IMAGES_PER_BLOCK,
    MAX_INK,
    Images,
    add_noise,
    affine,
    as_bytes,
    thicken,
)
from mnist_pipeline.utils.blocks import in_blocks

Generator = np.random.Generator

SOME = 0.2  # the share of the images that are noisy, and of those that are far from the middle
LIGHTS = (1, 2, 3, 4, 6)


@dataclass(frozen=True)
class Variation:
    """Limits of random deformations: each image is deformed in its own way, as if another person
    had written it.
    """

    rotation: float = 0.0  # degrees, in either direction
    scale: float = 0.0  # share by which height and width, drawn independently, grow or shrink
    shear: float = 0.0  # slant to either side, in pixels per row
    shift: float = 0.0  # pixels, in each direction
    stroke: float = 0.0  # change of the width of strokes, in pixels on each side
    # Standard deviation of the noise on one image in five, as a share of full ink. Interpolation
    # smooths images, and a network trained only on smooth images is worse at noisy ones.
    noise: float = 0.0
    far: float = 0.0  # pixels by which one image in five is shifted further, in each direction
    foreign: float = 0.0  # share of the images that get each of the changes in `FOREIGN`


def vary(images: Images, variation: Variation, seed: int | Sequence[int] = 0) -> Images:
    """Deform each image in its own way, uniformly within limits."""
    varied, seeds = np.empty_like(images), np.atleast_1d(seed).tolist()

    def vary_block(
        block: slice,
    ) -> None:  # each block has random numbers of its own, so that threads share the blocks
        varied[block] = _vary(
            images[block], variation, np.random.default_rng([*seeds, block.start])
        )

    in_blocks(vary_block, len(images), IMAGES_PER_BLOCK)
    return varied


def _vary(images: Images, variation: Variation, generator: Generator) -> Images:
    count = len(images)

    def drawn(limit: float, *shape: int) -> NDArray[np.float64]:
        return generator.uniform(-limit, limit, (count, *shape))

    def some(share: float) -> NDArray[np.int64]:
        return np.flatnonzero(generator.random(count) < share)

    varied = thicken(images, drawn(variation.stroke))
    rotation, scale, shear, shift = (
        drawn(variation.rotation),
        1 + drawn(variation.scale, 2),
        drawn(variation.shear),
        drawn(variation.shift, 2),
    )
    far = some(SOME)
    shift[far] += generator.uniform(-variation.far, variation.far, (len(far), 2))
    varied = affine(varied, rotation=rotation, scale=scale, shear=shear, shift=shift)
    for change in FOREIGN if variation.foreign else ():
        chosen = some(variation.foreign)
        varied[chosen] = change(varied[chosen], generator)
    noisy = some(SOME * (variation.noise > 0))
    varied[noisy] = add_noise(
        varied[noisy], generator.uniform(0, variation.noise, len(noisy)), generator
    )
    return varied


def _thin(images: Images, generator: Generator) -> Images:
    """Strokes of a thin pen."""
    return thicken(images, -generator.uniform(0.2, 0.8, len(images)))


def _outlined(images: Images, generator: Generator) -> Images:
    """Only the outline of the strokes, a pixel wide, with more or less ink."""
    rings = thicken(images, 1).astype(np.float32) - images
    return as_bytes(rings * _per_image(generator, 0.8, 1.5, images))


def _small(images: Images, generator: Generator) -> Images:
    """Digits of 60 to 95% of the size."""
    return affine(images, scale=generator.uniform(0.6, 0.95, (len(images), 1)))


def _crossed(images: Images, generator: Generator) -> Images:
    """A straight stroke that does not belong to the digit."""
    across, along = _axes(images, generator.uniform(0, np.pi, len(images)))
    half_width = _per_image(generator, 0.5, 1.2, images)
    distance = np.abs(across - _per_image(generator, -12, 12, images)) / half_width
    reach = np.abs(along - _per_image(generator, -12, 12, images)) < _per_image(
        generator, 4, 16, images
    )
    ink = (
        np.clip(1.3 - distance, 0, 1)
        * reach
        * _per_image(generator, 0.4 * MAX_INK, MAX_INK, images)
    )
    return np.maximum(images, as_bytes(ink))


def _on_paper(images: Images, generator: Generator) -> Images:
    """Less contrast, on grey paper in uneven light."""
    light = np.empty(images.shape, np.float32)
    for group, points in enumerate(LIGHTS):  # light is interpolated between so many points per side
        position = np.linspace(0, points - 1, IMAGE_SIDE)
        weights = np.clip(1 - np.abs(position[:, None] - np.arange(points)), 0, None).astype(
            np.float32
        )
        lit = light[group :: len(LIGHTS)]
        lit[:] = weights @ generator.random((len(lit), points, points), np.float32) @ weights.T
    darkest = _per_image(generator, 0, 1, images)
    paper = darkest + (1 - darkest) * _per_image(generator, 0, 1, images) * light
    contrast = _per_image(generator, 0.2, 1, images)
    return as_bytes(contrast * images + (1 - contrast) * MAX_INK * paper)


def _partly_inverted(images: Images, generator: Generator) -> Images:
    """Light ink on dark paper beyond a straight line, or beyond one on either side, more or
    less.
    """
    turns = generator.uniform(0, 4, len(images))
    angles = (
        np.where(generator.random(len(images)) < 0.7, np.floor(turns), turns) * np.pi / 2
    )  # most along an axis
    across, _ = _axes(images, angles)
    beyond = across > _per_image(generator, 2, 12, images)
    beyond |= -across > np.where(
        _per_image(generator, 0, 1, images) < 0.5, _per_image(generator, 2, 12, images), IMAGE_SIDE
    )
    return as_bytes(
        images + beyond * _per_image(generator, 0.3, 1, images) * (MAX_INK - 2.0 * images)
    )


# The changes that make an image foreign to MNIST, in the order in which they are made.
FOREIGN: Sequence[Callable[[Images, Generator], Images]] = (
    _thin,
    _outlined,
    _small,
    _crossed,
    _on_paper,
    _partly_inverted,
)


def _per_image(generator: Generator, low: float, high: float, images: Images) -> NDArray[Any]:
    """A random number for each image, float32 (n, 1, 1)."""
    return generator.uniform(low, high, (len(images), 1, 1)).astype(np.float32)


def _axes(images: Images, angles: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The coordinates of all pixels from the centre, across and along a direction per image, (n,
    28, 28) each.
    """
    rows, columns = np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE].astype(np.float32) - (IMAGE_SIDE - 1) / 2
    cos, sin = (turn(angles).astype(np.float32)[:, None, None] for turn in (np.cos, np.sin))
    return cos * columns + sin * rows, cos * rows - sin * columns
