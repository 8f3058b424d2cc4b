"""Growth of the expanded set: `python -m benchmarks.scaling` measures PCA and k-NN over up to 3.84 million images.

Each size is run in a fresh process and a fresh storage, by the graph itself: every fold generated, stored, recorded
and read back as a user's run does it, all on one worker. Prints a table with the targets, and writes
`benchmarks/scaling.json` and `scaling.png`. On two idle cores about five minutes, 3.5 GB in a temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import environment
from benchmarks.bench import ROOT
from benchmarks.environment import BenchmarkError
from benchmarks.table import Row, Section, at_most, seconds, tally, text

FOLDS = (1, 4, 16, 64)
MAX_SEARCHED = 16  # folds in which neighbours are searched
FOLD_SIZE = 60_000
TOLERANCE = 15.0  # per cent
MAX_MEMORY = 1.2  # GB
SECONDS_SHOWN = (1, 2, 5, 10, 20, 50, 100)
DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"
PHASES = {
    "pca": "key:expanded_digits or key:expanded_moments or key:expanded_mean or key:expanded_covariance "
    "or key:expanded_eigendecomposition",
    "knn": "key:expanded_neighbors or key:expanded_knn",
}
TITLES = {"pca": "PCA: folds to eigenvectors", "knn": "exact k-NN of 1,000 queries"}
OUTPUT = ROOT / "benchmarks"

Measured = list[dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", default=",".join(map(str, FOLDS)), help="Sizes, in folds of 60,000 images.")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="Where scaling.json and scaling.png go.")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one_size()))
        return
    described = environment.describe()
    print(environment.summary(described))
    others = environment.OthersWatch()
    measured = [_fresh(folds) for folds in sorted(int(each) for each in given.folds.split(","))]
    section = Section("Growth of the expanded set", _rows(measured), _notes(measured), {"sizes": measured})
    print(f"\n{table(measured)}\n\n{text([section])}\n\n{tally([section])}")
    busy = others.cores()
    if busy > environment.QUIET:
        print(f"WARNING: others used {busy:.1f} cores meanwhile: times will not repeat.")
    given.output.mkdir(parents=True, exist_ok=True)
    document = {"environment": described, "others_cores": round(busy, 2), **section.as_json()}
    (given.output / "scaling.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    draw(given.output / "scaling.png", measured)


def _fresh(folds: int) -> dict[str, Any]:
    """Measure one size in a process and a storage of its own."""
    with tempfile.TemporaryDirectory(prefix="scaling-") as storage:
        own = {"MNIST_PIPELINE_STORAGE": storage, "DAGSTER_HOME": f"{storage}/dagster"}
        own |= {"MNIST_PIPELINE_FOLDS": str(folds), "MNIST_PIPELINE_EXECUTOR": "in_process"}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scaling", "--one"],
            cwd=ROOT, env={**os.environ, **own}, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise BenchmarkError(f"{folds} folds failed; see above")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    phases = ", ".join(f"{name} {measured[name]['seconds']:.1f} s" for name in PHASES if name in measured)
    print(f"  {folds * FOLD_SIZE:>9,} images: {phases}, peak {measured['peak_gb']:.2f} GB", flush=True)
    return measured


def one_size() -> dict[str, Any]:
    """In the process of its own: each phase's seconds, in all and fold by fold, and the peak of memory."""
    with contextlib.redirect_stdout(sys.stderr):
        start = time.perf_counter()
        from mnist_pipeline.cli import preparation, selection
        from mnist_pipeline.runtime import settings
        from mnist_pipeline.runtime.graph import run_lock

        preparation.prepare()
        import dagster as dg

        folds = settings.load().folds
        measured: dict[str, Any] = {"folds": folds, "images": folds * FOLD_SIZE}
        with run_lock.storage_lock(print), dg.DagsterInstance.get() as instance:
            list(_stages(instance, selection.select_assets(DIGITS)))
            measured["start_seconds"] = time.perf_counter() - start
            for name, assets in PHASES.items():
                if name == "pca" or folds <= MAX_SEARCHED:
                    measured[name] = _phase(instance, selection.select_assets(assets))
    measured["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return measured


def _phase(instance: Any, selected: Any) -> dict[str, Any]:
    start, cpu = time.perf_counter(), time.process_time()
    by_fold, whole = [], 0.0
    for folds, elapsed in _stages(instance, selected):
        by_fold += folds
        whole += 0.0 if folds else elapsed
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "whole_seconds": whole,
        "fold_seconds": by_fold,
    }


def _stages(instance: Any, selected: Any) -> Iterator[tuple[list[float], float]]:
    """Carry out each stage as the command line does, and say how long each of its folds, or the stage, took."""
    from mnist_pipeline.cli import configuration, execution, waves

    config = configuration.load_run_config(None, selected)
    for wave in waves.all_waves(instance, selected):
        start = time.perf_counter()
        if wave[0].partition is None:
            failures, by_fold = execution.run_wave(instance, wave, config), []
        else:
            done = [execution.run_fold(task) for task in execution.fold_tasks(wave, config)]
            failures, by_fold = [line for each in done for line in each.failures], [each.seconds for each in done]
        if failures:
            raise SystemExit("\n".join(failures))
        yield by_fold, time.perf_counter() - start


def series(measured: Measured, phase: str, clock: str = "seconds") -> tuple[np.ndarray, np.ndarray]:
    """Folds and seconds of a phase, of the wall or of the processor."""
    rows = [(each["folds"], each[phase][clock]) for each in measured if phase in each]
    folds, times = np.array(rows).T
    return folds, times


def fit(folds: np.ndarray, times: np.ndarray) -> tuple[float, float]:
    """a and b of seconds = a + b·folds, each size weighted as its relative error; a is no less than 0."""
    if len(folds) < 2:
        return 0.0, float(times[0] / folds[0])
    b, a = np.polyfit(folds, times, 1, w=1 / times)
    if a < 0:
        return 0.0, float(np.mean(times / folds))
    return float(a), float(b)


def _rows(measured: Measured) -> list[Row]:
    rows = []
    for phase, title in TITLES.items():
        folds, times = series(measured, phase)
        fixed, each = fit(folds, times)
        departure = np.abs(times / (fixed + each * folds) - 1) * 100
        named = f"N = {int(folds[0]) * FOLD_SIZE:,} → {int(folds[-1]) * FOLD_SIZE:,}"
        rows.append(
            Row(
                f"{title}: departure from a + b·N", float(departure.max()), "%", at_most(TOLERANCE),
                samples=len(folds), ours=f"a = {seconds(fixed)}, b = {seconds(each)} a fold", agreement=named,
            )
        )  # fmt: skip
        _, cpu = series(measured, phase, "cpu_seconds")
        fixed, each = fit(folds, cpu)
        departure = np.abs(cpu / (fixed + each * folds) - 1) * 100
        rows.append(
            Row(
                f"{title}: the same of processor seconds", float(departure.max()), "%", samples=len(folds),
                ours=f"a = {seconds(fixed)}, b = {seconds(each)} per fold", agreement="other processes count little",
            )
        )  # fmt: skip
        larger = folds >= folds[-1] / 4
        per_fold = times[larger] / folds[larger]
        rows.append(
            Row(
                f"{title}: time ÷ N at a quarter of the largest N over that at the largest, nothing taken off",
                float(abs(per_fold[0] / per_fold[-1] - 1) * 100), "%", at_most(TOLERANCE), samples=2,
                ours=f"{seconds(per_fold[0])} and {seconds(per_fold[-1])} a fold",
            )
        )  # fmt: skip
    peaks = [each["peak_gb"] for each in measured]
    curve = " → ".join(f"{peak:.2f}" for peak in peaks)
    rows.append(Row("Peak memory of the process", max(peaks), " GB", at_most(MAX_MEMORY), ours=f"{curve} GB"))
    return rows


def _notes(measured: Measured) -> list[str]:
    start = np.median([each["start_seconds"] for each in measured])
    return [
        f"apart from it, the start: imports, instance, reading the digits, {seconds(float(start))} (median)",
        "a is the time of what is done once: the first use of compiled code, the eigendecomposition, the figures",
    ]


def table(measured: Measured) -> str:
    """One line a size: seconds in all, of the whole-set part, and of the median fold; and the peak of memory."""
    lines = [
        f"{'images':>10} {'':4} {'seconds':>8} {'whole set':>10} {'a fold':>8} {'÷ N':>9} {'processor':>10} {'peak':>8}"
    ]
    for each in measured:
        for phase in PHASES:
            if phase in each:
                found = each[phase]
                lines.append(
                    f"{each['images']:>10,} {phase:4} {found['seconds']:>8.1f} {found['whole_seconds']:>10.2f} "
                    f"{np.median(found['fold_seconds']):>8.2f} {found['seconds'] / each['images'] * 1e6:>6.1f} µs "
                    f"{found['cpu_seconds']:>10.1f} "
                    f"{each['peak_gb']:>5.2f} GB"
                )
    return "\n".join(lines)


def draw(path: Path, measured: Measured) -> None:
    """Seconds and memory over N, each with its target."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    from mnist_pipeline.report.figures.style import COLORS, GRID, INK, STYLE

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        times, memory = figure.subplots(1, 2)
        for color, (phase, title) in zip(COLORS, TITLES.items(), strict=False):
            folds, elapsed = series(measured, phase)
            fixed, each = fit(folds, elapsed)
            between = np.geomspace(folds[0], folds[-1])
            times.plot(between * FOLD_SIZE, fixed + each * between, color=color, linewidth=1)
            times.plot(
                folds * FOLD_SIZE, elapsed, "o", color=color, label=f"{title}: {fixed:.1f} + {each:.2f} s a fold"
            )
        times.set(xscale="log", yscale="log", title="seconds", xlabel="images N")
        times.set_yticks(SECONDS_SHOWN, [str(seconds) for seconds in SECONDS_SHOWN])
        times.yaxis.set_minor_formatter(NullFormatter())
        times.legend(fontsize=7)
        sizes, peaks = [each["images"] for each in measured], [each["peak_gb"] for each in measured]
        memory.plot(sizes, peaks, "o-", color=COLORS[0])
        memory.axhline(MAX_MEMORY, color=INK, linewidth=1, linestyle="--")
        memory.set(
            xscale="log", ylim=(0, 1.1 * MAX_MEMORY), title="peak memory, GB (dashed: the limit)", xlabel="images N"
        )
        for axes in (times, memory):
            _ticks(axes, sizes)
            axes.grid(color=GRID, linewidth=0.6)
        figure.savefig(path, dpi=130)


def _ticks(axes: Any, sizes: Sequence[int]) -> None:
    from matplotlib.ticker import NullFormatter

    axes.set_xticks(sizes, [f"{size / 1e6:g} M" if size >= 1e6 else f"{size / 1e3:g}k" for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())


if __name__ == "__main__":
    main()
