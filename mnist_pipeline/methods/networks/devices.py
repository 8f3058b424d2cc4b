"""How this machine computes a network: the device, the precision, and the compiled form."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn


def default_device() -> torch.device:
    """The GPU if torch finds a GPU, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(model: nn.Module, device: torch.device, precision: str = "auto") -> str:
    """The precision of a network's matrix products on a device, "float32" or "bfloat16".

    "auto" means bfloat16 where that is faster: the device multiplies it natively, and the network
    has no compiled form.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        is_faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = cpu_supports("amx_bf16") or cpu_supports("avx512_bf16")
        is_faster = native and not has_compiled_form(model, device)
    return "bfloat16" if is_faster else "float32"


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """The context in which networks multiply matrices with this precision."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


def cpu_supports(instructions: str) -> bool:
    """Whether the CPU has these instructions, such as "avx512_bf16" or "amx_bf16"."""
    return bool(torch.cpu.get_capabilities().get(instructions))


def has_compiled_form(model: nn.Module, device: torch.device) -> bool:
    """Whether a network has a compiled form, for a CPU."""
    return getattr(model, "has_compiled_form", False) and device.type == "cpu"


@contextmanager
def placed(
    model: nn.Module, device: torch.device, precision: str, *, one_thread: bool = False
) -> Iterator[nn.Module]:
    """Move a network to a device, and back afterwards, in evaluation mode.

    Yields the form of the network to run. On the device its channels are innermost, the layout for
    which convolutions on a CPU are optimized. While the compiled form runs, torch uses one thread:
    torch has little to do, and its waiting threads would take the cores from the compiled layers.
    `one_thread` is for small batches, for which threads wait longer than they compute.
    """
    # Some versions of torch type a module's `to` without formats, and its methods as modules.
    untyped: Any = model
    first = next(model.parameters(), None)
    original = device if first is None else first.device
    num_threads = torch.get_num_threads()
    is_compiled = precision == "float32" and has_compiled_form(model, device)
    try:
        if is_compiled or one_thread:
            torch.set_num_threads(1)
        model.to(device)
        untyped.to(memory_format=torch.channels_last)
        yield untyped.compiled().train(model.training) if is_compiled else model
    finally:
        torch.set_num_threads(num_threads)
        model.to(original)
        untyped.to(memory_format=torch.contiguous_format).eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generators, which dropout uses, and restore them afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
