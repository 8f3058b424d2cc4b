"""Memory, storage and seconds of runs over 60,000 to 600,000 training images, once per size.

The sets are MNIST's training images and copies that are moved by one or two pixels, with MNIST's
test images. Memory is the peak of the resident set, which includes mapped pages of files.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from support.idx import write_idx

from benchmarks.bench import Bench
from benchmarks.commands import run_command
from benchmarks.growth import write_shifted
from benchmarks.table import Table, seconds
from mnist_pipeline.data.values import DigitSet

SIZES = (60_000, 200_000, 600_000)
RUNS = {"PCA": ("run", "--select", "+group:pca"), "all assets": ("run",)}


def measure(bench: Bench) -> Table:
    """A row per number of images and run."""
    table = Table("How many images", ("training images", "run", "peak memory", "storage", "time"))
    for size in SIZES:
        points, data = Path(bench.scratch.name, "points.npy"), Path(bench.scratch.name, f"{size}")
        write_shifted(points, bench.train.images, size)
        images = np.load(points, mmap_mode="r").reshape(-1, *bench.train.images.shape[1:])
        train = DigitSet(images, np.resize(bench.train.labels, size))
        write_idx(data, train, bench.test, compress=False)
        for name, command in RUNS.items():
            storage = data.with_name(f"storage of {size}")
            cost = run_command(bench, storage, *command, MNIST_PIPELINE_DATA=str(data))
            stored = sum(path.stat().st_size for path in storage.rglob("*") if path.is_file())
            amounts = (f"{cost.peak / 1e9:.1f} GB", f"{stored / 1e9:.1f} GB", seconds(cost.wall))
            table.rows.append((f"{size:,}", name, *amounts))
            bench.say(f"  {size:,} images, {name}: {', '.join(amounts)}")
            shutil.rmtree(storage)
    return table
