"""The other recipes of the networks on MNIST: mean test accuracy over 3 seeds.

A twelfth of the 60,000 images is held out. This takes a quarter of an hour.
"""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.networks import HEADER, NETWORKS, trained_row
from benchmarks.table import Table

NUM_SEEDS = 3
NAMES = ("fast", "thorough", "notebook")


def measure(bench: Bench) -> Table:
    """A row per network and recipe."""
    rows = [trained_row(bench, network, name, NUM_SEEDS) for network in NETWORKS for name in NAMES]
    return Table("Recipes", HEADER, list(rows))
