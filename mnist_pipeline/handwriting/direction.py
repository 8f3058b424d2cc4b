"""Whether a page is upside down, turned or mirrored: its digits are answered in each direction."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.handwriting.recognizer import Recognizer

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

# How images (n, 28, 28) are brought upright, by what is then said of the picture.
DIRECTIONS: Mapping[str, Change] = {
    "the digits look upside down": lambda images: images[:, ::-1, ::-1],
    "turn the picture to the left": lambda images: np.rot90(images, 1, (1, 2)),
    "turn the picture to the right": lambda images: np.rot90(images, -1, (1, 2)),
    "the digits look mirrored": lambda images: images[:, :, ::-1],
}
LEAST = 0.02  # probability of a shape that looks like no digit
MORE_PROBABLE = 30  # times
FEWEST = 2  # digits


def direction_warning(images: NDArray[np.uint8], recognizer: Recognizer) -> str:
    """What to do with a picture whose digits are far more probable in another direction, or "".

    `images` are the digits of the picture, (n, 28, 28). The probabilities of all its digits are
    multiplied. 0, 1 and 8 look alike in several directions and do not count; 6 and 9 become each
    other, and nothing tells them apart.
    """
    if len(images) < FEWEST:
        return ""
    upright = _log_probability(images, recognizer)
    found = {
        text: _log_probability(np.ascontiguousarray(change(images)), recognizer)
        for text, change in DIRECTIONS.items()
    }
    text = max(found, key=lambda each: found[each])
    return text if found[text] - upright > np.log(MORE_PROBABLE) else ""


def _log_probability(images: NDArray[np.uint8], recognizer: Recognizer) -> float:
    """Of the champion's answers together."""
    return float(np.log(np.maximum(recognizer.credibility(images), LEAST)).sum())
