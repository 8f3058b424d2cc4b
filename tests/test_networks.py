"""The two networks: their shapes, their sizes, and the order of pooling and rectifying."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from mnist_pipeline import networks
from mnist_pipeline.networks import CNN, MLP, _first_layer, _second_layer, layers, num_parameters
from mnist_pipeline.training import build
from mnist_pipeline.utils import blocks


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 28, 28, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("num_classes", [2, 10, 26])
def test_the_networks_give_a_logit_for_each_class(images: torch.Tensor, num_classes: int) -> None:
    assert CNN(num_classes)(images).shape == (6, num_classes)
    assert MLP(784, 32, num_classes)(images).shape == (6, num_classes)


@pytest.mark.parametrize(("sizes"), [(784, 1024, 10), (49, 7, 3), (1, 1, 1)])
def test_the_perceptron_learns_a_matrix_and_biases_for_each_layer(sizes: tuple[int, int, int]) -> None:
    pixels, hidden, classes = sizes
    assert num_parameters(MLP(*sizes)) == (pixels + 1) * hidden + (hidden + 1) * classes


@pytest.mark.parametrize("classes", [2, 10])
def test_the_convolutional_network_learns_its_kernels_and_a_matrix(classes: int) -> None:
    kernels = (1 * 5 * 5 + 1) * 32 + (32 * 5 * 5 + 1) * 64
    assert num_parameters(CNN(classes)) == kernels + (64 * 4 * 4 + 1) * classes


@pytest.mark.parametrize("model", [CNN(), MLP()])
def test_images_rows_and_channels_are_the_same_input(images: torch.Tensor, model: nn.Module) -> None:
    logits = model(images)
    torch.testing.assert_close(model(images.flatten(1)), logits)
    torch.testing.assert_close(model(images[:, None]), logits)


@pytest.mark.parametrize("model", [CNN(), MLP()])
def test_an_empty_batch_gives_no_logits(model: nn.Module) -> None:
    assert model(torch.zeros(0, 28, 28)).shape == (0, 10)


def test_pooling_before_rectifying_is_the_same_function_and_has_the_same_gradient(
    images: torch.Tensor,
) -> None:
    model = build(CNN, 10, seed=3)
    x = model.pool(model.relu(model.conv1(images[:, None])))
    x = model.pool(model.relu(model.conv2(x)))
    usual = model.linear(x.flatten(1))
    torch.testing.assert_close(model(images), usual)
    parameters = list(model.parameters())
    ours = torch.autograd.grad(model(images).logsumexp(dim=1).sum(), parameters)
    theirs = torch.autograd.grad(usual.logsumexp(dim=1).sum(), parameters)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b)


@pytest.fixture
def digits() -> torch.Tensor:
    """Images of several groups, the last of which is not full, with blank borders as digits have."""
    images = torch.rand(70, 28, 28, generator=torch.Generator().manual_seed(1))
    images[:, :5] = images[:, :, 22:] = 0
    return images


def first_layers(model: CNN, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The compiled one, and torch's own."""
    return _first_layer(images, model.conv1), model.relu(model.pool(model.conv1(images[:, None])))


def second_layers(model: CNN, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The compiled one, and torch's own, of what torch's first one gives."""
    x = model.relu(model.pool(model.conv1(images[:, None])))
    return _second_layer(x, model.conv2), torchs_second_layer(model, x)


def torchs_second_layer(model: CNN, x: torch.Tensor) -> torch.Tensor:
    return model.relu(model.pool(model.conv2(x)))


@pytest.mark.parametrize("layers_of", [first_layers, second_layers])
def test_a_compiled_layer_has_the_values_and_gradients_of_torchs(layers_of, digits: torch.Tensor) -> None:
    model = build(CNN, 10, seed=3)
    ours, theirs = layers_of(model, digits)
    torch.testing.assert_close(ours, theirs)
    weights = torch.randn(theirs.shape, generator=torch.Generator().manual_seed(2))
    parameters = [*model.conv1.parameters(), *(model.conv2.parameters() if layers_of is second_layers else ())]
    gradients = [torch.autograd.grad((x * weights).sum(), parameters, retain_graph=True) for x in (ours, theirs)]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_the_compiled_second_layer_leaves_out_the_gradient_that_nobody_asks_for(digits: torch.Tensor) -> None:
    model = build(CNN, 10, seed=3)
    expected = torch.autograd.grad(second_layers(model, digits)[0].sum(), model.conv2.parameters())
    model.conv1.requires_grad_(False)
    ours, _ = second_layers(model, digits)
    assert [each is None for each, _ in ours.grad_fn.next_functions] == [True, False, False]
    for a, b in zip(torch.autograd.grad(ours.sum(), model.conv2.parameters()), expected, strict=True):
        assert torch.equal(a, b)


def test_in_float32_the_compiled_second_layer_is_hundreds_of_times_nearer_than_bfloat16(digits: torch.Tensor) -> None:
    model, exact = build(CNN, 10, seed=3), build(CNN, 10, seed=3).double()
    x = _first_layer(digits, model.conv1).detach()
    precise = torchs_second_layer(exact, x.double())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = torchs_second_layer(model, x)
    assert 100 * (_second_layer(x, model.conv2) - precise).abs().max() < (rounded - precise).abs().max()


def test_in_bfloat16_the_compiled_first_layer_rounds_its_result_alone(digits: torch.Tensor) -> None:
    model = build(CNN, 10, seed=3)
    precise, _ = first_layers(model, digits)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = _first_layer(digits, model.conv1)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded, precise.bfloat16(), rtol=0, atol=0)
    parameters = list(model.conv1.parameters())
    for a, b in zip(*(torch.autograd.grad(x.float().sum(), parameters) for x in (rounded, precise)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_the_number_of_threads_changes_nothing_in_the_compiled_layers(
    digits: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(CNN, 10, seed=3)
    parameters = [*model.conv1.parameters(), *model.conv2.parameters()]
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(blocks, "num_cores", lambda threads=threads: threads)
        output = _second_layer(_first_layer(digits, model.conv1), model.conv2)
        found.append((output.detach(), *torch.autograd.grad(output.square().sum(), parameters)))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("amx", [True, False])
def test_on_a_processor_only_amx_makes_bfloat16_faster_than_the_compiled_layers(amx: bool, monkeypatch) -> None:
    monkeypatch.setattr(networks, "has_amx", lambda: amx)
    assert CNN().gains_from_bfloat16(torch.device("cpu")) == amx
    assert CNN().gains_from_bfloat16(torch.device("cuda"))


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_weights_that_are_no_numbers_show_in_the_logits(layer: str, images: torch.Tensor) -> None:
    model = CNN()
    torch.nn.init.constant_(model.get_submodule(layer).weight, float("nan"))
    assert model(images).isnan().all()


def test_the_gradient_of_the_image_is_there_for_who_asks_for_it(images: torch.Tensor) -> None:
    model = build(CNN, 10, seed=3)
    asked = images.clone().requires_grad_()
    model(asked).logsumexp(dim=1).sum().backward()
    shifted = images.double() + 1e-6 * torch.eye(28, dtype=torch.float64)
    exact = model.double()
    risen = (exact(shifted).logsumexp(dim=1) - exact(images.double()).logsumexp(dim=1)) / 1e-6
    torch.testing.assert_close(asked.grad.diagonal(dim1=1, dim2=2).sum(dim=1).double(), risen, rtol=1e-3, atol=1e-4)


def test_the_perceptron_is_two_affine_maps_with_a_rectifier_between(images: torch.Tensor) -> None:
    model = MLP(784, 16, 10)
    hidden = (images.flatten(1) @ model.hidden.weight.T + model.hidden.bias).clamp(min=0)
    torch.testing.assert_close(model(images), hidden @ model.output.weight.T + model.output.bias)


def test_channels_last_is_the_same_function(images: torch.Tensor) -> None:
    model = build(CNN, 10, seed=3)
    logits = model(images)
    torch.testing.assert_close(model.to(memory_format=torch.channels_last)(images), logits)


def test_the_layers_are_listed_in_the_order_in_which_they_run() -> None:
    rows = layers(CNN())
    assert [row.output_shape for row in rows] == [
        (32, 24, 24), (32, 12, 12), (32, 12, 12), (64, 8, 8), (64, 4, 4), (64, 4, 4), (1024,), (10,),
    ]  # fmt: skip
    assert [row.name for row in rows if row.num_parameters] == ["conv1", "conv2", "linear"]
    assert sum(row.num_parameters for row in rows) == num_parameters(CNN())


def test_listing_the_layers_leaves_the_network_as_it_was() -> None:
    model = MLP()
    layers(model)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_layers_take_the_shape_of_the_image() -> None:
    assert layers(MLP(49, 5, 3), input_shape=(7, 7))[-1].output_shape == (3,)


@pytest.mark.parametrize("model", [CNN(), MLP()])
@pytest.mark.parametrize("shape", [(784,), (28, 28), (2, 27, 27), (2, 3, 28, 28)])
def test_what_is_not_a_batch_of_images_is_refused(model: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="x has shape"):
        model(torch.zeros(shape))


@pytest.mark.parametrize("name", ["input_size", "hidden_size", "num_classes"])
def test_sizes_that_are_not_positive_are_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is 0"):
        MLP(**{name: 0})


def test_importing_the_networks_imports_neither_numba_nor_dagster() -> None:
    code = "import sys, mnist_pipeline.training; print({'numba', 'dagster', 'torchvision'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
