"""The contents of a data set, as text."""

from collections.abc import Mapping
from pathlib import Path

import click

from mnist_pipeline.data.findings import Findings
from mnist_pipeline.data.findings import inspect as inspect_data
from mnist_pipeline.report import figures
from mnist_pipeline.utils.printable import printable, shortened

MAX_LINES = 40  # of classes; further classes are counted
MAX_LETTERS = 40  # of a class name
MAX_KINDS = 8


def print_findings(path: Path) -> int:
    """Print what is in a data set; return the exit code, 1 if a run could not use it."""
    findings = inspect_data(path, _show_progress)
    letters = "".join(findings.class_names)
    # Importing Matplotlib takes a third of a second.
    missing = "" if letters.isascii() else figures.fallback_fonts(frozenset(letters))[1]
    if missing:
        findings.warnings.append(
            f"no font here has {missing}, so figures show boxes; install a font that has it, such "
            "as Noto Sans CJK (package fonts-noto-cjk) for 猫"
        )
    click.echo("\n".join(map(printable, _lines(path, findings))))
    return int(bool(findings.problems))


def _show_progress(num_read: int, total: int) -> None:
    click.echo(f"{num_read:,} of {total:,} images", err=True)


def _lines(path: Path, findings: Findings) -> list[str]:
    """The findings as lines of text."""
    train, test = findings.counts["train"], findings.counts["test"]
    names, total = findings.class_names, sum(train) + sum(test)
    shown = [shortened(name, MAX_LETTERS) for name in names[:MAX_LINES]]
    width = max(map(len, [*shown, "all 000 classes"]))
    lines = [f"{path}: {findings.layout}, {total:,} images in {len(names)} classes", ""]
    lines.append(f"  {'class':<{width}}{'train':>10}{'choose':>10}{'test':>10}")
    held_out = findings.held_out
    kept = [total - chosen for total, chosen in zip(train, held_out, strict=True)]
    columns = [kept, held_out, test]
    if sum(findings.groups) < total:
        lines[-1] += f"{'groups':>10}"
        columns.append(findings.groups)
    rows = [*zip(shown, *(column[:MAX_LINES] for column in columns), strict=True)]
    rows.append((f"all {len(names)} classes", *map(sum, columns)))
    lines += [f"  {name:<{width}}{''.join(f'{n:>10,}' for n in counts)}" for name, *counts in rows]
    lines += ["", f"  sizes and colours: {_kinds(findings.kinds)}", ""]
    lines += [f"  note: {note}" for note in findings.notes]
    lines += [f"  warning: {warning}" for warning in findings.warnings]
    lines += [f"  problem: {problem}" for problem in findings.problems]
    command = f"MNIST_PIPELINE_DATA={path} mnist-pipeline run"
    lines.append("  can't be used" if findings.problems else f"  can be used: {command}")
    return lines


def _kinds(kinds: Mapping[str, int]) -> str:
    """The number of images per original size and colour, in the order of `Findings`."""
    shown = [f"{kind} ({number:,})" for kind, number in kinds.items()]
    return ", ".join(shown[:MAX_KINDS] + ["others"] * (len(kinds) > MAX_KINDS))
