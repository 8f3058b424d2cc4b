"""The page "Add a model", carried out in a copy of the project: the new model appears wherever models do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from support.graph_fixtures import environment

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.settings import PROJECT

pytestmark = pytest.mark.slow
PAGE = PROJECT / "docs" / "add-a-model.md"
TABLE = "mnist_pipeline/models.py"
PLACE = "    # Add a model here"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
NAME, TITLE, COLOR = "logistic", "Logistic regression", "#832db6"
ALL = [*MODELS, NAME]
# What the copy says of itself, as JSON.
FACTS = """
import json, sys
from pathlib import Path
import dagster as dg
from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.report import figures
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.ui import draw
from starlette.applications import Starlette
from starlette.testclient import TestClient

graph = defs.resolve_asset_graph()
specs = {key.path[-1]: graph.get(key) for key in graph.materializable_asset_keys}
new = {name: node for name, node in specs.items() if name.startswith("logistic")}
with dg.DagsterInstance.get() as instance:
    def metadata(name):
        found = instance.get_latest_materialization_event(dg.AssetKey(name)).asset_materialization.metadata
        return {key: value.value for key, value in found.items()}
    candidates = metadata("champion")["candidates"].split(", ")
    config = metadata("logistic_model")["config"]
    ran = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key for key in graph.asset_check_keys if key.asset_key.path[-1] in new]
    )
    checks = {f"{key.asset_key.path[-1]}.{key.name}": record.status.value for key, record in ran.items()}
across = figures.across({"slice": {name: (0.9, 0.8, 0.95) for name in MODELS}})
print(json.dumps({
    "groups": {name: node.group_name for name, node in new.items()},
    "tags": {name: node.tags.get("model") for name, node in new.items()},
    "jobs": [job.name for job in defs.resolve_all_job_defs()],
    "candidates": candidates,
    "config": config,
    "checks": checks,
    "floors": {name: model.mnist_floor for name, model in MODELS.items()},
    "robustness": sorted(set(read("robustness")["model"])),
    "recognizer": list(read("recognizer").model_names),
    "legend": {line.get_label(): line.get_color() for line in across.axes[0].lines},
    "page": TestClient(Starlette(routes=draw.routes("recognizer", MODELS))).get(draw.DRAW).text,
    "answer": draw.Reader("recognizer").read(Path(sys.argv[1]).read_bytes()),
}))
"""


@pytest.fixture(scope="module")
def blocks() -> dict[str, str]:
    """The code on the page by the file that it belongs to."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.fixture(scope="module")
def copy(blocks: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the page was carried out."""
    directory = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("assets", "mnist_pipeline"):
        shutil.copytree(PROJECT / package, directory / package, ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", directory)
    for name, code in blocks.items():
        path = directory / name
        if path.exists():
            before, place, after = path.read_text(encoding="utf-8").rpartition(PLACE)
            assert place
            code = before + code + place + after
        path.write_text(code, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def variables(copy: Path, slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found = environment(slice_directory, tmp_path_factory.mktemp("results") / "storage")
    return {**os.environ, **found, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture(scope="module")
def storage(copy: Path, variables: dict[str, str]) -> Path:
    """The results of a run of the copy's graph on a slice."""
    _run(copy, variables, "-m", "mnist_pipeline.cli", "run")
    return Path(variables["MNIST_PIPELINE_STORAGE"])


@pytest.fixture(scope="module")
def picture(small_train: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "digit.png"
    PIL.Image.fromarray(255 - np.kron(np.pad(small_train.images[5], 20), np.ones((4, 4), np.uint8))).save(path)
    return path


@pytest.fixture(scope="module")
def facts(copy: Path, variables: dict[str, str], storage: Path, picture: Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_run(copy, variables, "-c", FACTS, str(picture)).splitlines()[-1])
    return answer


def _run(copy: Path, variables: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=dict(variables), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_touches_few_files_and_edits_only_the_table(blocks: Mapping[str, str]) -> None:
    assert len(blocks) <= 3
    assert sum(len(code.splitlines()) for code in blocks.values()) <= 120
    assert [name for name in blocks if (PROJECT / name).exists()] == [TABLE]


def test_the_new_model_has_its_assets_with_group_tag_and_job(facts: dict[str, Any]) -> None:
    kinds = ("model", "predictions", "evaluation")
    assert facts["groups"] == {
        f"{NAME}_{kind}": group for kind, group in zip(kinds, (NAME, NAME, "evaluation"), strict=True)
    }
    assert set(facts["tags"].values()) == {NAME}
    assert f"{NAME}_group" in facts["jobs"]
    assert facts["config"] == {"penalty": 1e-4, "iterations": 100}


def test_its_checks_run_and_pass(facts: dict[str, Any]) -> None:
    assert set(facts["checks"]) == {
        f"{NAME}_model.finite",
        f"{NAME}_predictions.probabilities_sum_to_one",
        f"{NAME}_evaluation.counts_add_up",
        f"{NAME}_evaluation.accuracy_above_floor",
    }
    assert set(facts["checks"].values()) == {"SUCCEEDED"}
    assert 0.5 < facts["floors"][NAME] < 1


def test_it_is_compared_a_candidate_disturbed_and_served(facts: dict[str, Any], storage: Path) -> None:
    comparison = json.loads((storage / "assets" / "model_comparison.json").read_text())
    assert set(comparison["models"]) == set(ALL)
    assert comparison["models"][NAME]["accuracy"] > 0.8
    assert len(comparison["pairs"]) == len(ALL) * (len(ALL) - 1) // 2
    assert set(facts["candidates"]) == set(ALL)
    assert facts["robustness"] == sorted(ALL)
    assert facts["recognizer"] == ALL


def test_figures_show_it_under_its_title_in_its_colour(facts: dict[str, Any]) -> None:
    assert facts["legend"][TITLE] == COLOR


def test_it_is_in_the_report(storage: Path) -> None:
    document = json.loads((storage / "report" / "report.json").read_text(encoding="utf-8"))
    for part in ("models", "errors"):
        assert set(document[part]) == set(ALL)
    assert set(document["comparison"]["models"]) == set(document["robustness"]["models"]) == set(ALL)
    assert document["models"][NAME]["seconds"] > 0
    page = (storage / "report" / "index.html").read_text(encoding="utf-8")
    assert f'<h2 id="{NAME}">{TITLE}</h2>' in page
    assert f'<a href="#{NAME}">{TITLE}</a>' in page
    assert f'data-model="{NAME}"' in page
    assert f"figure-reliability_{NAME}" in page
    assert "Five models" in page


def test_predict_answers_with_it(copy: Path, variables: dict[str, str], storage: Path, picture: Path) -> None:
    header, _, row = _run(copy, variables, "-m", "mnist_pipeline.cli", "predict", str(picture)).splitlines()
    assert header.split()[3 : 3 + len(ALL)] == ALL
    ((digit,),) = (
        found["digits"]
        for found in json.loads(_run(copy, variables, "-m", "mnist_pipeline.cli", "predict", str(picture), "--json"))
    )
    assert list(digit["models"]) == ALL
    assert sum(digit["models"][NAME]["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert row.split()[3 : 3 + len(ALL)] == [str(said["digit"]) for said in digit["models"].values()]


def test_the_drawing_page_shows_its_answer(facts: dict[str, Any]) -> None:
    assert f'<th scope="col" data-model="{NAME}">{TITLE}</th>' in facts["page"]
    (digit,) = facts["answer"]["digits"]
    assert list(digit["models"]) == ALL
