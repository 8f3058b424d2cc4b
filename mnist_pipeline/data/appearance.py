"""How images are shown to the models: in colour or grey, on which ground, inverted or not.

The training images decide for both splits.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.data.color import LEAST_SHARE, share_beyond_grey
from mnist_pipeline.data.conversion import BLACK, WHITE, on_ground

# 28×28 each, with 1 (no axis), 3 or 4 channels.
Pictures = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]

SAMPLE = 1_000  # images whose colours are compared
LEAST_CONTRAST = 64  # levels between the darkest and the lightest pixel of an image


class Appearance(NamedTuple):
    """How images are shown to the models."""

    color: bool = False
    ground: str = WHITE  # on which transparent pictures are placed
    inverted: bool = False  # whether digits were dark on light
    notes: Sequence[str] = ()  # why

    def shown(self, images: Pictures) -> NDArray[np.uint8]:
        """The images as the models see them."""
        if self.color or not isinstance(images, np.ndarray):
            images = on_ground(images, self.ground, color=self.color)
        shown = np.asarray(images)
        return 255 - shown if self.inverted else shown


def of_handwriting(images: Pictures, *, are_digits: bool) -> Appearance:
    """Handwriting is grey. Digits that are dark on light are inverted."""
    return Appearance(inverted=are_digits and bool(np.mean(images) > 127))


def of_pictures(images: Pictures, color: bool | None, background: str) -> Appearance:
    """A colour and a background are decided here unless they are given."""
    notes = []
    ground = background or WHITE
    transparent = [image for image in images if image.shape[2:] == (4,)]
    if transparent:
        if not background and _are_erased(transparent, WHITE):
            ground = BLACK
        notes.append(f"transparent pictures lie on the colour {ground}")
    if color is None and any(image.ndim == 3 for image in images):
        sample = images[:: -(-len(images) // SAMPLE)]
        share = share_beyond_grey(np.array(on_ground(sample, ground, color=True)))
        color = share >= LEAST_SHARE
        seen, compared = ("colours", "less") if color else ("grey levels", "more")
        notes.append(
            f"the models see {seen}: grey levels explain {1 - share:.1%} of the variance of "
            f"red, green and blue, {compared} than {1 - LEAST_SHARE:.0%}"
        )
    return Appearance(bool(color), ground, notes=notes)


def _are_erased(images: Sequence[NDArray[np.uint8]], ground: str) -> bool:
    """Whether a ground leaves little contrast in most transparent pictures."""
    placed = np.array(on_ground(images, ground, color=True))
    return bool(np.mean(contrasts(placed) < LEAST_CONTRAST) > 0.5)


def contrasts(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Levels between the darkest and the lightest pixel of each image, in its best channel."""
    return np.ptp(images, axis=(1, 2)).reshape(len(images), -1).max(axis=1)
