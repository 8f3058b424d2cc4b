"""What every section is given: the data, how thoroughly to measure, and where to say how far it is."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from mnist_pipeline.data.datasets import DigitSet, load_digits

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
FASHION = Path("/usr/share/datasets/fashion-mnist")


@dataclass
class Bench:
    """A run of the benchmark.

    Attributes
    ----------
    train, test : DigitSet
        The embedded MNIST.
    is_quick : bool
        Fewer rounds.
    fashion : Path or None
        Directory of Fashion-MNIST, None where there is none.
    notebook : dict from method to seconds
        What the notebook's way took, noted by each section for the comparison of the whole run.
    """

    train: DigitSet
    test: DigitSet
    is_quick: bool
    fashion: Path | None
    notebook: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    scratch: tempfile.TemporaryDirectory[str] = field(
        default_factory=lambda: tempfile.TemporaryDirectory(prefix="mnist-benchmark-")
    )

    @property
    def storage(self) -> Path:
        """Where the storage of a whole run is kept for later sections; it may not exist yet."""
        return Path(self.scratch.name, "storage")

    @classmethod
    def load(cls, is_quick: bool, fashion: Path) -> Bench:
        """Read the digits."""
        found = fashion if fashion.is_dir() else None
        return cls(load_digits(DATA, "train"), load_digits(DATA, "test"), is_quick, found)

    def pick(self, full: int, quick: int) -> int:
        """A number of rounds, seeds or epochs."""
        return quick if self.is_quick else full

    def say(self, message: str) -> None:
        """Print progress, with the seconds since the start."""
        print(f"[{time.perf_counter() - self.started:5.0f} s] {message}", flush=True)
