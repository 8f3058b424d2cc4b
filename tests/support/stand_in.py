"""A stand-in for a GPU: a device of torch that computes on the CPU, and refuses to mix its tensors
with others.

It has torch's name "meta", the only device that has no hardware and no memory of its own. Inside
`StandIn()`, whatever is moved to or created on that device becomes a tensor of the class `Remote`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
MOVES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Remote(torch.Tensor):
    """A tensor on the device; `inner` has its values."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "Remote":
        found: Remote = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device=DEVICE
        )
        found.inner = inner
        return found

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        with StandIn():
            return function(*args, **(kwargs or {}))


class StandIn(TorchDispatchMode):
    """The context in which the device exists.

    Operands on two devices are a RuntimeError, unless one is a number.
    """

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        operands = [each for each in tree_leaves((args, named)) if isinstance(each, torch.Tensor)]
        is_remote = any(isinstance(each, Remote) for each in operands)
        local = [each for each in operands if not isinstance(each, Remote) and each.dim()]
        if is_remote and local and function not in MOVES:
            raise RuntimeError(
                f"{function} has operands on two devices, of shape "
                f"{[tuple(each.shape) for each in local]}"
            )
        if named.get("device") is not None:
            is_remote = torch.device(named["device"]) == DEVICE
            named["device"] = torch.device("cpu")
        inner_args, inner_named = tree_map(
            lambda each: each.inner if isinstance(each, Remote) else each, (args, named)
        )
        result = function(*inner_args, **inner_named)
        if function._schema.is_mutable:
            return args[0] if isinstance(result, torch.Tensor) else result
        return tree_map(
            lambda each: Remote(each) if is_remote and isinstance(each, torch.Tensor) else each,
            result,
        )
