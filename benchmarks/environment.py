"""The machine, and the versions of the libraries."""

from __future__ import annotations

import os
import subprocess
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from llvmlite import binding  # type: ignore[import-untyped]  # it ships no types

from benchmarks.bench import ROOT, BenchmarkError
from mnist_pipeline.utils import machine

LIBRARIES = ("dagster", "faiss-cpu", "numba", "numpy", "scikit-learn", "scipy", "torch")
# Packages by module.
COMPARED = {"faiss": "faiss-cpu", "sklearn": "scikit-learn", "threadpoolctl": "threadpoolctl"}
# Both choose the kernels of OpenBLAS, for the other libraries too.
MUST_BE_UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
EXCEPT = ":(exclude)docs/benchmarks.md"
# Of a processor, by LLVM's names.
INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512bf16": "bfloat16",
    "amx-bf16": "AMX",
}


def require() -> None:
    """Check that the compared libraries are installed, and that OpenBLAS chooses its kernels."""
    variables = [name for name in MUST_BE_UNSET if name in os.environ]
    if variables:
        names = ", ".join(variables)
        raise BenchmarkError(f"{names} is set; unset it, or run 'make bench', which unsets it")
    missing = [package for module, package in COMPARED.items() if find_spec(module) is None]
    if missing:
        raise BenchmarkError(f"{', '.join(missing)} is missing; make bench installs it")


def libraries() -> str:
    """The versions of the libraries."""
    return ", ".join(f"{name} {version(name)}" for name in LIBRARIES)


def origin() -> str:
    """The commit, the day and the processor, in one line."""
    today = time.strftime("%Y-%m-%d")
    cores = f"{machine.num_cores()} cores with {instructions()}"
    return f"Commit {commit(ROOT)} on {today}, {machine.processor()}, {cores}."


def commit(root: Path) -> str:
    """The commit of a checkout, with "+" if a file differs from it.

    The page with the results does not count: writing it must not change the commit of the next
    section.
    """
    name = _git(root, "rev-parse", "--short", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", EXCEPT)
    return f"{name or 'unknown'}{'+' if changed else ''}"


def instructions() -> str:
    """The vectors of the processor, and whether it multiplies bfloat16 natively."""
    features = binding.get_host_cpu_features()
    found = [title for feature, title in INSTRUCTIONS.items() if features.get(feature)]
    return ", ".join(found) or "other vectors"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
