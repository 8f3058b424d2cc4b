"""Harris corners: the structure tensor is a Gram matrix of gradients, and the response behaves as
its name says.
"""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support.arguments import check_door, odd_calls

from mnist_pipeline.methods import harris

IMAGES = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e3, 1e3, allow_subnormal=False, width=32),
)


@pytest.fixture(scope="module")
def digits(small_test) -> np.ndarray:
    """Fifty real digits."""
    return small_test.images[:50]


def _relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-300))


@given(IMAGES)
@settings(deadline=None, max_examples=50)
def test_the_structure_tensor_is_the_gram_matrix_of_the_gradients_on_any_image(image):
    windows = harris.window_gradients(image)
    assert windows.shape == (*image.shape, 9, 2)
    gram = np.einsum("yxwi,yxwj->yxij", windows, windows)
    assert _relative_difference(harris.structure_tensor(image), gram) < 1e-10
    assert _relative_difference(harris.gram_matrices(windows), gram) < 1e-10
    assert harris.gram_difference(image) < 1e-10


def test_another_gram_matrix_is_measured_as_a_difference(digits, monkeypatch):
    monkeypatch.setattr(harris, "gram_matrices", lambda windows: np.zeros((28, 28, 2, 2)))
    assert harris.gram_difference(digits[0]) == 1


def test_the_gradients_are_those_of_scipy_borders_included(digits):
    generator = np.random.default_rng(0)
    for image in (*digits[:10], generator.normal(size=(17, 5)), generator.uniform(0, 255, (1, 8))):
        values = image.astype(np.float64)
        vertical, horizontal = (
            scipy.ndimage.correlate1d(values, [-0.5, 0, 0.5], axis=axis, mode="nearest")
            for axis in (0, 1)
        )
        for found, expected in zip(harris.gradients(image), (horizontal, vertical), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(values).max())


@pytest.mark.parametrize("kappa", [0.04, 0.05, 0.2])
def test_the_response_weighs_the_product_of_the_eigenvalues_against_their_sum(kappa, digits):
    for image in digits[:10]:
        small, large = np.moveaxis(np.linalg.eigvalsh(harris.structure_tensor(image)), -1, 0)
        expected = small * large - kappa * (small + large) ** 2
        assert _relative_difference(harris.corner_response(image, kappa), expected) < 1e-10


@pytest.mark.parametrize("level", [0, 7, 255])
def test_an_image_of_one_grey_level_has_no_response_and_no_corners(level):
    image = np.full((28, 28), level, np.uint8)
    response = harris.corner_response(image)
    corners = harris.corners(response)
    assert not response.any()
    assert not corners.any()
    assert harris.gram_difference(image) == 0
    assert harris.centering_change(image, corners) == 0


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5])
def test_corners_are_local_maxima_above_the_threshold_and_every_such_pixel_is_one(
    threshold, digits
):
    for image in digits:
        response = harris.corner_response(image)
        neighborhood = scipy.ndimage.maximum_filter(response, size=3, mode="constant", cval=-np.inf)
        expected = (
            (response == neighborhood) & (response > threshold * response.max()) & (response > 0)
        )
        found = harris.corners(response, threshold)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected)
        assert found[np.unravel_index(response.argmax(), response.shape)]


def test_the_lost_share_is_the_median_over_the_corners(digits):
    image = digits[0]
    windows = harris.window_gradients(image)
    sums = np.square(windows).sum(axis=(-2, -1))
    shares = 9 * np.square(windows.mean(axis=-2)).sum(axis=-1) / np.where(sums, sums, 1)
    order = np.argsort(np.where(sums, shares, np.inf), axis=None)[: np.count_nonzero(sums)]
    chosen = order[[0, 1, -1]]  # two small shares and the largest
    assert shares.flat[chosen].mean() != pytest.approx(shares.flat[chosen[1]])
    corners = np.zeros(image.shape, bool)
    corners.flat[chosen] = True
    assert harris.centering_change(image, corners) == pytest.approx(shares.flat[chosen[1]])


def as_image(image, ndim=2):
    array = np.asarray(image)
    assert array.dtype.kind in "biuf"
    assert array.ndim == ndim
    assert array.size
    return array.astype(float)


def plain_gradients(image):
    padded = np.pad(as_image(image), 1, mode="edge")
    across, down = padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]
    return across / 2, down / 2


def plain_windows(image):
    field = np.pad(np.stack(plain_gradients(image), axis=-1), ((1, 1), (1, 1), (0, 0)))
    height, width = np.shape(image)
    return np.array(
        [[field[y : y + 3, x : x + 3].reshape(9, 2) for x in range(width)] for y in range(height)]
    )


def plain_tensor(image):
    windows = plain_windows(image)
    return np.einsum("yxwi,yxwj->yxij", windows, windows)


def plain_response(image, kappa=0.05):
    M = plain_tensor(image)
    assert np.ndim(kappa) == 0
    determinant = M[..., 0, 0] * M[..., 1, 1] - M[..., 0, 1] * M[..., 1, 0]
    return determinant - float(kappa) * (M[..., 0, 0] + M[..., 1, 1]) ** 2


def plain_corners(response, relative_threshold=0.05):
    response = as_image(response)
    assert np.isfinite(response).all()
    assert np.ndim(relative_threshold) == 0
    assert 0 <= relative_threshold <= 1
    largest = scipy.ndimage.maximum_filter(response, size=3, mode="constant", cval=-np.inf)
    return (response == largest) & (response > relative_threshold * response.max())


def plain_gram(windows):
    windows = np.asarray(windows, float)
    assert windows.shape[-2:] == (9, 2)
    return np.einsum("...wi,...wj->...ij", windows, windows)


def plain_change(image, corners):
    windows, mask = plain_windows(image), np.asarray(corners)
    assert (mask.dtype, mask.shape) == (bool, np.shape(image))
    chosen = windows[mask]
    kept = np.square(chosen - chosen.mean(axis=1, keepdims=True)).sum(axis=(1, 2))
    return np.median(1 - kept / np.square(chosen).sum(axis=(1, 2))) if len(chosen) else 0.0


def plain_found(images, kappa, relative_threshold):
    images = as_image(images, 3)
    responses = np.array([plain_response(image, kappa) for image in images])
    masks = [plain_corners(response, relative_threshold) for response in responses]
    tensors = np.array([plain_tensor(image) for image in images])
    changes = [plain_change(image, mask) for image, mask in zip(images, masks)]
    eigenvalues = np.linalg.eigvalsh(tensors)
    differences = np.zeros(len(images))
    return (
        *(tensors, eigenvalues, responses, np.array(masks), differences, np.array(changes)),
        *(np.array(kappa), np.array(relative_threshold)),
    )


IMAGE = np.random.default_rng(7).integers(0, 255, (5, 6)).astype(float)
MASK = np.arange(30).reshape(5, 6) % 7 == 3
DOORS = {
    "gradients": ({"image": IMAGE}, plain_gradients),
    "structure_tensor": ({"image": IMAGE}, plain_tensor),
    "window_gradients": ({"image": IMAGE}, plain_windows),
    "corner_response": ({"image": IMAGE, "kappa": 0.05}, plain_response),
    "corners": ({"response": IMAGE - 100, "relative_threshold": 0.05}, plain_corners),
    "gram_difference": ({"image": IMAGE}, lambda image: plain_tensor(image).sum() * 0),
    "gram_matrices": ({"windows": plain_windows(IMAGE)}, plain_gram),
    "centering_change": ({"image": IMAGE, "corners": MASK}, plain_change),
    "find_corners": (
        {"images": np.stack([IMAGE, IMAGE.T[:5, :5].repeat(2, axis=1)[:, :6]]), "kappa": 0.05}
        | {"relative_threshold": 0.05},
        plain_found,
    ),
}


@pytest.mark.parametrize("name", DOORS)
def test_any_arguments_are_answered_rightly_or_refused(other_process, name):
    arguments, plain = DOORS[name]
    largest = 1e-9 * np.square(IMAGE).max() ** 2  # the response cancels numbers of this magnitude
    check_door(other_process, getattr(harris, name), arguments, plain, rtol=1e-6, atol=largest)


def test_a_response_and_gradients_that_overflow_are_refused():
    with pytest.raises(ValueError, match="response"):
        harris.corner_response(np.eye(3) * 1e100)
    with pytest.raises(ValueError, match="gradient"):
        harris.gradients([[-1e308, 0, 1e308]])


def test_the_clearest_pixels_of_odd_images_are_found_or_refused():
    images = np.stack([IMAGE, IMAGE[::-1]])
    arguments = {"images": images, "responses": np.array([*map(harris.corner_response, images)])}
    num_found = 0
    for _, _, odd in odd_calls(arguments):
        try:
            index, pixels = harris.clearest_pixels(**odd)
        except (ValueError, TypeError):
            continue
        num_found += 1
        responses = np.asarray(odd["responses"])
        assert np.isfinite(responses).all()
        assert np.shape(odd["images"]) == responses.shape
        assert pixels["corner"].response == responses.max() == responses[index].max()
    assert num_found > 20


def test_a_pixel_has_the_principal_components_of_the_gradients_around_it(digits):
    for image in digits[:10]:
        response = harris.corner_response(image)
        windows = harris.window_gradients(image)
        tensor = harris.structure_tensor(image)
        for pixel in harris.clearest_pixels(image[None], response[None])[1].values():
            np.testing.assert_array_equal(pixel.gradients, windows[pixel.row, pixel.column])
            gram = tensor[pixel.row, pixel.column]
            rebuilt = pixel.eigenvectors @ np.diag(pixel.eigenvalues) @ pixel.eigenvectors.T
            np.testing.assert_allclose(rebuilt, gram, atol=1e-9 * max(1, gram.max()))
            np.testing.assert_allclose(
                pixel.eigenvectors.T @ pixel.eigenvectors, np.eye(2), atol=1e-12
            )
            assert pixel.eigenvalues[0] >= pixel.eigenvalues[1] >= 0
            assert pixel.response == response[pixel.row, pixel.column]


def test_former_names_still_count_with_a_warning():
    with pytest.warns(DeprecationWarning, match="clearest_pixels"):
        assert harris.clearest_places is harris.clearest_pixels
    with pytest.raises(AttributeError):
        _ = harris.clearest
