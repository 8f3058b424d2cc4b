"""The whole run, `mnist-pipeline run` from the shell prompt and back into an empty storage: 3 runs (quick: 1).

Cold means a new process and nothing stored; compiled code is in its cache, as after any first use. One
more run starts without that cache too, and one has its stack sampled to tell where the time goes (quick: the only one).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import ROOT, Bench
from benchmarks.environment import BenchmarkError
from benchmarks.table import Row, Section, at_least, at_most, seconds
from benchmarks.timing import Ratio

COMMAND = (str(Path(sys.executable).with_name("mnist-pipeline")), "run")
NOT_PASSED_ON = ("MNIST_PIPELINE_DATA", "MNIST_PIPELINE_STORAGE", "MNIST_PIPELINE_EXECUTOR", "DAGSTER_HOME")
NOTEBOOK_METHODS = ("knn", "softmax", "pca", "cnn", "mlp")


@dataclass(frozen=True)
class Run:
    """One cold run.

    Attributes
    ----------
    wall, processor : float
        Seconds.
    peak : int
        Largest resident set, bytes.
    methods : dict from asset to seconds
        The recorded time of the method of each asset.
    sampled : dict from kind of work to seconds
        Empty unless the stack was sampled.
    """

    wall: float
    processor: float
    peak: int
    methods: dict[str, float]
    sampled: dict[str, float]

    @property
    def rest(self) -> float:
        """Share of the wall time that is not in a method, in percent."""
        return 100 * (1 - sum(self.methods.values()) / self.wall)


def measure(bench: Bench) -> Section:
    runs = [] if bench.is_quick else [run_cold(bench, "cold run") for _ in range(3)]
    sampled = run_cold(bench, "cold run, its stack sampled", is_sampled=True)
    runs = runs or [sampled]
    section = Section("The whole run")
    section.rows = [*_cold_rows(runs), _sampled_row(sampled), _ratio_row(bench, runs)]
    section.notes = [_methods_told(runs[-1]), _breakdown_told(sampled)]
    section.details = {"runs": [vars(run) for run in runs], "sampled": vars(sampled), "notebook": bench.notebook}
    if not bench.is_quick:
        first = run_cold(bench, "first run of all, nothing compiled", is_first=True)
        section.details["first"] = vars(first)
        compiling = first.wall - statistics.median(run.wall for run in runs)
        section.rows += [
            Row("the first run of all: compiles as well", first.wall, " s", at_most(60), ours=seconds(first.wall)),
            Row("compiling, in the first run", compiling, " s", at_most(5), ours=seconds(compiling)),
        ]
    return section


def _cold_rows(runs: Sequence[Run]) -> list[Row]:
    """Wall time, peak memory, and the share of the time outside the methods."""
    walls, rests = Ratio.of([run.wall for run in runs]), Ratio.of([run.rest for run in runs])
    peaks = Ratio.of([run.peak / 1e9 for run in runs])
    processor = Ratio.of([run.processor for run in runs]).median
    return [
        Row(
            "mnist-pipeline run, cold: wall time", walls.median, " s", at_most(12), walls.spread, walls.rounds,
            seconds(walls.median), agreement=f"{seconds(processor)} of processor time",
        ),
        Row(
            "mnist-pipeline run, cold: peak memory", peaks.high, " GB", at_most(1.0), peaks.spread, peaks.rounds,
            f"{peaks.high * 1e3:,.0f} MB", agreement="largest of the runs",
        ),
        Row(
            "all but methods, share of wall time", rests.median, "%", at_most(35), rests.spread, rests.rounds,
            agreement="methods as the assets time them, first imports within included",
        ),
    ]  # fmt: skip


def _sampled_row(run: Run) -> Row:
    """The same share off the stack: an import is an import, also where it happens while a method is timed."""
    share = 100 * (1 - run.sampled.get("methods", 0.0) / run.wall)
    return Row(
        "all but methods, by sampling the stack", share, "%", at_most(35),
        agreement="imports within methods count as imports",
    )  # fmt: skip


def _ratio_row(bench: Bench, runs: Sequence[Run]) -> Row:
    """The notebook's methods one after another, over the wall time of everything that the pipeline does."""
    missing = [name for name in NOTEBOOK_METHODS if name not in bench.notebook]
    name, bound = "whole run vs the notebook's methods", at_least(40)
    if missing:
        return Row(name, None, "× faster", bound, agreement=f"needs the sections that time {', '.join(missing)}")
    theirs = sum(bench.notebook[name] for name in NOTEBOOK_METHODS)
    ratio = Ratio.of([theirs / run.wall for run in runs])
    parts = ", ".join(f"{name} {seconds(bench.notebook[name])}" for name in NOTEBOOK_METHODS)
    return Row(
        name, ratio.median, "× faster", bound, ratio.spread, ratio.rounds, f"{theirs / ratio.median:.1f} s",
        seconds(theirs), f"theirs: {parts} (k-d tree extrapolated, softmax from half its epochs)",
    )  # fmt: skip


def _methods_told(run: Run) -> str:
    longest = sorted(run.methods.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {value:.2f}" for name, value in longest if value >= 0.05)
    return f"method seconds as the assets say: {sum(run.methods.values()):.2f} of {run.wall:.2f} s: {parts}"


def _breakdown_told(run: Run) -> str:
    known = sum(run.sampled.values())
    shares = sorted(run.sampled.items(), key=lambda item: -item[1])
    parts = [f"{kind} {value:.2f} s ({value / run.wall:.0%})" for kind, value in shares if value >= 0.005]
    parts.append(f"interpreter's start and end {run.wall - known:.2f} s ({1 - known / run.wall:.0%})")
    return f"where a run's {run.wall:.2f} s go, by sampling its stack: " + ", ".join(parts)


def fill(bench: Bench) -> None:
    """Run the pipeline into `bench.storage`, unless that is done."""
    if not bench.storage.exists():
        run_cold(bench, "a run to answer from")


def run_cold(bench: Bench, title: str, *, is_sampled: bool = False, is_first: bool = False) -> Run:
    """Run the pipeline into an empty storage, which the first run leaves; its output is shown only if it fails."""
    with tempfile.TemporaryDirectory(dir=bench.scratch.name) as directory:
        storage, samples = Path(directory, "storage"), Path(directory, "samples.json")
        environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        environment["MNIST_PIPELINE_STORAGE"] = str(storage)
        if is_first:
            environment["NUMBA_CACHE_DIR"] = str(Path(directory, "numba"))
        sampled = (sys.executable, "-m", "benchmarks.sampled_run", str(samples), "run")
        wall, processor, peak = wait(sampled if is_sampled else COMMAND, environment, Path(directory))
        run = Run(wall, processor, peak, _method_seconds(storage), _read_json(samples))
        if not bench.storage.exists():
            storage.rename(bench.storage)
    bench.say(f"  {title}: {wall:.2f} s, {peak / 1e6:,.0f} MB, methods {sum(run.methods.values()):.2f} s")
    return run


def wait(command: Sequence[str], environment: dict[str, str], directory: Path) -> tuple[float, float, int]:
    """Wall seconds, processor seconds and peak memory of a command; a directory takes its output."""
    output, taken = directory / "output.txt", directory / "taken.json"
    child = [sys.executable, "-m", "benchmarks.child", str(taken), *command]
    with output.open("wb") as file:
        code = subprocess.run(child, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
    if code:
        last = output.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise BenchmarkError(f"{' '.join(command)} ended with {code}:\n{last}")
    measured = _read_json(taken)
    return measured["wall"], measured["processor"], measured["peak"]


def _method_seconds(storage: Path) -> dict[str, float]:
    """What each asset recorded with its materialization."""
    import dagster as dg

    from mnist_pipeline.runtime.graph.records import SECONDS

    found = {}
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        for key in instance.all_asset_keys():
            event = instance.get_latest_materialization_event(key)
            made = event.asset_materialization if event else None
            if made and isinstance(recorded := made.metadata.get(SECONDS), dg.FloatMetadataValue):
                found[key.to_user_string()] = recorded.value or 0.0
    return found


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
