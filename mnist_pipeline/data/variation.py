"""Random variation of digit images, for training: other hands, pens, papers and light.

Images and results are uint8, shape (n, 28, 28); 0 is paper and 255 is full ink. The same seed gives
the same images.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.color import Images
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.deformations import (
    IMAGES_PER_BLOCK,
    MAX_INK,
    add_noise,
    affine,
    as_bytes,
    interpolating,
    thicken,
)
from mnist_pipeline.utils.blocks import in_blocks

Generator = np.random.Generator

SOME = 0.2  # the share of the images that are noisy, and of the images far from the middle
LIGHTS = (1, 2, 3, 4, 6)  # points per side between which the light of an image is interpolated


@dataclass(frozen=True)
class Variation:
    """Limits of random deformations, which differ from image to image as people's hands do."""

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
    """Deform each image in its own way, uniformly within the limits."""
    varied = np.empty_like(images)
    seeds = np.atleast_1d(seed).tolist()

    def vary_block(block: slice) -> None:
        # Each block has its own random numbers, so that threads can share the blocks.
        generator = np.random.default_rng([*seeds, block.start])
        varied[block] = _vary(images[block], variation, generator)

    in_blocks(vary_block, len(images), IMAGES_PER_BLOCK)
    return varied


def _vary(images: Images, variation: Variation, generator: Generator) -> Images:
    count = len(images)

    def draw(limit: float, *shape: int) -> NDArray[np.float64]:
        return generator.uniform(-limit, limit, (count, *shape))

    def choose(share: float) -> NDArray[np.int64]:
        return np.flatnonzero(generator.random(count) < share)

    varied = thicken(images, draw(variation.stroke))
    rotation = draw(variation.rotation)
    scale = 1 + draw(variation.scale, 2)
    shear = draw(variation.shear)
    shift = draw(variation.shift, 2)
    far = choose(SOME)
    shift[far] += generator.uniform(-variation.far, variation.far, (len(far), 2))
    varied = affine(varied, rotation=rotation, scale=scale, shear=shear, shift=shift)
    if variation.foreign:
        for change in FOREIGN:
            sample = choose(variation.foreign)
            varied[sample] = change(varied[sample], generator)
    if variation.noise:
        noisy = choose(SOME)
        deviations = generator.uniform(0, variation.noise, len(noisy))
        varied[noisy] = add_noise(varied[noisy], deviations, generator)
    return varied


def _thin(images: Images, generator: Generator) -> Images:
    """Strokes of a thin pen."""
    return thicken(images, -generator.uniform(0.2, 0.8, len(images)))


def _outlined(images: Images, generator: Generator) -> Images:
    """The outline of the strokes, a pixel wide, with more or less ink."""
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
    from_middle = np.abs(along - _per_image(generator, -12, 12, images))
    half_length = _per_image(generator, 4, 16, images)
    strength = _per_image(generator, 0.4 * MAX_INK, MAX_INK, images)
    ink = np.clip(1.3 - distance, 0, 1) * (from_middle < half_length) * strength
    return np.maximum(images, as_bytes(ink))


def _on_grey_paper(images: Images, generator: Generator) -> Images:
    """Less contrast, on grey paper in uneven light."""
    light = np.empty(images.shape, np.float32)
    for group, num_points in enumerate(LIGHTS):
        positions = np.linspace(0, num_points - 1, IMAGE_SIDE)
        weights = interpolating(positions, num_points).astype(np.float32)
        lit = light[group :: len(LIGHTS)]
        points = generator.random((len(lit), num_points, num_points), np.float32)
        lit[:] = weights @ points @ weights.T
    darkest = _per_image(generator, 0, 1, images)
    paper = darkest + (1 - darkest) * _per_image(generator, 0, 1, images) * light
    contrast = _per_image(generator, 0.2, 1, images)
    return as_bytes(contrast * images + (1 - contrast) * MAX_INK * paper)


def _partly_inverted(images: Images, generator: Generator) -> Images:
    """Light ink on dark paper, more or less, beyond one straight line or on both sides of two."""
    turns = generator.uniform(0, 4, len(images))
    along_axis = generator.random(len(images)) < 0.7
    angles = np.where(along_axis, np.floor(turns), turns) * np.pi / 2
    across, _ = _axes(images, angles)
    beyond = across > _per_image(generator, 2, 12, images)
    has_second = _per_image(generator, 0, 1, images) < 0.5
    second = np.where(has_second, _per_image(generator, 2, 12, images), IMAGE_SIDE)
    beyond |= -across > second
    share = _per_image(generator, 0.3, 1, images)
    return as_bytes(images + beyond * share * (MAX_INK - 2.0 * images))


# The changes that make an image foreign to MNIST, in the order in which `vary` applies them.
FOREIGN: Sequence[Callable[[Images, Generator], Images]] = (
    _thin,
    _outlined,
    _small,
    _crossed,
    _on_grey_paper,
    _partly_inverted,
)


def _per_image(generator: Generator, low: float, high: float, images: Images) -> NDArray[Any]:
    """A random number for each image, float32 (n, 1, 1)."""
    return generator.uniform(low, high, (len(images), 1, 1)).astype(np.float32)


def _axes(images: Images, angles: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coordinates (n, 28, 28) from the centre, across and along a direction per image."""
    rows, columns = np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE].astype(np.float32) - (IMAGE_SIDE - 1) / 2
    cos = np.cos(angles).astype(np.float32)[:, None, None]
    sin = np.sin(angles).astype(np.float32)[:, None, None]
    return cos * columns + sin * rows, cos * rows - sin * columns
