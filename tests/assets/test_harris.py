"""The asset of the Harris corners, called as a function."""

import numpy as np
import pytest
from support.calls import call

from assets.harris import HarrisConfig
from mnist_pipeline.data.values import ImageKind
from mnist_pipeline.methods import harris
from mnist_pipeline.runtime.graph.configs import ConfigError


def test_the_configuration_decides_what_counts_as_a_corner(small_train):
    images = small_train.images[:10]
    config = {"kappa": 0.1, "relative_threshold": 0.4}
    found = call("harris_corners", digit_images=images, image_kind=ImageKind(), config=config)
    expected = harris.find_corners(images, 0.1, 0.4).corners
    np.testing.assert_array_equal(found.value.corners, expected)
    assert (expected != harris.find_corners(images, 0.1).corners).any()
    assert (expected != harris.find_corners(images, relative_threshold=0.4).corners).any()


@pytest.mark.parametrize("kappa", [0, 0.25])
def test_no_corner_is_sought_where_no_response_can_be_positive(kappa):
    with pytest.raises(ConfigError, match="kappa"):
        HarrisConfig(kappa=kappa)
