"""Memory that runs short."""

import errno

import numpy as np
import pytest
import torch

from mnist_pipeline.utils import machine, memory


def from_numpy():
    np.zeros(10**15)


def from_torch():
    torch.empty(10**15)


def from_python():
    raise MemoryError


def from_the_system():
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.mark.parametrize("allocate", [from_numpy, from_torch, from_python, from_the_system])
def test_a_shortage_is_told_from_other_errors(allocate):
    with pytest.raises((MemoryError, RuntimeError, OSError)) as raised:
        allocate()
    assert memory.is_shortage(raised.value)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2"), OSError(errno.ENOSPC, "full")])
def test_another_error_is_no_shortage(error):
    assert not memory.is_shortage(error)


@pytest.mark.parametrize("problem", ["Unable to allocate 7.28 PiB\nfor an array", ""])
def test_a_shortage_names_the_need_the_memory_and_what_to_do_in_one_line(problem):
    error = memory.shortage(problem)
    assert isinstance(error, MemoryError)
    assert "\n" not in str(error)
    assert str(error).startswith(problem.partition("\n")[0] or "out of memory")
    assert f"{memory.available_bytes() / 1e9:.1f} GB" in str(error)
    assert "5 kB per image" in str(error)
    assert "--select" in str(error)


def test_a_container_has_at_most_the_memory_of_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "INFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "LIMITS", [tmp_path / "memory.max"])
    assert memory.available_bytes() == machine.memory_bytes()
    memory.INFO.write_text("MemFree: 1 kB\nMemAvailable:  2000 kB\n")
    memory.LIMITS[0].write_text("max\n")
    assert memory.available_bytes() == 2_048_000
    memory.LIMITS[0].write_text("2000\n")
    assert memory.available_bytes() == 2_000
