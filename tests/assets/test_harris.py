"""Harris corners of the ten digit images, called as a function on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import harris
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def test_the_configuration_reaches_the_method_and_is_recorded() -> None:
    config = {"kappa": 0.06, "relative_threshold": 0.5}
    result = call("harris_corners", config=config)
    for image, response, corners in zip(read("digit_images"), result.value.response, result.value.corners):
        np.testing.assert_array_equal(response, harris.corner_response(image, 0.06))
        np.testing.assert_array_equal(corners, harris.corners(response, 0.5))
    assert 10 <= result.metadata["num_corners"] < np.count_nonzero(read("harris_corners").corners)
    assert result.metadata["config"].data == config


def test_blank_images_have_no_corners_and_no_difference() -> None:
    result = call("harris_corners", digit_images=np.zeros((10, 28, 28), np.uint8))
    assert result.metadata["num_corners"] == 0
    assert result.metadata["max_relative_difference"] == 0
    assert not result.value.response.any()
