"""The compiled convolutional network has the values and gradients of the plain one."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mnist_pipeline.methods.networks.compiled.cnn import CompiledCNN
from mnist_pipeline.methods.networks.modules import CNN
from mnist_pipeline.methods.networks.prediction import predict_probabilities
from mnist_pipeline.methods.networks.training import build
from mnist_pipeline.utils import blocks


@pytest.fixture
def digits() -> torch.Tensor:
    """Images of several groups, the last of which is not full, with blank borders as digits
    have.
    """
    images = torch.rand(70, 28, 28, generator=torch.Generator().manual_seed(1))
    images[:, :5] = images[:, :, 22:] = 0
    return images


@pytest.fixture
def plain() -> CNN:
    return build(CNN, 10, seed=3)


def compiled(model: CNN) -> CompiledCNN:
    return CompiledCNN(model.conv1, model.conv2, model.linear)


TARGETS = torch.arange(70) % 10


def gradients(model: CNN) -> list[torch.Tensor]:
    """The gradients of the parameters that have one, which are deleted."""
    found = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    return found


@pytest.mark.parametrize("shape", [(784,), (28, 28), (1, 28, 28)])
def test_the_compiled_network_has_the_logits_of_the_plain_one(plain, digits, shape):
    torch.testing.assert_close(compiled(plain)(digits.reshape(-1, *shape)), plain(digits))
    assert compiled(plain)(torch.zeros(0, *shape)).shape == (0, 10)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("trains_first", [True, False])
def test_the_compiled_network_has_the_gradients_of_the_plain_one(
    trains_first, label_smoothing, plain, digits
):
    plain.conv1.requires_grad_(trains_first)
    F.cross_entropy(plain(digits), TARGETS, label_smoothing=label_smoothing).backward()
    expected = gradients(plain)
    scores = compiled(plain).backpropagate(digits, TARGETS, label_smoothing)
    torch.testing.assert_close(scores, plain(digits))
    for ours, theirs in zip(gradients(plain), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_images_with_small_gradients_are_left_out(plain, digits):
    distances = (plain(digits).softmax(dim=1) - F.one_hot(TARGETS, 10)).abs().amax(dim=1)
    least = distances.median().item()
    kept = distances >= least
    F.cross_entropy(plain(digits[kept]), TARGETS[kept], reduction="sum").div(len(digits)).backward()
    expected = gradients(plain)
    compiled(plain).backpropagate(digits, TARGETS, least=least)
    for ours, theirs in zip(gradients(plain), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_results_do_not_depend_on_the_number_of_threads(plain, digits, monkeypatch):
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(blocks, "num_threads", lambda threads=threads: threads)
        scores = compiled(plain).backpropagate(digits.repeat(3, 1, 1), TARGETS.repeat(3))
        results.append((scores, *gradients(plain)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)


def test_a_network_with_other_layers_is_computed_by_torch(plain):
    plain.conv1, plain.conv2 = torch.nn.Conv2d(1, 48, 5), torch.nn.Conv2d(48, 64, 5)
    images = np.zeros((3, 28, 28), np.uint8)
    assert predict_probabilities(plain, images).shape == (3, 10)
