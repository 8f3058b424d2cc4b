"""The page "Add a model", carried out in a copy of the project: the new model appears wherever
models do.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from support.graph_fixtures import environment, networks_config

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow
TABLE = "mnist_pipeline/methods/table.py"
PLACES = ("# Import a further method here", "    # Add a model here")  # in the table
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NAME, TITLE = "logistic", "Logistic regression"
ALL = [*MODELS, NAME]
# What the copy shows of its models, as JSON.
FACTS = """
import json
from assets.definitions import defs
from mnist_pipeline.runtime.storage import storage

graph, stored = defs.resolve_asset_graph(), storage.current()
keys = graph.materializable_asset_keys
new = [graph.get(key) for key in keys if key.path[-1].startswith("logistic")]
checks = [f"{key.asset_key.path[-1]}.{key.name}" for key in graph.asset_check_keys]
print(json.dumps({
    "assets": {node.key.path[-1]: [node.group_name, node.tags.get("model")] for node in new},
    "jobs": [job.name for job in defs.resolve_all_job_defs()],
    "checks": [name for name in checks if name.startswith("logistic")],
    "candidates": stored.origin("champion")["metadata"]["candidates"].split(", "),
    "config": stored.origin("logistic_model")["metadata"]["config"],
    "recognizer": list(stored.read("recognizer").model_names),
    "report": stored.read("evaluation_report").document,
    "report_page": stored.read("evaluation_report").html,
}))
"""


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """The files that code on the page belongs to, and the code."""
    return BLOCK.findall((PROJECT / "docs" / "add-a-model.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(
    blocks: list[tuple[str, str]], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Runs Python in a copy of the project in which the page was carried out and the graph was run
    on a slice.
    """
    copy = tmp_path_factory.mktemp("project")
    for package in ("assets", "mnist_pipeline"):
        shutil.copytree(
            PROJECT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(PROJECT / "pyproject.toml", copy)
    places = iter(PLACES)
    for name, code in blocks:
        path = copy / name
        if name == TABLE:
            before, place, after = path.read_text(encoding="utf-8").partition(next(places))
            assert place
            code = before + code + place + after
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
    (copy / "sweep.yaml").write_text(
        f"- {{model: {NAME}, size: [100, all], penalty: [0.0001, 0.1]}}"
    )
    own = {"PYTHONPATH": str(copy), "MNIST_PIPELINE_EXPERIMENTS": str(copy / "sweep.yaml")}
    variables = {**os.environ, **environment(slice_directory, copy / "storage"), **own}

    def run_python(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=copy, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    config = networks_config(copy / "run.yaml", recipe="NOTEBOOK")
    assert f"check failed: {NAME}" not in run_python(
        "-m", "mnist_pipeline.cli", "run", "--config", config
    )
    return run_python


@pytest.fixture(scope="module")
def facts(run: Callable[..., str]) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(run("-c", FACTS).splitlines()[-1])
    return found


def test_the_page_touches_few_files_and_edits_only_the_table(blocks: list[tuple[str, str]]) -> None:
    files = {name for name, _ in blocks}
    assert len(files) == 3
    assert sum(len(code.splitlines()) for _, code in blocks) <= 120
    assert [name for name in files if (PROJECT / name).exists()] == [TABLE]


def test_the_new_model_has_its_assets_with_group_tag_job_and_checks(
    facts: Mapping[str, Any],
) -> None:
    groups = {"model": NAME, "predictions": NAME, "evaluation": "evaluation"}
    assert facts["assets"] == {f"{NAME}_{kind}": [group, NAME] for kind, group in groups.items()}
    assert NAME in facts["jobs"]
    assert facts["config"] == {"penalty": 1e-4, "iterations": 50}
    assert facts["checks"] == [f"{NAME}_evaluation.better_than_guessing"]


def test_it_is_compared_a_candidate_disturbed_served_and_in_the_report(
    facts: Mapping[str, Any],
) -> None:
    document, page = facts["report"], facts["report_page"]
    comparison = document["comparison"]
    for found in (
        facts["candidates"],
        facts["recognizer"],
        comparison["models"],
        document["models"],
        document["errors"],
        document["robustness"]["models"],
    ):
        assert set(found) == set(ALL)
    assert len(comparison["pairs"]) == len(ALL) * (len(ALL) - 1) // 2
    assert document["models"][NAME]["accuracy"] > 0.8
    assert document["models"][NAME]["seconds"] > 0
    for part in (
        f'id="{NAME}"><summary><h3>{TITLE}</h3>',
        f'data-model="{NAME}"',
        f"figure-reliability_{NAME}",
        "Five models",
        "all 1,833 images",
        f"does not compute the answer of {TITLE.lower()}",
    ):
        assert part in page


def test_compare_lists_it(run: Callable[..., str], facts: Mapping[str, Any]) -> None:
    of_run = facts["report"]["run"]["id"]
    compared = json.loads(run("-m", "mnist_pipeline.cli", "compare", of_run, of_run, "--json"))
    assert [pair["after"]["model"] for pair in compared["models"]] == ALL


def test_predict_answers_with_it(
    run: Callable[..., str], small_train: DigitSet, tmp_path: Path
) -> None:
    picture = tmp_path / "digit.png"
    PIL.Image.fromarray(
        255 - np.kron(np.pad(small_train.images[5], 20), np.ones((4, 4), np.uint8))
    ).save(picture)
    (found,) = json.loads(run("-m", "mnist_pipeline.cli", "predict", str(picture), "--json"))
    (digit,) = found["digits"]
    assert list(digit["models"]) == ALL
    assert sum(digit["models"][NAME]["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_it_can_be_swept_over_its_settings(run: Callable[..., str]) -> None:
    run("-m", "mnist_pipeline.cli", "run", "--select", "group:experiments")
    table = (
        "from mnist_pipeline import read; "
        "print(read('experiment_summary').to_json(orient='records'))"
    )
    rows = json.loads(run("-c", table))
    assert {(row["size"], row["settings"]) for row in rows} == {
        (size, settings) for size in (100, 1_833) for settings in ("default", "penalty 0.1")
    }
    assert all(row["test_accuracy"] > 0.5 for row in rows)
