"""The two networks: the shapes of images that they take, in torch and in NumPy."""

import numpy as np
import pytest
import torch
from support.networks import add_kernel, fitted_network

from mnist_pipeline.methods import gradients, ridge_regression
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


@pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])
def test_the_derivative_of_kernel_regression_is_finite_and_that_of_its_definition(shape):
    model = build(construct, "cnn", 10, shape, sees_gradients=True)
    add_kernel(model, shape, 10)
    stored = weights(model)
    parts = ridge_regression.KernelRegression._fields
    fitted = ridge_regression.KernelRegression(*(stored[f"kernel.{part}"] for part in parts))
    image = np.random.default_rng(0).integers(0, 256, (28, 28, *shape[2:], 1)) / 255
    image = image.reshape(28, 28, -1)
    image[:14] = 1  # a flat ground has no gradients
    levels = torch.tensor(image[None].transpose(0, 3, 1, 2), requires_grad=True)
    model.kernel.double()(levels)[0, 3].backward()
    derivative = levels.grad[0].permute(1, 2, 0).numpy()
    assert np.isfinite(derivative).all()
    pixels = [(5, 9, 0), (13, 4, 0), (14, 0, 0), (20, 20, -1), (27, 27, -1)]
    moves = np.zeros((len(pixels), *image.shape))
    for move, pixel in zip(moves, pixels):
        move[pixel] = 1e-6
    above, below = (
        ridge_regression.scores(fitted, gradients.histograms(image + sign * moves))[:, 3]
        for sign in (1, -1)
    )
    found = [derivative[pixel] for pixel in pixels]
    np.testing.assert_allclose((above - below) / 2e-6, found, rtol=1e-3, atol=1e-5)


def test_in_colour_the_mlp_has_as_many_weights_as_in_grey():
    sizes = [num_parameters(build(construct, "mlp", 10, shape)) for shape in SHAPES]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
