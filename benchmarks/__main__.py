"""Measure the sections and print their tables: `python -m benchmarks [--only NAME …]`."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

from benchmarks import environment
from benchmarks.bench import Bench, BenchmarkError

# Torch's threads are loaded late, because they would disturb the sections before.
SECTIONS = ("knn", "pca", "softmax", "growth", "networks", "layers", "commands", "page")
BY_REQUEST = ("recognition", "pictures", "labels", "limits")  # each takes minutes


def main() -> int:
    """Print progress while the sections run, and all tables at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=(*SECTIONS, *BY_REQUEST),
        help="only this section; may be repeated",
    )
    arguments = parser.parse_args()
    try:
        environment.require()
        bench = Bench.load()
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    tables = []
    failed = []
    for name in arguments.only or SECTIONS:
        bench.say(name)
        watch = environment.OthersWatch()
        try:
            measured = importlib.import_module(f"benchmarks.{name}").measure(bench)
        except Exception:  # the other sections still run
            traceback.print_exc()
            failed.append(name)
            continue
        warning = watch.warning()
        tables += measured if isinstance(measured, list) else [measured]
        if warning:
            tables[-1].notes.append(warning)
    minutes = (time.perf_counter() - bench.started) / 60
    print(f"\n{environment.describe()}\n")
    print("\n".join(table.markdown() for table in tables))
    print(f"Measured in {minutes:.0f} minutes.")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
