"""The expanded set in the graph: folds as partitions, wholes made of them, and what is done again when."""

import json
import re
import shutil
import time
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.graph_fixtures import environment
from support.values import shards_of

from assets import expanded
from assets.expanded import FOLDS
from mnist_pipeline import moments
from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli import selection
from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.data import expansion
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.runtime.graph import retention, staleness
from mnist_pipeline.runtime.graph.shards import Shards
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow
NUM_FOLDS = 4
DIGITS = "key:raw_mnist or key:train_digits or key:test_digits"


@pytest.fixture(scope="module")
def made(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What a run of the group over the slice printed, and the storage it filled; not to be written to."""
    directory = tmp_path_factory.mktemp("expanded")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment(slice_directory, directory).items():
            monkeypatch.setenv(name, value)
        digits = _run("--select", DIGITS)
        assert digits.exit_code == 0, digits.output
        return _run("--select", "group:expanded"), directory


@pytest.fixture
def storage(
    made: tuple[Result, Path], slice_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    """A copy of it, which the environment names."""
    shutil.copytree(made[1], tmp_path / "storage")
    for name, value in environment(slice_directory, tmp_path / "storage").items():
        monkeypatch.setenv(name, value)
    return Storage(str(tmp_path / "storage"))


@pytest.fixture(scope="module")
def whole(small_train: DigitSet) -> DigitSet:
    """The expanded set in memory, which the graph never has."""
    folds = [expansion.fold(small_train, number) for number in range(NUM_FOLDS)]
    return DigitSet(*(np.concatenate(arrays) for arrays in zip(*folds, strict=True)))


def test_the_group_is_made_in_stages_and_by_default_not_at_all(made: tuple[Result, Path]) -> None:
    result, _ = made
    assert result.exit_code == 0, result.output
    assert "check failed" not in result.output
    stages = [line for line in result.output.splitlines() if line.startswith("Materializing")]
    assert [line.partition(" into ")[0].partition(" of ")[0] for line in stages] == [
        "Materializing expanded_digits, expanded_moments",
        "Materializing 4 assets",
        "Materializing expanded_neighbors",
        "Materializing 2 assets",
    ]
    names = {key.to_user_string() for key in selection.select_assets("*")}
    assert not any(name.startswith("expanded") for name in names)
    everything = definitions().resolve_job_def("everything").asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in everything} == names


def test_mean_and_covariance_are_those_of_the_whole_set_to_the_bit(storage: Storage, whole: DigitSet) -> None:
    expected = moments.moments(whole.images)
    parts = [storage.read(f"expanded_moments-{fold}") for fold in FOLDS.get_partition_keys()]
    assert sum(int(part.num_images) for part in parts) == len(whole.labels)
    assert all(np.array_equal(a, b) for a, b in zip(moments.total(parts), expected, strict=True))
    assert storage.read("expanded_mean").tobytes() == moments.mean(expected).tobytes()
    assert storage.read("expanded_covariance").tobytes() == moments.covariance(expected).tobytes()


def test_neighbours_are_those_of_a_search_of_the_whole_set(
    storage: Storage, whole: DigitSet, small_test: DigitSet
) -> None:
    found = storage.read("expanded_knn")
    distances, indices = KNNClassifier(10, "brute").fit(whole.images, whole.labels).kneighbors(small_test.images)
    assert np.array_equal(found.indices, indices)
    assert np.array_equal(found.squared_distances, distances)


def test_the_models_are_evaluated_on_the_test_digits(storage: Storage, small_test: DigitSet) -> None:
    table = storage.read("expanded_evaluation").set_index("model")
    assert table["total"].to_dict() == {"knn": 500, "cnn": 500}
    labels = storage.read("expanded_knn").labels
    assert table.loc["knn", "errors"] == np.count_nonzero(labels != small_test.labels)
    assert table.loc["cnn", "accuracy"] > 0.9
    assert (table["interval_low"] < table["accuracy"]).all()


def test_a_damaged_fold_alone_is_made_again_and_what_it_was_part_of_stands(storage: Storage) -> None:
    version = storage.data_version("expanded_moments-fold-0002")
    Path(str(storage.path("expanded_moments-fold-0002"))).write_bytes(b"damaged")
    verified = CliRunner().invoke(cli.main, ["verify"])
    assert verified.exit_code == 1
    assert re.search(r"expanded_moments-fold-0002 +damaged", verified.output)
    result = _run("--select", "group:expanded", "--changed")
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("Materializing"))
    assert "expanded_moments of 1 shards" in line
    assert storage.data_version("expanded_moments-fold-0002") == version
    assert CliRunner().invoke(cli.main, ["verify"]).exit_code == 0


def test_a_whole_is_out_of_sync_once_a_fold_has_another_version(storage: Storage) -> None:
    with dg.DagsterInstance.get() as instance:
        assert not {str(key) for key in staleness.out_of_sync(instance, definitions()) if "expanded" in str(key)}
        tags = {"dagster/data_version": "another"}
        instance.report_runless_asset_event(
            dg.AssetMaterialization("expanded_moments", partition="fold-0001", tags=tags)
        )
        reasons = staleness.out_of_sync(instance, definitions())
        named = {key.to_user_string() for key in reasons if key.to_user_string().startswith("expanded")}
        assert named == {"expanded_mean", "expanded_covariance"}
        assert staleness.stale_shards(instance, definitions(), dg.AssetKey("expanded_moments")).keys() == {"fold-0001"}


def test_nothing_is_built_on_a_fold_that_failed_its_checks(storage: Storage, small_train: DigitSet) -> None:
    blank = small_train._replace(images=np.zeros_like(small_train.images))  # no deformation changes it
    storage.write("train_digits", blank)
    tags = {"dagster/data_version": str(storage.data_version("train_digits"))}
    with dg.DagsterInstance.get() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("train_digits", tags=tags))
        stale = staleness.stale_shards(instance, definitions(), dg.AssetKey("expanded_digits"))
        assert stale == dict.fromkeys(FOLDS.get_partition_keys(), "train_digits has a new version")
    assert _run("--select", "key:expanded_digits").exit_code == 1
    refused = _run("--select", "group:expanded", "--changed")
    assert refused.exit_code == 1
    assert "fold-0002: expanded_digits failed" in refused.output
    assert "expanded_covariance" not in refused.output
    with dg.DagsterInstance.get() as instance:
        stale = staleness.stale_shards(instance, definitions(), dg.AssetKey("expanded_digits"))
    assert stale == dict.fromkeys(FOLDS.get_partition_keys()[1:], "its check changed failed")
    assert _run("--select", DIGITS).exit_code == 0
    assert _run("--select", "group:expanded", "--changed").exit_code == 0


def test_nothing_is_done_twice_and_pruning_keeps_what_says_so(storage: Storage) -> None:
    with dg.DagsterInstance.get() as instance:
        retention.prune(instance, definitions(), 0, 0)
    result = _run("--select", "group:expanded", "--changed")
    assert result.exit_code == 0, result.output
    assert "Materializing" not in result.output


def test_a_failed_fold_is_named_the_others_are_made_and_changed_goes_on(storage: Storage) -> None:
    version = storage.data_version("expanded_covariance")
    Path(str(storage.path("expanded_digits-fold-0002"))).write_bytes(b"damaged")
    start = time.time()
    failed = _run("--select", "key:expanded_moments or key:expanded_covariance")
    assert failed.exit_code == 1
    assert "fold-0002: expanded_moments failed" in failed.output
    with dg.DagsterInstance.get() as instance:
        query = dg.AssetRecordsFilter(dg.AssetKey("expanded_moments"), after_timestamp=start)
        records = instance.fetch_materializations(query, limit=10).records
    assert sorted(str(record.partition_key) for record in records) == [f"fold-000{number}" for number in (0, 1, 3)]
    again = _run("--select", "group:expanded", "--changed")
    assert again.exit_code == 0, again.output
    assert "expanded_digits of 1 shards" in again.output
    assert storage.data_version("expanded_covariance") == version


def test_a_fold_can_be_made_from_the_ui(storage: Storage) -> None:
    version = storage.data_version("expanded_digits-fold-0003")
    job = definitions().resolve_job_def("expanded_shards")
    with dg.DagsterInstance.get() as instance:
        outcome = job.execute_in_process(partition_key="fold-0003", instance=instance)
        assert outcome.success
        assert not staleness.stale_shards(instance, definitions(), dg.AssetKey("expanded_neighbors"))
    assert storage.data_version("expanded_digits-fold-0003") == version


def test_the_lineage_of_a_whole_goes_through_its_folds(storage: Storage) -> None:
    result = CliRunner().invoke(cli.main, ["lineage", "expanded_knn"])
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.output.splitlines() if line.startswith("  expanded")] == [
        f"expanded_{name}"
        for name in ("digits", "moments", "covariance", "mean", "eigendecomposition", "neighbors", "knn")
    ]


def test_configuration_reaches_the_folds_and_the_whole(storage: Storage, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    ops = {
        "expanded_neighbors": {"config": {"num_queries": 7}},
        "expanded_knn": {"config": {"num_neighbors": 1}},
    }
    file.write_text(json.dumps({"ops": ops}))
    result = _run("--select", "key:expanded_neighbors or key:expanded_knn", "--config", str(file))
    assert result.exit_code == 0, result.output
    found = storage.read("expanded_knn")
    assert found.indices.shape == (7, 10)
    assert found.num_neighbors == 1


def test_a_configuration_that_no_asset_accepts_is_refused(storage: Storage, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(json.dumps({"ops": {"expanded_neighbors": {"config": {"num_queries": 0}}}}))
    result = _run("--select", "group:expanded", "--config", str(file))
    assert result.exit_code == 1
    assert "ops.expanded_neighbors.config.num_queries is 0" in result.output
    assert "Materializing" not in result.output


def test_an_asset_is_a_function_of_its_shards(small_train: DigitSet, whole: DigitSet) -> None:
    parts = [moments.moments(images) for images in np.split(whole.images, NUM_FOLDS)]
    found = expanded.expanded_covariance(shards_of(parts))
    assert np.array_equal(found.value, moments.covariance(moments.moments(whole.images)))
    fold = expanded.expanded_digits(
        dg.build_asset_context(partition_key="fold-0001"), small_train, expanded.ExpandedDigitsConfig()
    )
    assert np.array_equal(fold.value.images, expansion.fold(small_train, 1).images)


def test_shards_are_read_as_they_are_asked_for_and_one_at_a_time() -> None:
    read: list[str] = []
    shards = Shards({"fold-0000": "a", "fold-0001": "b"}, lambda fold: read.append(fold) or fold)  # type: ignore[func-returns-value]
    assert len(shards) == 2
    assert not read
    assert list(shards) == ["fold-0000", "fold-0001"]
    with pytest.raises(TypeError, match="one at a time"):
        shards[:1]


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["run", *arguments])
