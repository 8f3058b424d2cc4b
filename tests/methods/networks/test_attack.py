"""Small changes that make the convolutional network take an image for another class."""

import numpy as np
import pytest
from support.networks import fitted_network

from mnist_pipeline.methods.networks.attack import SURE, attack
from mnist_pipeline.methods.networks.modules import construct
from mnist_pipeline.methods.networks.training import build, weights
from mnist_pipeline.methods.table import MODELS

REACH = 40  # grey levels


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3)], ids=["grey", "in colour"])
def test_changed_images_stay_within_reach_and_the_network_is_sure_of_the_targets(shape):
    network = build(construct, "cnn", 4, shape, seed=0)
    # A random network is sure at a low temperature only.
    fitted = fitted_network(weights(network), temperature=0.01)
    ink = np.random.default_rng(0).random((6, *shape)) < 0.3
    images, targets = np.where(ink, np.uint8(255), np.uint8(0)), np.arange(6) % 4
    changed, is_sure = attack(fitted, images, targets, REACH)
    changes = np.abs(changed.astype(int) - images)
    assert 0 < changes.max() <= REACH
    probabilities = MODELS["cnn"].method().answer(fitted, changed).probabilities
    np.testing.assert_array_equal(is_sure, probabilities[np.arange(6), targets] >= SURE)
    assert is_sure.any()
