"""The compiled convolutional network has the values and gradients of the plain one."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mnist_pipeline.methods.networks.compiled import convolution
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


def test_of_equal_values_in_a_window_the_first_gets_the_gradient_as_in_torch(plain, digits):
    for layer in (plain.conv1, plain.conv2):  # a kernel of zeros: each window has equal values
        layer.weight.data[0], layer.bias.data[0] = 0, 0.5
    F.cross_entropy(plain(digits), TARGETS).backward()
    expected = gradients(plain)
    compiled(plain).backpropagate(digits, TARGETS)
    for ours, theirs in zip(gradients(plain), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_positions_of_the_maxima_are_those_of_torch(plain):
    images = torch.full((1, 28, 28), 0.5)
    maps = plain.conv1(images[:, None])
    expected = F.max_pool2d(torch.ones_like(maps), 2, return_indices=True)[1]  # a constant image
    output, positions = np.empty((1, 12, 12, 32), np.float32), np.empty((1, 12, 12, 32), np.uint8)
    taps = plain.conv1.weight.detach().flatten(1).t().contiguous().numpy()
    convolution.convolve_and_pool(
        images.numpy(), output, positions, taps, plain.conv1.bias.detach().numpy()
    )
    rows, columns = expected // 24 % 2, expected % 2
    np.testing.assert_array_equal(positions.transpose(0, 3, 1, 2), 2 * rows + columns)


@pytest.mark.parametrize(("weight", "bias"), [(True, False), (False, True)])
def test_a_parameter_of_the_first_layer_can_be_trained_alone(weight, bias, plain, digits):
    plain.conv1.weight.requires_grad_(weight)
    plain.conv1.bias.requires_grad_(bias)
    F.cross_entropy(plain(digits), TARGETS).backward()
    expected = gradients(plain)
    compiled(plain).backpropagate(digits, TARGETS)
    for ours, theirs in zip(gradients(plain), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_layouts_and_numbers_that_are_not_finite_change_no_other_image(plain, digits):
    expected = plain(digits)
    plain.conv2.bias = nn.Parameter(plain.conv2.bias.detach().repeat_interleave(2)[::2])
    plain.to(memory_format=torch.channels_last)
    reversed_and_back = digits.flip(2).transpose(1, 2).contiguous().transpose(1, 2).flip(2)
    for images in (reversed_and_back, digits[:, None].expand(-1, 2, -1, -1)[:, 0]):
        torch.testing.assert_close(compiled(plain)(images), expected)
    spoiled = digits.clone()
    spoiled[0], spoiled[1] = math.nan, math.inf
    scores = compiled(plain).backpropagate(spoiled, TARGETS, least=math.nan)
    torch.testing.assert_close(scores[2:], expected[2:])


class _ReLUOfTheScores(CNN):
    def forward(self, x):
        return self.relu(super().forward(x))


def _with(**layers: nn.Module) -> CNN:
    model = build(CNN, seed=3)
    for name, layer in layers.items():
        setattr(model, name, layer)
    return model


def _with_type(name: str, dtype: torch.dtype) -> CNN:
    model = build(CNN, seed=3)
    parameter = model.get_parameter(name)
    parameter.data = parameter.data.to(dtype)
    return model


def _with_hook(name: str) -> CNN:
    model = build(CNN, seed=3)
    model.get_submodule(name).register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return model


def _with_forward(name: str) -> CNN:
    model = build(CNN, seed=3)
    forward = model.get_submodule(name).forward
    model.get_submodule(name).forward = lambda x: 2 * forward(x)
    return model


# Networks that the compiled form does not compute.
OTHERS = {
    "one kernel": lambda: _with(conv1=nn.Conv2d(1, 1, 5), conv2=nn.Conv2d(1, 64, 5)),
    "16 kernels": lambda: _with(conv1=nn.Conv2d(1, 16, 5), conv2=nn.Conv2d(16, 64, 5)),
    "48 kernels": lambda: _with(conv1=nn.Conv2d(1, 48, 5), conv2=nn.Conv2d(48, 64, 5)),
    "48 kernels in the second layer": lambda: _with(
        conv2=nn.Conv2d(32, 48, 5), linear=nn.Linear(768, 10)
    ),
    "small kernels": lambda: _with(conv1=nn.Conv2d(1, 32, 3), linear=nn.Linear(1024, 10)),
    "padding": lambda: _with(conv1=nn.Conv2d(1, 32, 5, padding=2), linear=nn.Linear(1600, 10)),
    "same padding": lambda: _with(
        conv2=nn.Conv2d(32, 64, 5, padding="same"), linear=nn.Linear(2304, 10)
    ),
    "a stride": lambda: _with(conv2=nn.Conv2d(32, 64, 5, stride=2), linear=nn.Linear(256, 10)),
    "dilation": lambda: _with(conv2=nn.Conv2d(32, 64, 5, dilation=2), linear=nn.Linear(256, 10)),
    "padding and dilation": lambda: _with(conv1=nn.Conv2d(1, 32, 5, padding=2, dilation=2)),
    "large windows": lambda: _with(pool=nn.MaxPool2d(3, stride=2, padding=1)),
    "groups": lambda: _with(conv2=nn.Conv2d(32, 64, 5, groups=2)),
    "no bias": lambda: _with(conv1=nn.Conv2d(1, 32, 5, bias=False)),
    "no bias of the classes": lambda: _with(linear=nn.Linear(1024, 10, bias=False)),
    "LeakyReLU": lambda: _with(relu=nn.LeakyReLU()),
    "average pooling": lambda: _with(pool=nn.AvgPool2d(2)),
    "overlapping windows": lambda: _with(
        pool=nn.MaxPool2d(2, stride=1), linear=nn.Linear(64 * 18 * 18, 10)
    ),
    "colours": lambda: build(CNN, 10, 3, seed=3),
    "a subclass": lambda: build(_ReLUOfTheScores, seed=3),
    "a hook of a layer": lambda: _with_hook("pool"),
    "a hook of the network": lambda: _with_hook(""),
    "another forward": lambda: _with_forward(""),
    "another forward of a layer": lambda: _with_forward("conv2"),
    **{
        f"{dtype} in {name}": lambda name=name, dtype=dtype: _with_type(name, dtype)
        for name in ("conv1.weight", "conv1.bias", "conv2.weight", "linear.bias")
        for dtype in (torch.float64, torch.float16, torch.bfloat16)
    },
}


def _predict(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities of a network, and those that torch computes."""
    model = OTHERS[name]()
    pixels = np.random.default_rng(0).random((70, model.input_size), np.float32)
    predicted = predict_probabilities(model, pixels)
    with torch.no_grad():
        scores = model.float()(torch.from_numpy(pixels))
    return predicted, scores.softmax(dim=1).numpy()


def _compute_compiled(name: str) -> None:
    """Compute a network with the compiled layers, whatever its own."""
    model = OTHERS[name]()
    CompiledCNN(model.conv1, model.conv2, model.linear)(torch.zeros(70, 28, 28))


def _compile(name: str) -> None:
    OTHERS[name]().compiled()


@pytest.mark.parametrize("name", OTHERS)
def test_a_network_that_differs_has_no_compiled_form_and_torch_computes_it(name, other_process):
    predicted, expected = other_process.submit(_predict, name).result()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="no compiled form"):
        other_process.submit(_compile, name).result()


@pytest.mark.parametrize("name", [name for name in OTHERS if " in " in name or "kernel" in name])
def test_the_compiled_layers_refuse_arrays_of_another_shape_or_type(name, other_process):
    with pytest.raises(ValueError, match=r"conv|linear"):
        other_process.submit(_compute_compiled, name).result()


MANY = torch.zeros(5_000, 28, 28)  # so many that reading beyond them ends a process


@pytest.mark.parametrize(
    "images",
    [
        MANY.byte(),
        MANY.half(),
        MANY.double(),
        MANY.bool(),
        MANY[0],
        MANY[0, 0, 0],
        MANY[:, :27],
        MANY[:3, :, :, None].expand(-1, -1, -1, 3),
        None,
        [[0.0] * 784],
    ],
    ids=lambda images: f"{getattr(images, 'dtype', images)} {tuple(getattr(images, 'shape', ()))}",
)
@pytest.mark.parametrize("name", ["forward", "backpropagate"])
def test_images_of_another_type_or_shape_are_refused(name, images, plain, other_process):
    targets = [torch.zeros(len(MANY), dtype=torch.int64)] if name == "backpropagate" else []
    call = other_process.submit(getattr(compiled(plain), name), images, *targets)
    with pytest.raises((ValueError, TypeError), match=r"\bx\b"):
        call.result()


@pytest.mark.parametrize(
    "targets",
    [TARGETS - 1, TARGETS + 1, TARGETS + 10**12, TARGETS[:1], TARGETS[:, None], TARGETS.float()],
    ids=["negative", "too large", "huge", "one", "a column", "floating"],
)
def test_targets_that_are_no_classes_are_refused(targets, plain, digits, other_process):
    call = other_process.submit(compiled(plain).backpropagate, digits, targets)
    with pytest.raises(ValueError, match="targets"):
        call.result()
