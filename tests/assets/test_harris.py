"""Harris corners of the ten digit images, called as a function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydantic
import pytest

from assets import harris
from assets.harris import HarrisConfig
from mnist_pipeline import harris as methods
from mnist_pipeline.data.datasets import DigitSet, first_of_each_class
from mnist_pipeline.records import Corners
from mnist_pipeline.runtime.graph.results import HEADLINE, SECONDS


@pytest.fixture(scope="module")
def images(small_train: DigitSet) -> np.ndarray:
    return first_of_each_class(small_train)


@pytest.fixture(scope="module")
def found(images: np.ndarray) -> Corners:
    return harris.harris_corners(images, config=HarrisConfig()).value


def test_tensors_and_responses_are_those_of_the_methods(images: np.ndarray, found: Corners) -> None:
    for place, image in enumerate(images):
        np.testing.assert_array_equal(found.structure_tensor[place], methods.structure_tensor(image))
        np.testing.assert_array_equal(found.response[place], methods.corner_response(image, 0.05))
    assert {array.dtype for array in found if array.ndim > 1} == {np.dtype(float), np.dtype(bool)}


def test_eigenvalues_are_ascending_and_make_up_trace_and_determinant(found: Corners) -> None:
    smaller, larger = np.moveaxis(found.eigenvalues, -1, 0)
    scale = found.structure_tensor.max()
    assert (smaller <= larger).all()
    assert (smaller >= -1e-12 * scale).all()
    np.testing.assert_allclose(smaller + larger, np.trace(found.structure_tensor, axis1=-2, axis2=-1), rtol=1e-9)
    np.testing.assert_allclose(smaller * larger, np.linalg.det(found.structure_tensor), atol=1e-9 * scale**2)


@pytest.mark.parametrize("kappa", [0.04, 0.2])
def test_the_response_weighs_the_eigenvalues_by_kappa(kappa: float, images: np.ndarray) -> None:
    found = harris.harris_corners(images, config=HarrisConfig(kappa=kappa)).value
    smaller, larger = np.moveaxis(found.eigenvalues, -1, 0)
    expected = smaller * larger - kappa * (smaller + larger) ** 2
    np.testing.assert_allclose(found.response, expected, atol=1e-9 * np.abs(expected).max())


def test_the_structure_tensor_is_the_gram_matrix_of_the_gradients(images: np.ndarray, found: Corners) -> None:
    assert found.gram_difference.shape == (10,)
    assert found.gram_difference.max() <= 1e-10
    for image, tensor in zip(images, found.structure_tensor, strict=True):
        windows = methods.window_gradients(image)
        np.testing.assert_allclose(tensor, np.einsum("ijna,ijnb->ijab", windows, windows), atol=1e-6)


def test_centring_the_gradients_takes_away_a_share_of_the_variation(found: Corners) -> None:
    assert found.centering_change.shape == (10,)
    assert ((found.centering_change > 0) & (found.centering_change < 1)).all()


def test_every_digit_has_corners_where_the_gradients_vary_in_two_directions(found: Corners) -> None:
    assert found.corners.any(axis=(1, 2)).all()
    assert (found.response[found.corners] > 0).all()
    assert np.median(found.eigenvalues[found.corners][:, 0]) > np.median(found.eigenvalues[..., 0])


def test_a_higher_threshold_keeps_some_of_the_corners_and_adds_none(images: np.ndarray, found: Corners) -> None:
    strict = harris.harris_corners(images, config=HarrisConfig(relative_threshold=0.5)).value
    assert not (strict.corners & ~found.corners).any()
    assert 10 <= strict.corners.sum() < found.corners.sum()


def test_blank_images_have_no_corners_and_no_difference() -> None:
    result = harris.harris_corners(np.zeros((10, 28, 28), np.uint8), config=HarrisConfig())
    assert result.metadata["num_corners"] == 0
    assert result.metadata["max_relative_difference"] == 0
    assert not result.value.response.any()


def test_the_metadata_count_the_corners_and_record_the_configuration(images: np.ndarray) -> None:
    config = HarrisConfig(kappa=0.06, relative_threshold=0.1)
    result = harris.harris_corners(images, config=config)
    assert result.metadata["num_corners"] == np.count_nonzero(result.value.corners)
    assert result.metadata["max_relative_difference"] == result.value.gram_difference.max()
    assert result.metadata["centering_change"] == np.median(result.value.centering_change)
    assert result.metadata["config"].data == {"kappa": 0.06, "relative_threshold": 0.1}


@pytest.mark.parametrize(
    ("field", "outside"),
    [("kappa", 0), ("kappa", 0.25), ("kappa", "small"), ("relative_threshold", -0.1), ("relative_threshold", 1)],
)
def test_the_configuration_is_kept_within_bounds(field: str, outside: object) -> None:
    with pytest.raises(pydantic.ValidationError, match=field):
        HarrisConfig(**{field: outside})


def test_called_as_a_function_the_asset_shows_its_figure_and_writes_nothing(storage: Path, images: np.ndarray) -> None:
    result = harris.harris_corners(images, config=HarrisConfig())
    preview = result.metadata["corners"].value
    assert preview.startswith("![corners](data:image/png;base64,")
    assert len(preview) < 30_000
    assert result.metadata[HEADLINE]
    assert result.metadata[SECONDS] >= 0
    assert result.data_version is None
    assert not storage.exists()
