"""The colours of images: their grey levels, and whether they say more than these."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]  # grey levels (…, rows, columns), or (…, rows, columns, 3) in colour

NUM_COLORS = 3
# Of the variance of the colours. Scans, sepia and blue ink on white paper are below this share,
# because their colours are mixtures of two; photos and coloured drawings are above it.
LEAST_SHARE = 0.02


def grey(images: Images) -> Images:
    """The grey levels of images: (…, 28, 28, 3) becomes (…, 28, 28); grey images are returned.

    Examples
    --------
    >>> grey(np.full((28, 28, 3), [255, 0, 0], np.uint8))[0, 0]
    np.uint8(76)
    """
    if images.shape[-1] != NUM_COLORS:
        return images
    rows = Image.fromarray(images.reshape(-1, *images.shape[-2:]))  # of all images
    return np.array(rows.convert("L")).reshape(images.shape[:-1])


def colored(images: NDArray[Any]) -> NDArray[Any]:
    """Images in colour: in grey ones, red, green and blue become equal.

    (…, 28, 28) becomes (…, 28, 28, 3); images in colour are returned.
    """
    if images.shape[-1] == NUM_COLORS:
        return images
    return np.repeat(images[..., np.newaxis], NUM_COLORS, axis=-1)


def share_beyond_grey(images: Images) -> float:
    """Share of the variance of the colours, 0 to 1, that the grey level of a pixel leaves open.

    It is what remains of red, green and blue after the regression of each on the grey level. The
    images are uint8 (n, rows, columns, 3).

    Examples
    --------
    >>> ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    >>> share_beyond_grey(np.concatenate([ramp, ramp // 2, ramp // 4], axis=3)) < 0.001  # sepia
    True
    """
    variables = np.concatenate([grey(images)[..., np.newaxis], images], axis=3).reshape(-1, 4)
    products = np.cov(variables, rowvar=False)
    total = np.trace(products[1:, 1:])
    if not total:
        return 0.0
    explained = np.square(products[0, 1:]).sum() / (products[0, 0] or np.inf)
    return float(max(0.0, 1 - explained / total))
