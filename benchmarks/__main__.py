"""Measure, print the table, write it and its figure: `python -m benchmarks [--quick] [--only NAME …]`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks import environment, history, plot, table
from benchmarks.bench import FASHION, Bench
from mnist_pipeline.data.datasets import DatasetError

# In this order: the pipeline is compared with the results of the others, and torch's threads are loaded late.
SECTIONS = ("knn", "softmax", "pca", "growth", "training", "pipeline", "waits")
EXTRAS = ("answering", "ladder", "peers", "threads")  # they take long, and run only if named
HERE = Path(__file__).resolve().parent


def main() -> int:
    arguments = _arguments()
    try:
        environment.require()
        bench = Bench.load(arguments.quick, arguments.fashion)
    except (environment.BenchmarkError, DatasetError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    description = environment.describe()
    print(environment.summary(description), flush=True)
    chosen = [name for name in SECTIONS + EXTRAS if name in (arguments.only or SECTIONS)]
    measured, failures = _measure_all(bench, chosen)
    wall = time.perf_counter() - bench.started
    sections = list(measured.values())
    print(f"\n{table.text(sections)}\n\n{table.tally(sections)}\n{len(chosen)} sections in {wall:.0f} s.")
    document = {"environment": description, "quick": arguments.quick, "wall_seconds": wall}
    document["sections"] = {name: section.as_json() for name, section in measured.items()}
    row = history.entry(description, [row for section in document["sections"].values() for row in section["rows"]])
    print("\n".join(history.slower(row)))
    is_whole = not arguments.quick and chosen == list(SECTIONS) and not failures
    output = arguments.output or (HERE if is_whole else None)
    if output:
        _write(output, document, sections)
        if output == HERE:
            history.plot(history.add(row))
    else:
        print("Nothing is written unless a full run measures every section; --output DIR writes this one.")
    for name, reason in failures.items():
        print(f"COULD NOT RUN: {name}: {reason}", file=sys.stderr)
    return 1 if failures else 0


def _measure_all(bench: Bench, names: list[str]) -> tuple[dict[str, table.Section], dict[str, str]]:
    """Run the sections; if one fails, the others still run."""
    measured: dict[str, table.Section] = {}
    failures: dict[str, str] = {}
    for name in names:
        bench.say(name)
        start, watch = time.perf_counter(), environment.OthersWatch()
        try:
            section = importlib.import_module(f"benchmarks.{name}").measure(bench)
        except Exception as error:
            traceback.print_exc()
            failures[name] = f"{type(error).__name__}: {error}"
            continue
        pools = environment.thread_pools()
        section.notes.append(environment.describe_pools(pools))
        others = watch.cores()
        if others > environment.QUIET:
            section.notes.append(f"WARNING: other processes used {others:.2f} cores; repeat on an idle machine")
        section.details |= {"thread_pools": pools, "wall_seconds": time.perf_counter() - start, "others_cores": others}
        measured[name] = section
    return measured, failures


def _write(output: Path, document: dict[str, Any], sections: list[table.Section]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (output / "results.json").write_text(text, encoding="utf-8")
    (output / "results.md").write_text(table.markdown(sections), encoding="utf-8")
    plot.write(output / "results.png", sections)
    print(f"Written: {', '.join(str(output / f'results.{suffix}') for suffix in ('json', 'md', 'png'))}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about 3 minutes instead of 15")
    parser.add_argument("--only", action="append", choices=SECTIONS + EXTRAS, help="this section only; may be repeated")
    parser.add_argument("--fashion", type=Path, default=FASHION, metavar="DIR", help=f"default: {FASHION}")
    parser.add_argument("--output", type=Path, metavar="DIR", help="where to write (default: here, if all is measured)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
