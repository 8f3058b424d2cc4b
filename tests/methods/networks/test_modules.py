"""The two networks: the shapes of images that they take, in torch and in NumPy."""

import numpy as np
import pytest
import torch
from support.networks import add_kernel, fitted_network

from mnist_pipeline.methods.networks.modules import (
    construct,
    layer_rows,
    num_parameters,
    of_weights,
)
from mnist_pipeline.methods.networks.training import build, weights
from mnist_pipeline.methods.table import MODELS

SHAPES = [(28, 28), (28, 28, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])
@pytest.mark.parametrize(
    ("kind", "sees_gradients"),
    [("mlp", False), ("cnn", False), ("cnn", True)],
    ids=["mlp", "cnn", "cnn with gradients"],
)
def test_a_network_its_copy_and_numpy_give_images_and_their_rows_the_same_logits(
    kind, sees_gradients, shape
):
    levels = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    images = torch.from_numpy(levels.astype(np.float32) / 255)
    model = build(construct, kind, 10, shape, sees_gradients=sees_gradients)
    if sees_gradients:
        add_kernel(model, shape, 10)
    logits = model(images).detach()
    torch.testing.assert_close(model(images.flatten(1)), logits)
    torch.testing.assert_close(of_weights(kind, weights(model))(images), logits)
    method = MODELS[kind].method()
    np.testing.assert_allclose(method.logits(weights(model), levels), logits, atol=1e-4)
    stored = fitted_network(weights(model), temperature=0.5)
    for asked in (levels, np.concatenate([levels] * 6)):  # in NumPy, and so many in torch
        answer = method.answer(stored, asked)
        expected = (logits / 0.5).softmax(dim=1)
        np.testing.assert_allclose(answer.probabilities[:20], expected, atol=1e-4)
    assert sum(row["parameters"] for row in layer_rows(model)) == num_parameters(model)


def test_in_colour_the_mlp_has_as_many_weights_as_in_grey():
    sizes = [num_parameters(build(construct, "mlp", 10, shape)) for shape in SHAPES]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
