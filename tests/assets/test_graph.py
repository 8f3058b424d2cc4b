"""The graph as a Dagster user meets it: its assets, jobs, schedules and sensors, and what loading
it does.
"""

import os
import subprocess
import sys

import dagster as dg
import yaml
from support.graph_fixtures import names

from assets.definitions import defs
from mnist_pipeline.runtime.graph.results import STORAGE
from mnist_pipeline.runtime.project import (
    CODE_LOCATION,
    EVERYTHING,
    GRAPH,
    ON_REQUEST,
    PROJECT,
)

MODELS = ("knn", "softmax", "mlp", "cnn")
FITTED = {f"{model}_model" for model in MODELS}
# The keys name what is stored, and what `report.json` has.
KEYS = {
    "digits": {
        *("data_directory", "raw_mnist", "data_set", "image_kind"),
        *("train_digits", "test_digits", "test_images", "digit_images"),
    },
    "pca": {
        *("data_mean", "centered_data", "covariance", "eigendecomposition"),
        *("projections", "reconstructions"),
    },
    "harris": {"harris_corners"},
    "knn": {"knn_model", "knn_predictions", "knn_votes"},
    "softmax": {"softmax_model", "softmax_predictions", "softmax_on_gradients"},
    "networks": {
        *("mlp_model", "mlp_predictions", "cnn_model", "cnn_predictions"),
        *("cnn_kernels", "cnn_errors", "shuffled_cnn"),
    },
    "evaluation": {
        *(f"{model}_evaluation" for model in MODELS),
        *("held_out_labels", "model_comparison", "robustness", "evaluation_report"),
    },
    "serving": {"champion", "novelty", "recognizer"},
    "judge": {"judge_pages", "judge_model", "judge_evaluation"},
    "labels": {"labels_to_check"},
    "experiments": {"experiment_trials", "experiment_summary"},
}
ASSETS = defs.resolve_asset_graph()


def test_the_keys_and_groups_of_assets_stay():
    found = {}
    for key in ASSETS.get_all_asset_keys():
        found.setdefault(str(ASSETS.get(key).group_name), set()).add(key.to_user_string())
    assert found == KEYS


def test_the_test_images_train_tune_and_choose_nothing():
    for name in (*FITTED, "held_out_labels"):
        upstream = dg.AssetSelection.assets(name).upstream().resolve(ASSETS)
        assert dg.AssetKey("train_digits") in upstream
        assert dg.AssetKey("test_digits") not in upstream


def test_only_the_reader_depends_on_the_list_of_files():
    assert ASSETS.get(dg.AssetKey("data_directory")).child_keys == {dg.AssetKey("raw_mnist")}


def test_assets_have_a_kind():
    for key in ASSETS.materializable_asset_keys:
        assert ASSETS.get(key).to_asset_spec().kinds, key


def test_each_job_selects_what_it_is_for():
    jobs = {job.name: names(job.selection.resolve(ASSETS)) for job in defs.jobs or ()}
    on_request = {asset for group in ON_REQUEST for asset in KEYS[group]} | {"data_directory"}
    whole_graph = {asset for group in KEYS.values() for asset in group} - on_request
    assert jobs.pop(EVERYTHING) == whole_graph
    assert jobs.pop("checks") == set()
    assert jobs.pop("sweep") == {"experiment_trials"}
    assert jobs.keys() == set(MODELS)
    for model, assets in jobs.items():
        assert assets & FITTED == {f"{model}_model"}
        assert {f"{model}_evaluation", "recognizer", "evaluation_report"} <= assets < whole_graph


def test_loading_the_graph_imports_no_heavy_library_and_changes_neither_files_nor_environment(
    tmp_path,
):
    code = """
import os, sys
before = dict(os.environ)
import assets.definitions
print(sorted({"torch", "numba", "matplotlib"} & set(sys.modules)), dict(os.environ) == before)
"""
    variables = {
        "HOME": str(tmp_path),
        "MNIST_PIPELINE_STORAGE": str(tmp_path / "storage"),
        "PYTHONPATH": str(PROJECT),
    }
    command = [sys.executable, "-B", "-c", code]
    environ = os.environ | variables
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[] True\n"
    assert [*tmp_path.iterdir()] == []


def test_every_champion_and_its_recognizer_stay_so_that_they_can_be_restored():
    keep = (defs.resources or {})[STORAGE].keep
    assert {asset for asset, number in keep.items() if number is None} == {"champion", "recognizer"}


def test_dagster_and_dg_load_the_same_location():
    (entry,) = yaml.safe_load((PROJECT / "workspace.yaml").read_text())["load_from"]
    assert entry == {"python_module": {"module_name": GRAPH, "location_name": CODE_LOCATION}}
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert {
        f'code_location_target_module = "{GRAPH}"',
        f'code_location_name = "{CODE_LOCATION}"',
    } <= set(project)
