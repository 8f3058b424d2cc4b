"""What assets return outside a run."""

import contextvars
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dagster as dg
import numpy as np

from assets.definitions import defs
from mnist_pipeline import read
from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.methods.pca import mean
from mnist_pipeline.utils.directories import PROJECT

KEYS = ["raw_mnist", "image_kind", "train_digits", "data_mean"]


def in_a_new_context(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a function without the Dagster instances of other tests, which Dagster keeps in context
    variables.
    """
    return contextvars.Context().run(function, *arguments, **options)


def test_a_notebook_reads_stored_values_without_an_instance(storage, small_train, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME")
    in_a_new_context(
        dg.materialize,
        list(defs.assets or ()),
        selection=KEYS,
        resources=defs.resources,
        instance=dg.DagsterInstance.ephemeral(),
    )
    found = in_a_new_context(defs.load_asset_value, "data_mean")
    np.testing.assert_array_equal(found, mean(small_train.images))
    np.testing.assert_array_equal(found, read("data_mean"))
    digits = in_a_new_context(defs.load_asset_value, "train_digits")
    assert isinstance(digits, DigitSet)
    np.testing.assert_array_equal(digits.images, small_train.images)


READ_ALL = """
import sys
from mnist_pipeline import read
read("recognizer")
assert "pandas" not in sys.modules  # a picture is answered without it
from mnist_pipeline.runtime.storage.storage import default_storage
for key in default_storage().keys():
    read(key)
assert not {"torch", "dagster"} & sys.modules.keys()
"""


def test_another_process_reads_every_value_without_torch_and_dagster(finished):
    subprocess.run([sys.executable, "-c", READ_ALL], check=True, cwd=PROJECT)
