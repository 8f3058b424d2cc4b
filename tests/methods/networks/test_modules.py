"""The two networks: their shapes, their sizes, and the functions that they compute."""

import pytest
import torch
from torch import nn

from mnist_pipeline.methods.networks.modules import CNN, MLP, layer_rows, num_parameters


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("model", [CNN(), MLP()])
def test_images_rows_and_channels_are_the_same_input(
    images: torch.Tensor, model: nn.Module
) -> None:
    logits = model(images)
    torch.testing.assert_close(model(images.flatten(1)), logits)
    torch.testing.assert_close(model(images[:, None]), logits)


def test_the_layers_are_listed_in_the_order_in_which_they_run() -> None:
    model = CNN()
    rows = layer_rows(model)
    assert [row["kernel"] for row in rows if row["kernel"]] == ["5 × 5", "2 × 2", "5 × 5", "2 × 2"]
    assert [(row["layer"], row["output"]) for row in rows] == [
        ("Conv2d", "32 × 24 × 24"),
        ("ReLU", "32 × 24 × 24"),
        ("MaxPool2d", "32 × 12 × 12"),
        ("Conv2d", "64 × 8 × 8"),
        ("ReLU", "64 × 8 × 8"),
        ("MaxPool2d", "64 × 4 × 4"),
        ("Flatten", "1024"),
        ("Linear", "10"),
    ]
    total = (25 + 1) * 32 + (800 + 1) * 64 + 1025 * 10
    assert sum(row["parameters"] for row in rows) == num_parameters(model) == total
    assert not any(module._forward_hooks for module in model.modules())
