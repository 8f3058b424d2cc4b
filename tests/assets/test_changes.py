"""Only what changed runs: with `run --changed` and with the sensor.

The tests execute the readers only. What follows is requested, and would take long.
"""

import gzip
from pathlib import Path

import dagster as dg
import pytest
from support.graph_fixtures import invoke, names, requests

from assets import automation
from assets.definitions import defs
from mnist_pipeline.cli import run as cli_run
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.readers import READERS

pytestmark = pytest.mark.slow
GRAPH = defs.resolve_asset_graph()
WHOLE = automation.whole_graph.resolve(GRAPH)
EVALUATIONS = {model.evaluation_asset for model in MODELS.values()}
SHOWS_NAMES = {
    *EVALUATIONS,
    *("cnn_errors", "model_comparison", "recognizer", "evaluation_report"),
}
READS_TEST_LABELS = {
    *SHOWS_NAMES,
    *("knn_votes", "softmax_on_gradients", "robustness", "champion"),
}


ALL_READERS = names(READERS.resolve(GRAPH))
EVERYTHING_ELSE = names(WHOLE) - ALL_READERS


def change_bytes(file: Path, start: int, new: bytes) -> None:
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[start : start + len(new)] = new
    file.write_bytes(gzip.compress(content))


def change_three_test_labels(data: Path) -> None:
    change_bytes(data / "t10k-labels-idx1-ubyte.gz", 8, bytes([1, 1, 3]))


def change_a_training_image(data: Path) -> None:
    change_bytes(data / "train-images-idx3-ubyte.gz", 16 + 300, bytes([200]))


def change_title(data: Path) -> None:
    (data / "dataset.yaml").write_text("title: Other digits")


def touch(data: Path) -> None:
    for file in data.iterdir():
        file.touch()


def change_nothing(data: Path) -> None:
    assert data.exists()


CHANGES = {
    change_three_test_labels: READS_TEST_LABELS,
    change_a_training_image: EVERYTHING_ELSE,
    change_title: SHOWS_NAMES,
    touch: set(),
    change_nothing: set(),
}


@pytest.mark.parametrize(
    ("change", "expected"), CHANGES.items(), ids=[change.__name__ for change in CHANGES]
)
def test_only_what_reads_a_changed_value_runs(change, expected, own_copy):
    everything = defs.resolve_job_def("everything")
    all_assets = defs.resolve_implicit_global_asset_job_def()

    with dg.DagsterInstance.get() as instance:
        requested_by_sensor = requests(defs, instance)
        assert requested_by_sensor() == set()
        change(own_copy[0])
        observed = [dg.AssetKey("data_directory")]
        assert all_assets.execute_in_process(asset_selection=observed, instance=instance).success
        by_command = cli_run._runs(instance, defs, WHOLE, changed=True)
        first = names(next(by_command, ((), None))[0])
        assert first == (ALL_READERS if expected else set())
        assert requested_by_sensor() == first
        if not expected:
            return
        readers = [dg.AssetKey(name) for name in first]
        assert everything.execute_in_process(asset_selection=readers, instance=instance).success
        assert names(next(by_command)[0]) == expected
        assert requested_by_sensor() == expected
        assert requested_by_sensor() == set()


def test_results_on_two_test_sets_fail_a_check_that_names_what_to_run(own_copy):
    change_three_test_labels(own_copy[0])
    invoke("run", "--select", "key:raw_mnist or key:test_digits")
    job = defs.resolve_job_def("softmax")
    with dg.DagsterInstance.get() as instance:
        mixed = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not mixed.success
        failed = {
            check.asset_key.to_user_string(): check.description or ""
            for check in mixed.get_asset_check_evaluations()
            if check.check_name == "same_inputs" and not check.passed
        }
        assert {"model_comparison", "champion"} <= failed.keys()
        named = {name for name in names(WHOLE) if name in failed["model_comparison"]}
        assert named >= EVALUATIONS
        assert not named & {model.model_asset for model in MODELS.values()}
