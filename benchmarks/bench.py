"""Everything that a section needs: the data, and a directory for a run of the pipeline."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_pipeline.data.datasets import DigitSet, load_digits

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


class BenchmarkError(RuntimeError):
    """A measurement is impossible. The message names the problem and the remedy."""


@dataclass
class Bench:
    """One run of the benchmark on the embedded MNIST."""

    train: DigitSet
    test: DigitSet
    pictures: Path | None = None  # of a person, instead of the archive
    started: float = field(default_factory=time.perf_counter)
    scratch: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="mnist-benchmark-")
    )

    @classmethod
    def load(cls, pictures: Path | None = None) -> Bench:
        """Read the digits."""
        return cls(load_digits(DATA, "train"), load_digits(DATA, "test"), pictures)

    @property
    def storage(self) -> Path:
        """The directory for the results of a whole run, see `commands.ensure_run`."""
        return Path(self.scratch.name, "storage")

    def say(self, message: str) -> None:
        """Print progress, with the seconds since the start."""
        print(f"[{time.perf_counter() - self.started:5.0f} s] {message}", flush=True)


def run_module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module in a fresh process."""
    return [sys.executable, "-m", name, *arguments]


def rows(digits: DigitSet) -> np.ndarray:
    """Images as rows of bytes, (N, 784)."""
    return digits.images.reshape(len(digits.images), -1)
