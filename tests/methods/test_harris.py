"""Harris corners: the structure tensor is a Gram matrix of gradients, and the response behaves as
its name says.
"""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

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
def test_corners_are_local_maxima_above_the_threshold_and_every_such_place_is_one(
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


@pytest.mark.parametrize("image", [np.zeros((0, 5)), np.zeros((2, 5, 5)), np.eye(3) * 1e100])
def test_an_image_without_a_response_is_refused(image):
    with pytest.raises(ValueError, match="image has"):
        harris.corner_response(image)


def test_a_place_has_the_principal_components_of_the_gradients_around_it(digits):
    for image in digits[:10]:
        response = harris.corner_response(image)
        windows = harris.window_gradients(image)
        tensor = harris.structure_tensor(image)
        for place in harris.clearest_places(image[None], response[None])[1].values():
            np.testing.assert_array_equal(place.gradients, windows[place.row, place.column])
            gram = tensor[place.row, place.column]
            rebuilt = place.eigenvectors @ np.diag(place.eigenvalues) @ place.eigenvectors.T
            np.testing.assert_allclose(rebuilt, gram, atol=1e-9 * max(1, gram.max()))
            np.testing.assert_allclose(
                place.eigenvectors.T @ place.eigenvectors, np.eye(2), atol=1e-12
            )
            assert place.eigenvalues[0] >= place.eigenvalues[1] >= 0
            assert place.response == response[place.row, place.column]
