"""Memory, storage and seconds of runs over 60,000 to 1,000,000 training images, once per size. The
sets are MNIST's training images and copies that are moved by one or two pixels, with MNIST's
test images. Such files are not the embedded ones, so the networks train as on any other images: ten
passes over all of them, where a run on MNIST, in *Commands*, makes shorter passes. Memory is the
peak of the resident set, which includes mapped pages of files. It takes half an hour, so it only
runs when it is named.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench
from benchmarks.commands import run_command
from benchmarks.growth import write_shifted
from benchmarks.table import Table, seconds
from mnist_pipeline.data.idx import FILE_NAMES, UNSIGNED_BYTE
from mnist_pipeline.data.values import DigitSet

SIZES = (60_000, 100_000, 200_000, 400_000, 1_000_000)


def measure(bench: Bench) -> Table:
    """A row per number of images."""
    table = Table("How many images", ("training images", "peak memory", "storage", "time"))
    for size in SIZES:
        points, data = Path(bench.scratch.name, "points.npy"), Path(bench.scratch.name, f"{size}")
        write_shifted(points, bench.train.images, size)
        images = np.load(points, mmap_mode="r").reshape(-1, *bench.train.images.shape[1:])
        train = DigitSet(images, np.resize(bench.train.labels, size))
        _write_idx(data, train, bench.test)
        storage = data.with_name(f"storage of {size}")
        cost = run_command(bench, storage, "run", MNIST_PIPELINE_DATA=str(data))
        stored = sum(path.stat().st_size for path in storage.rglob("*") if path.is_file())
        amounts = (f"{cost.peak / 1e9:.1f} GB", f"{stored / 1e9:.1f} GB", seconds(cost.wall))
        table.rows.append((f"{size:,}", *amounts))
        bench.say(f"  {size:,} images: {', '.join(amounts)}")
        shutil.rmtree(storage)
    return table


def _write_idx(directory: Path, train: DigitSet, test: DigitSet) -> None:
    """Write the four files of a data set: sizes of an array of bytes, then its bytes."""
    directory.mkdir()
    for name, array in zip(FILE_NAMES, (*train, *test), strict=True):
        header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
        (directory / name).write_bytes(header + array.astype(np.uint8).tobytes())
