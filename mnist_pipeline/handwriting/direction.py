"""Whether a page is upside down, turned or mirrored: its digits are answered in each direction."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from mnist_pipeline.handwriting.recognizer import Recognizer

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

# What is said of a picture in each direction, and how its images (n, 28, 28) are turned upright.
DIRECTIONS: Mapping[str, Change] = {
    "the digits look upside down": lambda images: images[:, ::-1, ::-1],
    "turn the picture to the left": lambda images: np.rot90(images, 1, (1, 2)),
    "turn the picture to the right": lambda images: np.rot90(images, -1, (1, 2)),
    "the digits look mirrored": lambda images: images[:, :, ::-1],
}
LEAST = 0.02  # probability of a shape that looks like no digit
MORE_PROBABLE = 30  # times
FEWEST = 2  # shapes


def direction_warning(images: NDArray[np.uint8], recognizer: Recognizer) -> str:
    """What to do with a picture whose digits are far more probable in another direction, or "".

    `images` are the shapes of the picture, (n, 28, 28). The probabilities of all its digits are
    multiplied. 0, 1 and 8 look alike in several directions and do not count; 6 and 9 become each
    other, and nothing tells them apart. In a picture without digits, a turned shape may look like
    one, so most of them must.
    """
    if len(images) < FEWEST:
        return ""
    upright = _log_probability(recognizer.credibility(images))
    found = {}
    for text, change in DIRECTIONS.items():
        credible = recognizer.credibility(np.ascontiguousarray(change(images)))
        if 2 * np.count_nonzero(credible) > len(images):
            found[text] = _log_probability(credible)
    text = max(found, key=lambda each: found[each], default="")
    return text if text and found[text] - upright > np.log(MORE_PROBABLE) else ""


def _log_probability(credible: NDArray[np.float64]) -> float:
    """Of the answers to several images together."""
    return float(np.log(np.maximum(credible, LEAST)).sum())
