"""The commands as a person meets them: the whole run 3 times, the others 5 times.

A cold run starts with an empty storage. Compiled code is in its cache, as after any first use. The
first asset counts as soon as its line is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import PIL.Image
from support import handwriting

from benchmarks.bench import ROOT, Bench, BenchmarkError
from benchmarks.table import Table, seconds, with_range

COMMAND = (sys.executable, "-m", "mnist_pipeline.cli")
FIRST_ASSET = "raw_mnist"
OWN_SETTINGS = ("MNIST_PIPELINE_", "DAGSTER_HOME")  # of the person who runs the benchmark
SEED = 2_026
NUM_PICTURES = 10


@dataclass(frozen=True)
class Taken:
    """What a command took: seconds until the first asset and in all, and bytes of memory at the
    peak.
    """

    first: float | None
    wall: float
    peak: float


def measure(bench: Bench) -> Table:
    """Medians with the smallest and the largest."""
    runs = [_run_cold(bench) for _ in range(3)]
    table = Table("Commands", ("", "time", "peak memory"))
    firsts = with_range((run.first or run.wall for run in runs), seconds)
    table.rows += [
        ("`run` into an empty storage, until the first asset", firsts, ""),
        _row("… the whole run", runs),
    ]
    directory = Path(bench.scratch.name, "pictures")
    directory.mkdir()
    commands = {
        "`run --changed`, nothing to do": ("run", "--changed"),
        f"`predict`, {NUM_PICTURES} pictures": ("predict", *_write_pictures(directory)),
        "`--help`": ("--help",),
    }
    for name, arguments in commands.items():
        table.rows.append(_row(name, [_wait(bench, bench.storage, *arguments) for _ in range(5)]))
        bench.say(f"  {name}: {table.rows[-1][1]}")
    return table


def ensure_run(bench: Bench) -> None:
    """Run the pipeline into `bench.storage`, unless that is done."""
    if not bench.storage.exists():
        _run_cold(bench)


def _run_cold(bench: Bench) -> Taken:
    """A whole run into an empty storage. The first one leaves its results in `bench.storage`."""
    number = len(list(Path(bench.scratch.name).glob("storage*")))
    storage = bench.storage.with_name(f"storage{number}") if number else bench.storage
    taken = _wait(bench, storage, "run")
    bench.say(f"  a whole run: {taken.wall:.1f} s, {taken.peak / 1e6:,.0f} MB")
    return taken


def _wait(bench: Bench, storage: Path, *arguments: str) -> Taken:
    """Run a command with the settings that everybody has at first, except for the storage."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)
    }
    environment["MNIST_PIPELINE_STORAGE"] = str(storage)
    file = Path(bench.scratch.name, "taken.json")
    command = [
        sys.executable,
        "-m",
        "benchmarks.child",
        str(file),
        FIRST_ASSET,
        *COMMAND,
        *arguments,
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise BenchmarkError(
            f"mnist-pipeline {arguments[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}"
        )
    return Taken(**json.loads(file.read_text(encoding="utf-8")))


def _row(name: str, taken: list[Taken]) -> tuple[str, str, str]:
    peak = max(each.peak for each in taken)
    return name, with_range((each.wall for each in taken), seconds), f"{peak / 1e6:,.0f} MB"


def _write_pictures(directory: Path) -> list[str]:
    """Files with a handwritten digit each."""
    files = []
    for number, example in enumerate(islice(handwriting.evaluation_set(1, SEED), NUM_PICTURES)):
        files.append(str(directory / f"{number}.png"))
        PIL.Image.fromarray(example.picture).save(files[-1])
    return files
