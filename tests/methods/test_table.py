"""The table of models: the invariants of its entries."""

import subprocess
import sys
from dataclasses import replace

import pytest

from mnist_pipeline.methods import table
from mnist_pipeline.methods.table import MODELS, model_of


@pytest.mark.parametrize(
    "attribute", ["title", "phrase", "short_title", "color", "marker", "model_asset"]
)
def test_no_two_models_share_a_name_or_a_look(attribute):
    values = [getattr(model, attribute) for model in MODELS.values()]
    assert len(set(values)) == len(values)
    assert all(values)


def test_an_asset_belongs_to_the_longest_name_of_a_model_that_it_begins_with(monkeypatch):
    wide = replace(MODELS["cnn"], name="cnn_wide")
    monkeypatch.setattr(table, "MODELS", {**MODELS, "cnn_wide": wide})
    assert model_of("cnn_wide_model") is wide
    assert model_of("cnn_model") is MODELS["cnn"]
    assert model_of("data_set") is None


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("methods.table", {"dagster", "torch", "numba", "matplotlib", "scipy"}),
        ("methods.softmax.method", {"dagster", "torch", "numba"}),
        ("handwriting.finder.search", {"dagster", "torch", "numba", "matplotlib", "pandas"}),
        ("methods.knn.method", {"dagster", "torch", "numba", "scipy"}),
        ("methods.networks.method", {"torch"}),
        pytest.param(
            "methods.networks.training",
            {"dagster", "numba", "torchvision"},
            marks=pytest.mark.slow,  # it imports torch
        ),
    ],
)
def test_importing_a_method_imports_no_package_that_only_its_work_needs(module, absent):
    code = f"import sys, mnist_pipeline.{module}; print(sorted(set(sys.modules) & {absent!r}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
