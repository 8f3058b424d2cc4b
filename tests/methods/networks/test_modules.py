"""The two networks: the shapes of images that they take."""

import pytest
import torch

from mnist_pipeline.methods.networks.modules import (
    construct,
    layer_rows,
    num_parameters,
    of_weights,
)
from mnist_pipeline.methods.networks.training import build, weights

SHAPES = [(28, 28), (28, 28, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_images_and_their_rows_are_the_same_input_of_a_network_and_of_its_copy(
    kind: str, shape: tuple[int, ...]
) -> None:
    images = torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))
    model = build(construct, kind, 10, shape)
    logits = model(images)
    torch.testing.assert_close(model(images.flatten(1)), logits)
    torch.testing.assert_close(of_weights(kind, weights(model))(images), logits)
    assert sum(row["parameters"] for row in layer_rows(model)) == num_parameters(model)


def test_in_colour_the_mlp_has_as_many_weights_as_in_grey() -> None:
    sizes = [num_parameters(build(construct, "mlp", 10, shape)) for shape in SHAPES]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
