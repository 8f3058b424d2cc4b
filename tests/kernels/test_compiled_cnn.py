"""The compiled convolutional network has the values and gradients of the plain one."""

import pytest
import torch

from mnist_pipeline.kernels.compiled_cnn import CompiledCNN, first_layer, second_layer
from mnist_pipeline.networks import CNN
from mnist_pipeline.training import build
from mnist_pipeline.utils import blocks


@pytest.fixture
def digits() -> torch.Tensor:
    """Images of several groups, the last of which is not full, with blank borders as digits have."""
    images = torch.rand(70, 28, 28, generator=torch.Generator().manual_seed(1))
    images[:, :5] = images[:, :, 22:] = 0
    return images


@pytest.fixture
def plain() -> CNN:
    return build(CNN, 10, seed=3)


def compiled(model: CNN) -> CompiledCNN:
    return CompiledCNN(model.conv1, model.conv2, model.linear)


def plain_first_layer(model: CNN, images: torch.Tensor) -> torch.Tensor:
    return model.pool(model.relu(model.conv1(images[:, None])))


def plain_second_layer(model: CNN, x: torch.Tensor) -> torch.Tensor:
    return model.pool(model.relu(model.conv2(x)))


@pytest.mark.parametrize("shape", [(784,), (28, 28), (1, 28, 28)])
def test_the_compiled_network_has_the_logits_of_the_plain_one(
    plain: CNN, digits: torch.Tensor, shape: tuple[int, ...]
) -> None:
    torch.testing.assert_close(compiled(plain)(digits.reshape(-1, *shape)), plain(digits))
    assert compiled(plain)(torch.zeros(0, *shape)).shape == (0, 10)
    with pytest.raises(RuntimeError, match="shape"):
        compiled(plain)(torch.zeros(4, 27, 28))


@pytest.mark.parametrize("is_second", [False, True])
def test_a_compiled_layer_has_the_values_and_gradients_of_the_plain_one(
    is_second: bool, plain: CNN, digits: torch.Tensor
) -> None:
    expected = x = plain_first_layer(plain, digits)
    parameters = list(plain.conv1.parameters())
    if is_second:
        expected = plain_second_layer(plain, x)
        parameters += plain.conv2.parameters()
    found = second_layer(x, plain.conv2) if is_second else first_layer(digits, plain.conv1)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    gradients = [torch.autograd.grad((y * weights).sum(), parameters, retain_graph=True) for y in (found, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_a_frozen_first_layer_gets_no_gradient_from_the_second(plain: CNN, digits: torch.Tensor) -> None:
    output = second_layer(plain_first_layer(plain, digits), plain.conv2)
    expected = torch.autograd.grad(output.sum(), plain.conv2.parameters())
    plain.conv1.requires_grad_(False)
    output = second_layer(plain_first_layer(plain, digits), plain.conv2)
    assert [function is None for function, _ in output.grad_fn.next_functions] == [True, False, False]
    for ours, theirs in zip(torch.autograd.grad(output.sum(), plain.conv2.parameters()), expected, strict=True):
        assert torch.equal(ours, theirs)


def test_results_do_not_depend_on_the_number_of_threads(
    plain: CNN, digits: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, results = compiled(plain), []
    for threads in (1, 2, 3):
        monkeypatch.setattr(blocks, "num_cores", lambda threads=threads: threads)
        output = model(digits)
        results.append((output.detach(), *torch.autograd.grad(output.square().sum(), list(plain.parameters()))))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)
