"""Measure the sections and write their tables into docs/benchmarks.md.

`python -m benchmarks` measures all sections that take a few minutes at most, and `python -m
benchmarks --only NAME` one of them. The tables of a section that fails stay as they were.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

from benchmarks import environment, results
from benchmarks.bench import Bench, BenchmarkError

# Torch's threads are loaded late, because they would disturb the sections before.
SECTIONS = ("knn", "pca", "softmax", "growth", "networks", "layers", "commands", "page")
# Each takes minutes.
BY_REQUEST = ("recognition", "pictures", "labels", "limits", "data_sets")


def main() -> int:
    """Print progress, and write the tables of a section as soon as it is measured."""
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
    print(environment.libraries())
    failed = []
    for name in arguments.only or SECTIONS:
        bench.say(name)
        watch = environment.OthersWatch()
        try:
            section = importlib.import_module(f"benchmarks.{name}")
            measured = section.measure(bench)
            tables = measured if isinstance(measured, list) else [measured]
            origin = environment.origin() + watch.warning()
            block = results.block(section.__doc__, origin, tables)
            results.write(name, block)
        except Exception:  # the other sections still run
            traceback.print_exc()
            failed.append(name)
        else:
            print(f"\n{block}\n")
    minutes = (time.perf_counter() - bench.started) / 60
    print(f"Measured in {minutes:.0f} minutes; the tables are in docs/benchmarks.md.")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
