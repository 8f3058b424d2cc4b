"""The layers that the compiled convolutional network computes, and how other layers differ.

The compiled network ignores what a module of torch may also have, such as padding, a hook or
numbers of another type. So whoever runs it compares the layers first.
"""

import functools
from typing import Any, NamedTuple

import torch
from torch import nn

# The attributes in which torch keeps the hooks of a module that change what it computes.
_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_Arrays = list[tuple[str, tuple[int, ...], torch.dtype]]


class _Layer(NamedTuple):
    """What a layer has, as far as it decides the answers."""

    kind: type[nn.Module]
    settings: dict[str, Any]  # public attributes, without the number of classes
    arrays: _Arrays


@functools.cache
def compiled_layers() -> dict[str, _Layer]:
    """The layers, by the names that they have in `modules.CNN`."""
    with torch.device("meta"):  # without memory for the parameters
        layers = {
            "conv1": nn.Conv2d(1, 32, kernel_size=5),
            "conv2": nn.Conv2d(32, 64, kernel_size=5),
            "pool": nn.MaxPool2d(2),
            "relu": nn.ReLU(),
            "flatten": nn.Flatten(),
            "linear": nn.Linear(64 * 4 * 4, 10),
        }
    return {
        name: _Layer(type(layer), _settings(layer), _arrays(layer))
        for name, layer in layers.items()
    }


def layer_difference(name: str, layer: nn.Module) -> str:
    """The first difference between a layer and the compiled layer of this name, or no text.

    It compares whatever decides the answers: the class, its settings, hooks, parameters and
    buffers. The number of classes may differ.
    """
    expected = compiled_layers()[name]
    if type(layer) is not expected.kind:
        return f"{name} is of class {type(layer).__name__}; expected {expected.kind.__name__}"
    if has_own_behaviour(layer):
        return f"{name} has hooks, or another function in place of its forward"
    for setting, value in expected.settings.items():
        actual = vars(layer).get(setting)
        if actual != value:
            return f"{setting} of {name} is {actual!r}; expected {value!r}"
    arrays = _arrays(layer)
    if arrays != expected.arrays:
        return f"{name} has the arrays {arrays}; expected {expected.arrays}"
    return ""


def has_own_behaviour(module: nn.Module) -> bool:
    """Whether something was added to this module that changes what its class computes."""
    attributes = vars(module)
    return "forward" in attributes or any(attributes[hooks] for hooks in _HOOKS)


def _settings(layer: nn.Module) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(layer).items()
        if not name.startswith("_") and name not in ("training", "out_features")
    }


def _arrays(layer: nn.Module) -> _Arrays:
    """The name, shape and type of each parameter and buffer.

    The first axis of a linear layer counts the classes, and is left out.
    """
    first = 1 if isinstance(layer, nn.Linear) else 0
    tensors = {**vars(layer)["_parameters"], **vars(layer)["_buffers"]}
    return [
        (name, tuple(tensor.shape[first:]), tensor.dtype)
        for name, tensor in tensors.items()
        if tensor is not None
    ]
