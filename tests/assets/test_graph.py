"""The graph as a Dagster user meets it: its assets, jobs, schedules and sensors, and what loading
it does.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from assets.definitions import defs
from mnist_pipeline.runtime.project import (
    CODE_LOCATION,
    DRAW,
    EVERYTHING,
    GRAPH,
    ON_REQUEST,
    PROJECT,
    REPORT,
)

MODELS = ("knn", "softmax", "mlp", "cnn")
FITTED = {"knn_model", "softmax_model", "mlp_model", "cnn_model"}
PREDICTIONS = {f"{model}_predictions" for model in MODELS}
EVALUATIONS = {f"{model}_evaluation" for model in MODELS}
INPUTS = {
    "digits": {
        "data_directory": set(),
        "raw_mnist": {"data_directory"},
        "train_digits": {"raw_mnist"},
        "test_digits": {"raw_mnist"},
        "digit_images": {"raw_mnist", "train_digits"},
    },
    "pca": {
        "data_mean": {"train_digits", "raw_mnist"},
        "centered_data": {"train_digits", "data_mean"},
        "covariance": {"centered_data"},
        "eigendecomposition": {"covariance"},
        "projections": {"centered_data", "eigendecomposition", "raw_mnist", "train_digits"},
        "reconstructions": {
            *("digit_images", "test_digits", "raw_mnist"),
            *("data_mean", "eigendecomposition"),
        },
    },
    "harris": {"harris_corners": {"digit_images", "raw_mnist"}},
    "knn": {
        "knn_model": {"train_digits", "data_mean", "eigendecomposition"},
        "knn_predictions": {"knn_model", "test_digits"},
        "knn_votes": {"knn_model", "knn_predictions", "train_digits", "test_digits"},
    },
    "softmax": {
        "softmax_model": {"raw_mnist", "train_digits"},
        "softmax_predictions": {"softmax_model", "test_digits"},
    },
    "networks": {
        "mlp_model": {"raw_mnist", "train_digits"},
        "mlp_predictions": {"mlp_model", "test_digits"},
        "cnn_model": {"raw_mnist", "train_digits"},
        "cnn_predictions": {"cnn_model", "test_digits"},
        "cnn_kernels": {"cnn_model"},
        "cnn_errors": {"cnn_predictions", "raw_mnist", "test_digits"},
        "shuffled_cnn": {"test_digits", "train_digits"},
    },
    "evaluation": {
        **{
            f"{model}_evaluation": {f"{model}_predictions", "raw_mnist", "test_digits"}
            for model in MODELS
        },
        "model_comparison": {"test_digits", *EVALUATIONS, *PREDICTIONS},
        "held_out_labels": {"train_digits", *FITTED},
        "robustness": {"test_digits", *FITTED},
        "evaluation_report": {
            *(
                "raw_mnist",
                "train_digits",
                "test_digits",
                "digit_images",
                "data_mean",
                "centered_data",
                "covariance",
            ),
            *(
                "eigendecomposition",
                "projections",
                "reconstructions",
                "harris_corners",
                "cnn_kernels",
                "cnn_errors",
            ),
            *(
                "held_out_labels",
                "knn_votes",
                "shuffled_cnn",
                "model_comparison",
                "robustness",
                "champion",
                "recognizer",
                *FITTED,
                *PREDICTIONS,
                *EVALUATIONS,
            ),
        },
    },
    "serving": {
        "champion": {"held_out_labels", "train_digits", "test_digits", *PREDICTIONS},
        "recognizer": {
            *(
                "champion",
                "held_out_labels",
                "raw_mnist",
                "data_mean",
                "eigendecomposition",
                "test_digits",
                *FITTED,
                *PREDICTIONS,
            ),
        },
    },
    "labels": {"labels_to_check": {"raw_mnist", "train_digits", "test_digits"}},
    "experiments": {
        "experiment_trials": {"train_digits", "test_digits"},
        "experiment_summary": {"experiment_trials", "train_digits", "test_digits"},
    },
}
AFTER_TRAINING = {  # the last steps of every model's job
    "held_out_labels",
    "robustness",
    "model_comparison",
    "champion",
    "recognizer",
    "evaluation_report",
}
ASSETS = defs.resolve_asset_graph()
REPOSITORY = defs.get_repository_def()


def test_the_graph_has_the_designed_keys_groups_and_inputs() -> None:
    found: dict[str, dict[str, set[str]]] = {}
    for key in ASSETS.get_all_asset_keys():
        spec = ASSETS.get(key).to_asset_spec()
        inputs = {dep.asset_key.to_user_string() for dep in spec.deps}
        found.setdefault(str(spec.group_name), {})[key.to_user_string()] = inputs
    assert found == INPUTS


def test_the_report_and_the_job_link_to_the_pages_of_the_server() -> None:
    (report,) = (key for key in ASSETS.get_all_asset_keys() if key.path[-1] == "evaluation_report")
    for text in (
        defs.resolve_job_def(EVERYTHING).description,
        ASSETS.get(report).description,
    ):
        assert {REPORT, DRAW} == set(re.findall(r"\]\((.*?)\)", str(text)))


def test_assets_have_a_kind_and_a_link_to_their_source() -> None:
    for key in ASSETS.materializable_asset_keys:
        spec = ASSETS.get(key).to_asset_spec()
        assert spec.kinds, key
        file, *_ = spec.metadata["dagster/code_references"].code_references
        line = Path(file.file_path).read_text(encoding="utf-8").splitlines()[file.line_number - 1]
        assert Path(file.file_path).parent == PROJECT / "assets", key
        assert line.lstrip().startswith("@"), key  # the decorator of the asset


def test_each_job_selects_what_it_is_for() -> None:
    jobs = {
        job.name: {key.to_user_string() for key in job.selection.resolve(ASSETS)}
        for job in defs.jobs or ()
    }
    on_request = {asset for group in ON_REQUEST for asset in INPUTS[group]} | {"data_directory"}
    assert (
        jobs.pop(EVERYTHING) == {asset for group in INPUTS.values() for asset in group} - on_request
    )
    assert jobs.pop("sweep") == {"experiment_trials"}
    own = {
        model: {f"{model}_model", f"{model}_predictions", f"{model}_evaluation"} for model in MODELS
    }
    own["knn"] |= {"knn_votes"}
    own["cnn"] |= {"cnn_kernels", "cnn_errors"}
    assert jobs == {model: assets | AFTER_TRAINING for model, assets in own.items()}


def test_loading_the_graph_imports_no_heavy_library_and_changes_neither_files_nor_environment(
    tmp_path: Path,
) -> None:
    code = """
import os, sys
before = dict(os.environ)
import assets.definitions
print(sorted({"torch", "numba", "matplotlib"} & set(sys.modules)), dict(os.environ) == before)
"""
    places = {
        "HOME": str(tmp_path),
        "MNIST_PIPELINE_STORAGE": str(tmp_path / "storage"),
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | places, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] True\n"
    assert [*tmp_path.iterdir()] == []


def test_dagster_and_dg_load_the_same_location() -> None:
    (entry,) = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"]
    assert entry == {"python_module": {"module_name": GRAPH, "location_name": CODE_LOCATION}}
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert {
        f'code_location_target_module = "{GRAPH}"',
        f'code_location_name = "{CODE_LOCATION}"',
    } <= set(project)
