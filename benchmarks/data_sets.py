"""Whole runs on MNIST and Fashion-MNIST: the mean test accuracy over 3 seeds, and the mean error on
1,000 test digits of MNIST with eight corruptions of MNIST-C. The variations of the CNN's training
resemble seven of them (`LIKE_TRAINING` in `mnist_pipeline.evaluation.robustness`).

Fashion-MNIST is read where docs/data-sets.md downloads it, or where Debian's package writes it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from benchmarks.bench import DATA, Bench, BenchmarkError
from benchmarks.commands import run_command
from benchmarks.table import Table, mean_with_range
from mnist_pipeline.methods.table import MODELS

NUM_SEEDS = 3
FASHION = (DATA / "FashionMNIST", Path("/usr/share/datasets/fashion-mnist"))


def measure(bench: Bench) -> Table:
    """A row per data set, and the mean over the corruptions."""
    fashion = next((path for path in FASHION if path.exists()), None)
    if fashion is None:
        raise BenchmarkError("Fashion-MNIST is absent; docs/data-sets.md downloads it")
    reports = {
        "MNIST": _reports(bench, DATA, num_disturbed=1_000),
        "Fashion-MNIST": _reports(bench, fashion, num_disturbed=1),
    }
    table = Table("Data sets", ("", *(model.title for model in MODELS.values())))
    for title, documents in reports.items():
        models = [document["models"] for document in documents]
        table.rows.append(_row(f"{title}, accuracy", models, "accuracy"))
    robust = [document["robustness"]["models"] for document in reports["MNIST"]]
    table.rows.append(_row("corrupted digits, error", robust, "corruption_error"))
    return table


def _row(title: str, seeds: list[dict[str, Any]], key: str) -> tuple[str, ...]:
    """The mean over the seeds, for each model."""
    return title, *(mean_with_range([models[name][key] for models in seeds]) for name in MODELS)


def _reports(bench: Bench, data: Path, num_disturbed: int) -> list[dict[str, Any]]:
    """The `report.json` of a run per seed."""
    documents = []
    for seed in range(NUM_SEEDS):
        root = Path(bench.scratch.name, f"{data.name}, seed {seed}")
        root.mkdir()
        configuration = root / "run.yaml"
        settings = {
            "ops": {"robustness": {"config": {"num_images": num_disturbed}}},
            "resources": {"mnist_seed": {"config": {"value": seed}}},
        }
        configuration.write_text(yaml.safe_dump(settings), encoding="utf-8")
        variables = {"MNIST_PIPELINE_DATA": str(data)}
        cost = run_command(
            bench, root / "storage", "run", "--config", str(configuration), **variables
        )
        report = root / "storage" / "report" / "report.json"
        documents.append(json.loads(report.read_text(encoding="utf-8")))
        bench.say(f"  {data.name}, seed {seed}: {cost.wall:.0f} s")
    return documents
