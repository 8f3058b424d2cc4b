"""The two networks: the shapes of images that they take."""

import pytest
import torch
from torch import nn

from mnist_pipeline.methods.networks.modules import CNN, MLP


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
