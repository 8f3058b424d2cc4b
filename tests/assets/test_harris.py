"""Harris corners of the ten digit images, called as a function on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import harris
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def test_the_configuration_reaches_the_method() -> None:
    result = call("harris_corners", config={"kappa": 0.06, "relative_threshold": 0.5})
    for image, response, corners in zip(read("digit_images"), result.value.response, result.value.corners):
        np.testing.assert_array_equal(response, harris.corner_response(image, 0.06))
        np.testing.assert_array_equal(corners, harris.corners(response, 0.5))
