"""Limits and leaks of whole runs: `python -m benchmarks.soak [--runs 20] [--slice]`, or `make soak`.

One run under a hard limit of 2 GB of address space, as a command of its own; then many runs in a row in one process,
and the remains after each: memory, threads, open files, stored files and bytes, bytes of the Dagster instance.
Exits with 1 if the limited run fails, a run fails, its peak is too high, or something leaks.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import ROOT

ADDRESS_SPACE = 2_000_000_000
MAX_PEAK = 1_200_000_000
WARM_UP = 5  # runs until caches are filled and threads started
MAX_GROWTH = 2_000_000  # bytes of memory a run; the allocator's noise is about a tenth
MAX_INSTANCE = 4_000_000  # bytes per run, as documented in docs/reliability.md
# pandas imports pyarrow if the extra `parquet` is installed, which takes 165 MB more of address space.
WITHOUT_PARQUET = """
import sys
sys.modules["pyarrow"] = None
from mnist_pipeline.cli.__main__ import main
main()
"""
HEADER = "{:>4} {:>11} {:>8} {:>6} {:>13} {:>11} {:>12}"
LINE = "{:>4} {:>8.0f} MB {:>8} {:>6} {:>13} {:>8.1f} MB {:>9.1f} MB"


@dataclass(frozen=True)
class State:
    """What there is after a run: bytes resident, threads, open files; files and bytes stored; bytes of records.

    Records are the Dagster instance, and what is known of former values.
    """

    resident: int
    threads: int
    open_files: int
    stored_files: int
    stored: int
    instance: int


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as directory:
        _store_in(Path(directory) / "limited")
        faults = _limited()
        storage = Path(directory) / "storage"
        _store_in(storage)
        if arguments.slice:
            os.environ["MNIST_PIPELINE_DATA"] = str(_write_slice(Path(directory) / "slice"))
        faults += _leaks(_soak(arguments.runs, storage))
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "Nothing leaks.")
    return 1 if faults else 0


def _store_in(storage: Path) -> None:
    """Use this storage from now on, with a Dagster instance that a command prepares."""
    os.environ |= {"MNIST_PIPELINE_STORAGE": str(storage), "DAGSTER_HOME": str(storage / "dagster")}
    subprocess.run([sys.executable, "-m", "mnist_pipeline.cli", "prune"], cwd=ROOT, capture_output=True, check=True)


def _write_slice(directory: Path) -> Path:
    """The first digits of each set as IDX files."""
    from mnist_pipeline.data.datasets import load_digits

    directory.mkdir()
    for split, name, size in (("train", "train", 2_000), ("test", "t10k", 500)):
        digits = load_digits(ROOT / "data", split)
        for kind, array in (("images-idx3", digits.images[:size]), ("labels-idx1", digits.labels[:size])):
            header = struct.pack(f">{array.ndim + 1}I", 2048 + array.ndim, *array.shape)
            (directory / f"{name}-{kind}-ubyte").write_bytes(header + array.tobytes())
    return directory


def _limited() -> list[str]:
    """One run as a command, its address space limited: the first of all, which compiles and needs the most."""
    command = [sys.executable, "-c", WITHOUT_PARQUET, "run"]
    limits = (ADDRESS_SPACE, ADDRESS_SPACE)
    with tempfile.TemporaryDirectory() as compiled:
        outcome = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "NUMBA_CACHE_DIR": compiled},
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits),
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(
        f"A first run in {ADDRESS_SPACE / 1e9:.0f} GB of address space: exit status {outcome.returncode}, "
        f"peak {peak / 1e9:.2f} GB resident (at most {MAX_PEAK / 1e9:.1f})",
        flush=True,
    )
    faults = [f"the limited run failed: {outcome.stderr.strip()[-500:]}"] if outcome.returncode else []
    return faults + ([f"peak memory is {peak / 1e9:.2f} GB"] if peak > MAX_PEAK else [])


def _soak(num_runs: int, storage: Path) -> list[State]:
    """Whole runs in a row in this process."""
    import dagster as dg

    from mnist_pipeline.cli import configuration, execution, selection

    print(f"\n{num_runs} runs in a row in one process")
    print(HEADER.format("run", "resident", "threads", "open", "stored files", "stored", "instance"))
    states = []
    with dg.DagsterInstance.get() as instance:
        selected = selection.select_assets("*")
        config = configuration.load_run_config(None, selected)
        for number in range(1, num_runs + 1):
            with open(os.devnull, "w") as sink:  # noqa: PTH123  # the console's lines are not looked at
                outcome = _quietly(sink.fileno(), lambda: execution.materialize(instance, selected, config))
            if not outcome.success:
                raise SystemExit("\n".join(execution.failures(outcome)))
            del outcome
            state = _state(storage)
            states.append(state)
            row = (state.threads, state.open_files, state.stored_files, state.stored / 1e6, state.instance / 1e6)
            print(LINE.format(number, state.resident / 1e6, *row), flush=True)
    return states


def _quietly(sink: int, work):  # type: ignore[no-untyped-def]
    """Do some work with standard output and error into a sink."""
    kept = [os.dup(stream) for stream in (1, 2)]
    for stream in (1, 2):
        os.dup2(sink, stream)
    try:
        return work()
    finally:
        for stream, copy in zip((1, 2), kept):
            os.dup2(copy, stream)
            os.close(copy)


def _state(storage: Path) -> State:
    gc.collect()
    instance, values = [], []
    for file in storage.rglob("*"):
        if file.is_file():
            first, *_ = file.relative_to(storage).parts
            is_record = first == "dagster" or (first == "versions" and file.suffix == ".json")  # both grow until pruned
            (instance if is_record else values).append(file)
    return State(
        resident=int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize(),
        threads=len(list(Path("/proc/self/task").iterdir())),
        open_files=len(list(Path("/proc/self/fd").iterdir())),
        stored_files=len(values),
        stored=sum(file.stat().st_size for file in values),
        instance=sum(file.stat().st_size for file in instance),
    )


def _leaks(states: Sequence[State]) -> list[str]:
    """What grows from run to run, once warm."""
    warm = states[min(WARM_UP, len(states) - 1) :]
    faults = []
    for name in ("threads", "open_files", "stored_files"):
        values = [getattr(state, name) for state in warm]
        if values[-1] > values[0]:
            faults.append(f"{name.replace('_', ' ')} grew from {values[0]} to {values[-1]}")
    if len(warm) > 2:
        growth, instance = _slope([s.resident for s in warm]), _slope([s.instance for s in warm])
        print(
            f"A run adds {growth / 1e6:.2f} MB of memory and {instance / 1e6:.2f} MB to the instance (median slopes)."
        )
        faults += [f"memory grows by {growth / 1e6:.1f} MB a run"] if growth > MAX_GROWTH else []
        faults += [f"the instance grows by {instance / 1e6:.1f} MB a run"] if instance > MAX_INSTANCE else []
    return faults


def _slope(values: Sequence[int]) -> float:
    """Median slope over all pairs (Theil and Sen): one noisy run does not move it."""
    pairs = [(i, j) for i in range(len(values)) for j in range(i + 1, len(values))]
    return statistics.median((values[j] - values[i]) / (j - i) for i, j in pairs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="runs in a row (20)")
    parser.add_argument(
        "--slice", action="store_true", help="the runs in a row over the first 2,000 and 500 digits, not all"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
