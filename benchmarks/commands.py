"""Times of commands in a shell: the whole run 3 times, the others 5 times.

A cold run starts with an empty storage. Compiled code is in its cache, as after any first use. The
first asset counts as soon as its line is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks import archive
from benchmarks.bench import ROOT, Bench, BenchmarkError, run_module
from benchmarks.table import Table, seconds, with_range

COMMAND = run_module("mnist_pipeline.cli")
FIRST_ASSET = "raw_mnist"
OWN_SETTINGS = ("MNIST_PIPELINE_", "DAGSTER_HOME")  # of the person who runs the benchmark
NUM_PICTURES = 10


@dataclass(frozen=True)
class Cost:
    """Time and memory of a command."""

    first: float | None  # seconds until the first asset
    wall: float  # seconds
    peak: float  # bytes


def measure(bench: Bench) -> Table:
    """Medians with the smallest and the largest."""
    runs = [_run_cold(bench) for _ in range(3)]
    table = Table("Commands", ("", "time", "peak memory"))
    firsts = with_range((run.first or run.wall for run in runs), seconds)
    table.rows.append(("`run` into an empty storage, until the first asset", firsts, ""))
    table.rows.append(_row("… the whole run", runs))
    directory = Path(bench.scratch.name, "pictures")
    directory.mkdir()
    commands = {
        "`run --changed`, nothing to do": ("run", "--changed"),
        f"`predict`, {NUM_PICTURES} pictures": ("predict", *_write_pictures(directory)),
        "`--help`": ("--help",),
    }
    for name, arguments in commands.items():
        table.rows.append(
            _row(name, [run_command(bench, bench.storage, *arguments) for _ in range(5)])
        )
        bench.say(f"  {name}: {table.rows[-1][1]}")
    return table


def ensure_run(bench: Bench) -> None:
    """Run the pipeline into `bench.storage`, unless results are there."""
    if not bench.storage.exists():
        _run_cold(bench)


def _run_cold(bench: Bench) -> Cost:
    """A whole run into an empty storage, for the first time into `bench.storage`."""
    number = len(list(Path(bench.scratch.name).glob("storage*")))
    storage = bench.storage.with_name(f"storage{number}") if number else bench.storage
    cost = run_command(bench, storage, "run")
    bench.say(f"  a whole run: {cost.wall:.1f} s, {cost.peak / 1e6:,.0f} MB")
    return cost


def run_command(bench: Bench, storage: Path, *arguments: str, **settings: str) -> Cost:
    """Run a command with default settings, except for the storage and these settings."""
    variables = os.environ.items()
    environment = {name: value for name, value in variables if not name.startswith(OWN_SETTINGS)}
    environment |= {"MNIST_PIPELINE_STORAGE": str(storage), **settings}
    file = Path(bench.scratch.name, "cost.json")
    command = run_module("benchmarks.child", str(file), FIRST_ASSET, *COMMAND, *arguments)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        output = (done.stdout + done.stderr)[-2000:]
        raise BenchmarkError(
            f"mnist-pipeline {arguments[0]} ended with {done.returncode}:\n{output}"
        )
    return Cost(**json.loads(file.read_text(encoding="utf-8")))


def _row(name: str, costs: list[Cost]) -> tuple[str, str, str]:
    peak = max(cost.peak for cost in costs)
    return name, with_range((cost.wall for cost in costs), seconds), f"{peak / 1e6:,.0f} MB"


def _write_pictures(directory: Path) -> list[str]:
    """Write files with one handwritten digit per file."""
    files = []
    for number, example in enumerate(islice(archive.examples(), NUM_PICTURES)):
        files.append(directory / f"{number}.webp")
        files[-1].write_bytes(example.content)
    return list(map(str, files))
