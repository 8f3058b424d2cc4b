"""Harris corners of the ten digit images, called as a function."""

from __future__ import annotations

import numpy as np
import pytest

from assets import harris
from assets.harris import HarrisConfig
from mnist_pipeline import harris as methods
from mnist_pipeline.data.datasets import DigitSet, first_of_each_class
from mnist_pipeline.records import Corners


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
