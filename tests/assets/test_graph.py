"""The graph itself: keys, groups and dependencies, and that every way to load it works."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.definitions import defs
from mnist_pipeline.runtime import settings

MODELS = ("knn", "softmax", "mlp", "cnn")
GRAPH = {
    "digits": {
        "data_directory": set(),
        "raw_mnist": {"data_directory"},
        "train_digits": {"raw_mnist"},
        "test_digits": {"raw_mnist"},
        "digit_images": {"train_digits"},
    },
    "pca": {
        "data_mean": {"train_digits"},
        "centered_data": {"train_digits", "data_mean"},
        "covariance": {"centered_data"},
        "eigendecomposition": {"covariance"},
        "projections": {"centered_data", "eigendecomposition", "train_digits"},
        "reconstructions": {"digit_images", "test_digits", "data_mean", "eigendecomposition"},
    },
    "harris": {"harris_corners": {"digit_images"}},
    "knn": {
        "knn_index": {"train_digits", "data_mean", "eigendecomposition"},
        "knn_predictions": {"knn_index", "test_digits", "train_digits"},
    },
    "softmax": {
        "softmax_model": {"train_digits"},
        "softmax_predictions": {"softmax_model", "test_digits"},
    },
    "networks": {
        "mlp_model": {"train_digits"},
        "mlp_predictions": {"mlp_model", "test_digits"},
        "cnn_model": {"train_digits"},
        "cnn_predictions": {"cnn_model", "test_digits"},
        "cnn_kernels": {"cnn_model"},
        "cnn_errors": {"cnn_predictions", "test_digits"},
    },
    "evaluation": {
        **{f"{model}_evaluation": {f"{model}_predictions", "test_digits"} for model in MODELS},
        "model_comparison": {
            "test_digits",
            *(f"{model}_evaluation" for model in MODELS),
            *(f"{model}_predictions" for model in MODELS),
        },
        "held_out_labels": {
            *("train_digits", "knn_index", "softmax_model", "mlp_model", "cnn_model"),
            *(f"{model}_predictions" for model in MODELS),
        },
    },
}
GRAPH["evaluation"]["robustness"] = {
    *("test_digits", "knn_index", "softmax_model", "mlp_model", "cnn_model"),
    *(f"{model}_predictions" for model in MODELS),
}
EVERYTHING = {key for group in GRAPH.values() for key in group} - {"data_directory", "held_out_labels"}
GRAPH["serving"] = {
    "champion": {"held_out_labels", "test_digits", *(f"{model}_predictions" for model in MODELS)},
    "recognizer": {
        "champion",
        "raw_mnist",
        "knn_index",
        *(f"{model}_model" for model in ("softmax", "mlp", "cnn")),
        *(f"{model}_predictions" for model in MODELS),
        "data_mean",
        "eigendecomposition",
        "test_digits",
    },
}
GRAPH["serving"]["model_card"] = {
    *("champion", "raw_mnist", "train_digits", "test_digits", "model_comparison", "robustness"),
    *("knn_index", *(f"{model}_model" for model in ("softmax", "mlp", "cnn"))),
    *(f"{model}_{stored}" for model in MODELS for stored in ("predictions", "evaluation")),
}
GRAPH["inbox"] = {"inbox_predictions": {"recognizer"}}
GRAPH["experiments"] = {
    "experiment_trials": {"train_digits", "test_digits"},
    "experiment_summary": {"experiment_trials", "train_digits", "test_digits"},
}
GRAPH["evaluation"]["evaluation_report"] = EVERYTHING | {"champion"}


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): graph.get(key).to_asset_spec() for key in graph.get_all_asset_keys()}


def test_the_graph_has_the_designed_keys_groups_and_dependencies(specs: dict[str, dg.AssetSpec]) -> None:
    found: dict[str, dict[str, set[str]]] = {}
    for key, spec in specs.items():
        parents = {dep.asset_key.to_user_string() for dep in spec.deps}
        found.setdefault(str(spec.group_name), {})[key] = parents
    assert found == GRAPH


def test_every_asset_says_what_it_is_and_of_what_kind(specs: dict[str, dg.AssetSpec]) -> None:
    for key, spec in specs.items():
        assert len(spec.description or "") > 30, key
        assert spec.kinds, key


def test_there_is_a_job_for_everything_and_one_for_each_group() -> None:
    jobs = {job.name for job in defs.resolve_all_job_defs()}
    assert {"everything", *(f"{group}_group" for group in GRAPH.keys() - {"inbox"})} <= jobs


def test_loading_the_definitions_imports_no_heavy_library() -> None:
    heavy = "torch", "torchvision", "numba", "matplotlib"
    code = f"import sys, assets.definitions; print(sorted(set(sys.modules) & set({heavy!r})))"
    assert _run([sys.executable, "-W", "error::DeprecationWarning:assets", "-c", code]).strip() == "[]"


@pytest.mark.slow
def test_loading_the_definitions_changes_no_environment_variable_and_reads_the_settings_once() -> None:
    code = """
import os
from mnist_pipeline.runtime import settings
calls, load = [], settings.load
settings.load = lambda *arguments: calls.append(arguments) or load(*arguments)
before = dict(os.environ)
import assets.definitions
print(dict(os.environ) == before, len(calls))
"""
    assert _run([sys.executable, "-c", code]).split() == ["True", "1"]


@pytest.mark.slow
def test_the_workspace_file_loads_the_same_location_as_dg() -> None:
    output = _run([_script("dagster"), "definitions", "validate", "--workspace", "workspace.yaml"])
    assert "Validation successful for code location mnist-pipeline" in output
    assert 'code_location_name = "mnist-pipeline"' in (settings.PROJECT / "pyproject.toml").read_text()


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(command: list[str]) -> str:
    environment = {**os.environ, "VIRTUAL_ENV": str(Path(sys.prefix))}
    done = subprocess.run(
        command, cwd=settings.PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
