"""The page "Add a model", carried out in a copy of the project: the new models appear wherever
models do. What this page and "Add an asset" add passes `make lint`.
"""

import itertools
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.graph_fixtures import environment, networks_config
from support.pages import files_of, insert, write
from support.servers import COMMAND, copy_project, lint, succeed

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.project import PROJECT

pytestmark = pytest.mark.slow
TABLE = "mnist_pipeline/methods/table.py"
# In the table, and the blank lines that code above them needs.
COMMENTS = (("# Import a further method here", "\n\n"), ("    # Add a model here", ""))
NEW = ("logistic", "pretrained")
SETTINGS = {"logistic": {"penalty": 1e-4, "iterations": 50}, "pretrained": {"epochs": 20}}
ALL = [*MODELS, *NEW]
# What the copy shows of its models, as JSON.
FACTS = """
import json
from assets.definitions import defs
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.runtime.storage import storage

NEW = ("logistic", "pretrained")
graph, stored = defs.resolve_asset_graph(), storage.default_storage()
keys = graph.materializable_asset_keys
new = [graph.get(key) for key in keys if key.path[-1].startswith(NEW)]
digits = [stored.read(key) for key in ("train_digits", "test_digits", "image_kind")]
trials = experiments.read_sweep([
    {"model": "logistic", "size": 500, "penalty": [0.0001, 0.1]},
    {"model": "pretrained", "size": 500, "epochs": 40},
]).values()
answers = [experiments.run(trial, *digits)["test"] for trial in trials]
checks = [f"{key.asset_key.path[-1]}.{key.name}" for key in graph.asset_check_keys]
print(json.dumps({
    "assets": {node.key.path[-1]: node.group_name for node in new},
    "jobs": [job.name for job in defs.resolve_all_job_defs()],
    "checks": [name for name in checks if name.startswith(NEW)],
    "config": {name: stored.origin(f"{name}_model")["metadata"]["config"] for name in NEW},
    "trials": {
        f"{trial.model}, {trial.varied_text}": float((labels == digits[1].labels).mean())
        for trial, labels in zip(trials, answers)
    },
    "recognizer": list(stored.read("recognizer").model_names),
    "report": stored.read("evaluation_report").document,
    "report_page": stored.read("evaluation_report").html,
}))
"""


# Random weights from a seed replace the download.
DOWNLOADED = """\
    from torchvision.models import resnet18

    images, labels = digits.without_held_out
    state = resnet18(weights="DEFAULT").state_dict()
"""
RANDOM = """\
    import torch
    from torchvision.models import resnet18

    images, labels = digits.without_held_out
    torch.manual_seed(0)
    state = resnet18(weights=None).state_dict()
"""


@pytest.fixture(scope="module")
def blocks() -> list[tuple[str, str]]:
    """The files that code on the page belongs to, and the code."""
    return files_of("add-a-model.md")


@pytest.fixture(scope="module")
def project(blocks, tmp_path_factory) -> Path:
    """A copy of the project in which the page was carried out."""
    assert sum(DOWNLOADED in code for _, code in blocks) == 1
    copy = copy_project(tmp_path_factory.mktemp("project"))
    comments = itertools.cycle(COMMENTS)
    for name, code in blocks:
        if name == TABLE:
            insert(copy / name, code, *next(comments))
        else:
            write(copy, name, code.replace(DOWNLOADED, RANDOM))
    return copy


@pytest.fixture(scope="module")
def facts(project, slice_directory) -> Mapping[str, Any]:
    """What the copy shows after a run of the graph on a slice."""
    settings = environment(slice_directory, project / "storage")
    variables = os.environ | settings | {"PYTHONPATH": str(project)}
    config = networks_config(project / "run.yaml", recipe="NOTEBOOK", epochs=1)
    log = succeed([*COMMAND, "run", "--config", config], project, variables)
    assert not [name for name in NEW if f"check failed: {name}" in log]
    output = succeed([sys.executable, "-c", FACTS], project, variables)
    return json.loads(output.splitlines()[-1])


def test_the_page_edits_only_the_table(blocks):
    assert {name for name, _ in blocks if (PROJECT / name).exists()} == {TABLE}


def test_what_this_page_and_the_page_on_an_asset_add_passes_lint(project, facts):
    added = files_of("add-an-asset.md")
    assert len(added) == 4
    for name, code in added:
        write(project, name, code)
    lint(project)


def test_the_new_models_have_their_assets_with_group_job_and_checks(facts):
    for name in NEW:
        groups = {"model": name, "predictions": name, "evaluation": "evaluation"}
        assets = {key: asset for key, asset in facts["assets"].items() if key.startswith(name)}
        assert assets == {f"{name}_{kind}": group for kind, group in groups.items()}
        assert name in facts["jobs"]
    assert facts["config"] == SETTINGS
    assert set(facts["checks"]) == {f"{name}_evaluation.better_than_guessing" for name in NEW}


def test_they_are_compared_disturbed_served_and_in_the_report(facts):
    document, page = facts["report"], facts["report_page"]
    comparison = document["comparison"]
    for found in (
        facts["recognizer"],
        comparison["models"],
        document["models"],
        document["errors"],
        document["robustness"]["models"],
    ):
        assert set(found) == set(ALL)
    assert len(comparison["pairs"]) == len(ALL) * (len(ALL) - 1) // 2
    for name in NEW:
        assert document["models"][name]["accuracy"] > 0.7
        assert f'id="{name}"' in page
        assert f'data-model="{name}"' in page


def test_they_can_be_swept_over_their_settings(facts):
    names = {"logistic, default", "logistic, penalty 0.1", "pretrained, epochs 40"}
    assert facts["trials"].keys() == names
    assert min(facts["trials"].values()) > 0.5
