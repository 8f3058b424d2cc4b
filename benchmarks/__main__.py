"""Measure the sections, and write them into docs/benchmarks.md.

A section that fails stays as it was.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from pathlib import Path

from benchmarks import environment, table
from benchmarks.bench import Bench, BenchmarkError

# Torch's threads are loaded late, because they would disturb the sections before.
SECTIONS = (
    *("knn", "pca", "softmax", "growth", "networks", "commands", "page", "signs"),
    *("recognition", "small_sets", "labels", "data_sets"),
)
LONG = ("limits", "server")  # sections that run only when they are named


def main() -> int:
    """Print progress, and write a section as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=(*SECTIONS, *LONG),
        help="only this section; may be repeated",
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="DIRECTORY",
        help="with --only recognition: read pictures of your own, and only print their table",
    )
    arguments = parser.parse_args()
    try:
        environment.require()
        bench = Bench.load(arguments.pictures)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    print(environment.libraries())
    failed = []
    for name in arguments.only or SECTIONS:
        bench.say(name)
        try:
            module = importlib.import_module(f"benchmarks.{name}")
            measured = module.measure(bench)
            tables = measured if isinstance(measured, list) else [measured]
            text = table.section(module.__doc__, environment.origin(), tables)
            if bench.pictures is None:
                table.write(tables[0].title, text)
        except Exception:  # the other sections still run
            traceback.print_exc()
            failed.append(name)
        else:
            print(f"\n{text}\n")
    minutes = (time.perf_counter() - bench.started) / 60
    print(f"Measured in {minutes:.0f} minutes.")
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
