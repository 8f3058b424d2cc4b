"""Harris corners, as principal component analysis of the gradients around a pixel.

Each function raises a ValueError for numbers that are not finite, for shapes that do not fit, and
for a result that overflows, and a TypeError for what is no array.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mnist_pipeline.data.values import Corners
from mnist_pipeline.utils.arguments import checked, checked_number
from mnist_pipeline.utils.deprecation import former_names

KAPPA = 0.05
RELATIVE_THRESHOLD = 0.05  # of the largest response in the image
WINDOW = 3
NUM_GRADIENTS = WINDOW * WINDOW  # around a pixel


class Pixel(NamedTuple):
    """A pixel with the principal components of the gradients around it."""

    row: int
    column: int
    gradients: np.ndarray  # G: (I_x, I_y) of nine pixels, in grey levels per pixel; (9, 2)
    eigenvalues: np.ndarray  # of GᵀG, the larger first; (2,)
    eigenvectors: np.ndarray  # as columns; (2, 2)
    response: float  # Harris response, det M − κ (tr M)²


def gradients(image: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Central differences I_x (to the right) and I_y (downwards) of an image (height, width).

    The border is replicated. Both results have the image's shape, in grey levels per pixel,
    float64.

    Examples
    --------
    >>> horizontal, vertical = gradients(np.array([[0, 10, 20], [0, 10, 20]]))
    >>> horizontal
    array([[ 5., 10.,  5.],
           [ 5., 10.,  5.]])
    >>> vertical
    array([[0., 0., 0.],
           [0., 0., 0.]])
    """
    pixels = checked("image", image, shape=(None, None)).astype(np.float64)
    padded = np.pad(pixels, 1, mode="edge")
    with np.errstate(over="ignore"):  # it is refused below
        # NumPy's differences are one-sided at the border only, which is cut off.
        differences = np.array(np.gradient(padded))[:, 1:-1, 1:-1]
    vertical, horizontal = checked("the gradient of image", differences)
    return horizontal, vertical


def structure_tensor(image: ArrayLike) -> np.ndarray:
    """M(p) = Σ over the 3×3 box around p of [I_x², I_x I_y; I_x I_y, I_y²].

    The result has the shape (height, width, 2, 2), float64. Beyond the border the gradient counts
    as zero.

    References
    ----------
    C. Harris, M. Stephens, "A combined corner and edge detector", Alvey Vision Conference,
    1988.

    Examples
    --------
    >>> edge = np.tile([0, 0, 0, 2, 2, 2], (6, 1))
    >>> structure_tensor(edge)[2, 2]  # I_x is 1 in two of the three columns around, I_y is 0
    array([[6., 0.],
           [0., 0.]])
    """
    horizontal, vertical = gradients(image)
    tensor = np.empty((*horizontal.shape, 2, 2))
    with np.errstate(all="ignore"):  # overflow is refused below
        tensor[..., 0, 0] = _box_sum(horizontal * horizontal)
        tensor[..., 0, 1] = tensor[..., 1, 0] = _box_sum(horizontal * vertical)
        tensor[..., 1, 1] = _box_sum(vertical * vertical)
    return checked("the structure tensor of image", tensor)


def window_gradients(image: ArrayLike) -> np.ndarray:
    """G(p): the gradients of the nine pixels around p, one per row, float64 (height, width, 9, 2).

    They are the data points of the PCA: the structure tensor at p is the Gram matrix GᵀG.

    Examples
    --------
    >>> edge = np.tile([0, 0, 0, 2, 2, 2], (6, 1))
    >>> G = window_gradients(edge)[2, 2]
    >>> G.T @ G
    array([[6., 0.],
           [0., 0.]])
    """
    field = np.stack(gradients(image), axis=-1)  # (H, W, 2)
    padded = np.pad(field, ((1, 1), (1, 1), (0, 0)))
    size = (WINDOW, WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, (0, 1))  # (H, W, 2, 3, 3)
    return np.moveaxis(windows, 2, -1).reshape(*field.shape[:2], NUM_GRADIENTS, 2)


def corner_response(image: ArrayLike, kappa: float = KAPPA) -> np.ndarray:
    """Harris response det M − κ (tr M)²: positive at a corner, negative on an edge, near 0 if flat.

    Raises a ValueError if it is too large for float64.

    Examples
    --------
    >>> square = np.zeros((9, 9))
    >>> square[:5, :5] = 255
    >>> response = corner_response(square)
    >>> bool(response[4, 4] > 0), bool(response[1, 4] < 0), float(response[8, 8])
    (True, True, 0.0)
    """
    kappa = checked_number("kappa", kappa)
    tensor = structure_tensor(image)
    with np.errstate(all="ignore"):  # overflow is found below
        determinant = tensor[..., 0, 0] * tensor[..., 1, 1] - tensor[..., 0, 1] ** 2
        trace = tensor[..., 0, 0] + tensor[..., 1, 1]
        response = determinant - kappa * trace**2
    return checked("the response of image and kappa", response)


def corners(response: ArrayLike, relative_threshold: float = RELATIVE_THRESHOLD) -> np.ndarray:
    """Whether each pixel is a corner: a 3×3 maximum above a share of the largest response.

    The response is (height, width), and the share is from 0 to 1. An image without a positive
    response has no corners.

    Examples
    --------
    >>> square = np.zeros((9, 9))
    >>> square[:5, :5] = 255
    >>> np.argwhere(corners(corner_response(square)))
    array([[4, 4]])
    """
    response = checked("response", response, shape=(None, None)).astype(np.float64, copy=False)
    share = checked_number("relative_threshold", relative_threshold, 0, 1)
    padded = np.pad(response, 1, constant_values=-np.inf)
    neighborhoods = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))
    is_maximum = response >= neighborhoods.max(axis=(-2, -1))
    return is_maximum & (response > share * response.max())


def gram_difference(image: ArrayLike) -> float:
    """Largest difference of structure tensor and GᵀG, relative to the tensor's largest entry.

    Examples
    --------
    >>> gram_difference(np.eye(9)) < 1e-12
    True
    """
    tensor = structure_tensor(image)
    gram = gram_matrices(window_gradients(image))
    largest = np.abs(tensor).max()
    return float(np.abs(tensor - gram).max() / largest) if largest else 0.0


def gram_matrices(windows: ArrayLike) -> np.ndarray:
    """GᵀG of windows (..., 9, 2), float64 (..., 2, 2).

    Examples
    --------
    >>> gram_matrices(np.tile([1.0, 2.0], (9, 1)))
    array([[ 9., 18.],
           [18., 36.]])
    """
    array = checked("windows", windows).astype(np.float64, copy=False)
    if array.shape[-2:] != (NUM_GRADIENTS, 2):
        raise ValueError(f"windows has shape {array.shape}; expected (..., {NUM_GRADIENTS}, 2)")
    with np.errstate(all="ignore"):  # overflow is refused
        return checked("GᵀG of windows", _gram_matrices(array))


def _gram_matrices(windows: np.ndarray) -> np.ndarray:
    return np.swapaxes(windows, -1, -2) @ windows


def centering_change(image: ArrayLike, corners: ArrayLike) -> float:
    """The share of tr M that is lost if the gradients are centred, as PCA does and Harris does not.

    The result is the median over the corners, a mask (height, width); 0 without corners. Raises a
    ValueError for a corner without gradients.

    Examples
    --------
    >>> edge = np.tile([0, 0, 0, 2, 2, 2], (6, 1))
    >>> is_corner = np.zeros((6, 6), bool)
    >>> is_corner[2, 2] = True
    >>> round(centering_change(edge, is_corner), 3)  # of I_x, with mean 2/3 and mean square 2/3
    0.667
    """
    all_windows = window_gradients(image)
    mask = checked("corners", corners, shape=all_windows.shape[:2], kinds="b")
    if not mask.any():
        return 0.0
    structure_tensor(image)  # refuses an image whose gradients have no finite squares
    windows = all_windows[mask]
    centered = windows - windows.mean(axis=-2, keepdims=True)
    trace = np.trace(_gram_matrices(windows), axis1=-2, axis2=-1)
    centered_trace = np.trace(_gram_matrices(centered), axis1=-2, axis2=-1)
    if trace.min() == 0:
        raise ValueError("corners has a pixel of image whose gradients are 0; expected none")
    return float(np.median(1 - centered_trace / trace))


def find_corners(
    images: ArrayLike, kappa: float = KAPPA, relative_threshold: float = RELATIVE_THRESHOLD
) -> Corners:
    """The corners of images (n, height, width), with measurements of their PCA of the gradients.

    Examples
    --------
    >>> square = np.zeros((1, 9, 9))
    >>> square[0, :5, :5] = 255
    >>> np.argwhere(find_corners(square).corners)
    array([[0, 4, 4]])
    """
    images = checked("images", images, shape=(None, None, None))
    tensors = np.stack([structure_tensor(image) for image in images])
    responses = np.stack([corner_response(image, kappa) for image in images])
    masks = np.stack([corners(response, relative_threshold) for response in responses])
    return Corners(
        structure_tensor=tensors,
        eigenvalues=np.linalg.eigvalsh(tensors),
        response=responses,
        corners=masks,
        gram_difference=np.array([gram_difference(image) for image in images]),
        centering_change=np.array(list(map(centering_change, images, masks))),
        kappa=float(kappa),
        relative_threshold=float(relative_threshold),
    )


def clearest_pixels(images: ArrayLike, responses: ArrayLike) -> tuple[int, dict[str, Pixel]]:
    """The index of the image with the largest response, and its corner, edge and flat pixel.

    The corner is the pixel with the largest response, and the edge the pixel with the smallest.
    Among the pixels with the smallest gradients, the flat pixel is nearest to the middle.

    Examples
    --------
    >>> images = np.zeros((2, 9, 9))
    >>> images[1, :5, :5] = 255
    >>> responses = np.stack([corner_response(image) for image in images])
    >>> index, pixels = clearest_pixels(images, responses)
    >>> index, {name: (pixel.row, pixel.column) for name, pixel in pixels.items()}
    (1, {'corner': (4, 4), 'edge': (1, 4), 'flat': (2, 2)})
    """
    images = checked("images", images, shape=(None, None, None))
    responses = checked("responses", responses, shape=images.shape)
    index = int(responses.max(axis=(1, 2)).argmax())
    image = images[index]
    response = responses[index]
    windows = window_gradients(image)
    trace = np.trace(structure_tensor(image), axis1=-2, axis2=-1)
    rows, columns = np.indices(image.shape)
    off_middle = np.hypot(rows - (image.shape[0] - 1) / 2, columns - (image.shape[1] - 1) / 2)

    def described(number: np.intp) -> Pixel:
        row, column = map(int, np.unravel_index(number, image.shape))
        gradients = windows[row, column]
        ascending, vectors = np.linalg.eigh(gradients.T @ gradients)
        eigenvalues = np.maximum(ascending[::-1], 0)
        return Pixel(
            row, column, gradients, eigenvalues, vectors[:, ::-1], float(response[row, column])
        )

    pixels = {
        "corner": described(response.argmax()),
        "edge": described(response.argmin()),
        "flat": described(np.where(trace == trace.min(), off_middle, np.inf).argmin()),
    }
    return index, pixels


def _box_sum(values: np.ndarray) -> np.ndarray:
    """Sum over the 3×3 box around each pixel, zero beyond the border; rows first, then columns."""
    padded = np.pad(values, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


__getattr__ = former_names(
    __name__,
    {"Place": ("Pixel", Pixel), "clearest_places": ("clearest_pixels", clearest_pixels)},
)
