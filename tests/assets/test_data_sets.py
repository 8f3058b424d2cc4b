"""Several data sets: a graph and a storage for each, and the comparison of all."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner
from support.graph_fixtures import copy_storage, environment
from support.idx import write_idx
from support.resources import STORED_RESULTS

from assets.evaluation import compare_data_sets
from mnist_pipeline import evaluation
from mnist_pipeline.cli import main as cli
from mnist_pipeline.data.catalogue import FASHION_MNIST, KMNIST, MNIST
from mnist_pipeline.data.datasets import DigitSet, load_digits
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.data_sets import Located
from mnist_pipeline.runtime.storage.storage import Storage, StorageError, read

pytestmark = pytest.mark.slow
MODELS = ("knn", "softmax", "mlp", "cnn")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
MNIST_ONLY = {"recognizer", "inbox_predictions"}
TOGETHER = "data_set_comparison"
DESCRIBE = """
import json
from assets.definitions import assets, defs
graph = defs.resolve_asset_graph()
specs = [graph.get(key).to_asset_spec() for key in graph.get_all_asset_keys()]
print(json.dumps({
    "assets": {
        spec.key.to_user_string(): {
            "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
            "group": spec.group_name, "code": spec.code_version, "description": spec.description,
            "owners": list(spec.owners), "tags": dict(spec.tags), "kinds": sorted(spec.kinds),
            "fresh": spec.freshness_policy is not None, "follows": spec.automation_condition is not None,
            "links": "dagster/code_references" in spec.metadata,
        }
        for spec in specs
    },
    "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
    "jobs": {
        job.name: sorted(node.name for node in job.nodes) for job in defs.resolve_all_job_defs()
        if not job.name.startswith("__")
    },
    "sensors": sorted(sensor.name for sensor in defs.sensors),
    "schedules": sorted(schedule.name for schedule in defs.schedules),
}))
"""


class SideBySide(NamedTuple):
    """A storage with two data sets in it, the environment that names both, and what their run printed."""

    storage: Path
    environment: dict[str, str]
    output: str

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `mnist-pipeline` in a process of its own, because the definitions follow from the environment."""
        return python("-m", "mnist_pipeline.cli", *arguments, environment=self.environment)

    def document(self, prefix: str = "") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.storage / prefix / "report" / "report.json").read_text())
        return found


def python(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=settings.PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="session")
def other_directory(train: DigitSet, test: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice of Fashion-MNIST where Debian's package is there, else further digits: 2,000 and 500 images."""
    own, asked = (load_digits(DEBIAN, "train"), load_digits(DEBIAN, "test")) if DEBIAN.is_dir() else (train, test)
    slices = (DigitSet(*(array[2_000:4_000] for array in own)), DigitSet(*(array[500:1_000] for array in asked)))
    return write_idx(tmp_path_factory.mktemp("other"), *slices)


@pytest.fixture(scope="session")
def two_directories(slice_directory: Path, other_directory: Path) -> dict[str, str]:
    """Settings for the slice of MNIST and Fashion-MNIST."""
    return {
        "MNIST_PIPELINE_DATA": str(slice_directory),
        "MNIST_PIPELINE_DATA_SETS": f"fashion-mnist={other_directory}",
    }


@pytest.fixture(scope="session")
def side_by_side(two_directories: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> SideBySide:
    """A run over both; tests must not write to its storage."""
    storage = tmp_path_factory.mktemp("side_by_side")
    variables = {**environment(Path(two_directories["MNIST_PIPELINE_DATA"]), storage), **two_directories}
    done = python("-m", "mnist_pipeline.cli", "run", environment=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return SideBySide(storage, variables, done.stdout)


@pytest.fixture
def own_side_by_side(side_by_side: SideBySide, tmp_path: Path) -> SideBySide:
    """A copy of it that a test may damage."""
    shutil.copytree(side_by_side.storage, tmp_path / "storage")
    data = Path(side_by_side.environment["MNIST_PIPELINE_DATA"])
    return SideBySide(tmp_path / "storage", {**side_by_side.environment, **environment(data, tmp_path / "storage")}, "")


@pytest.fixture(scope="session")
def described(two_directories: dict[str, str]) -> dict[str, Any]:
    """The definitions with another data set next to MNIST."""
    return _described({**two_directories})


def _described(variables: dict[str, str]) -> dict[str, Any]:
    done = python("-c", DESCRIBE, environment=variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# The graph


def test_another_data_set_has_the_graph_of_mnist_under_its_prefix_except_for_what_answers_users(
    described: dict[str, Any],
) -> None:
    found = described["assets"]
    on_request = {key for key, spec in found.items() if spec["group"] == "experiments"}
    plain = {key: spec for key, spec in found.items() if "/" not in key and key not in on_request | {TOGETHER}}
    other = {key: spec for key, spec in found.items() if "/" in key}
    assert other.keys() == {f"fashion_mnist/{key}" for key in plain.keys() - MNIST_ONLY}
    for key, spec in other.items():
        model = plain[key.removeprefix("fashion_mnist/")]
        deps = [dep for dep in model["deps"] if dep != TOGETHER]
        assert spec == {
            **model,
            "deps": [f"fashion_mnist/{dep}" for dep in deps],
            "group": f"fashion_mnist_{model['group']}",
        }
    left_out = MNIST_ONLY | on_request | {TOGETHER}
    checks = [check for check in described["checks"] if check.split(":")[0] not in left_out]
    assert sorted(f"fashion_mnist/{check}" for check in checks if "/" not in check) == [
        check for check in checks if "/" in check
    ]


def test_next_to_another_data_set_mnist_keeps_keys_groups_code_versions_jobs_and_operations(
    described: dict[str, Any],
) -> None:
    alone = _described({"MNIST_PIPELINE_DATA_SETS": ""})
    report = "evaluation_report"
    plain = {key: spec for key, spec in described["assets"].items() if "/" not in key and key != TOGETHER}
    assert plain[report].pop("deps") == sorted([*alone["assets"][report].pop("deps"), TOGETHER])
    assert plain == alone["assets"]
    for name, operations in alone["jobs"].items():
        more = {TOGETHER} if name in ("everything", "evaluation_group") else set()
        assert set(described["jobs"][name]) == {*operations, *more}
    assert set(alone["sensors"]) < set(described["sensors"])
    assert set(alone["schedules"]) < set(described["schedules"])


def test_each_data_set_has_jobs_a_schedule_and_a_sensor_and_its_operations_have_its_prefix(
    described: dict[str, Any],
) -> None:
    jobs = described["jobs"]
    whole = jobs["fashion_mnist_everything"]
    assert whole
    assert all(name.startswith("fashion_mnist__") for name in whole)
    assert {f"fashion_mnist_{name}" for name in jobs if name.endswith("_group") and "fashion" not in name} <= set(jobs)
    assert set(jobs["every_data_set"]) == {*jobs["everything"], *whole}
    assert "fashion_mnist_changed_raw_files" in described["sensors"]
    assert "fashion_mnist_weekly_retraining" in described["schedules"]
    evaluations = [f"{model}_evaluation" for model in MODELS]
    assert described["assets"][TOGETHER]["deps"] == sorted([*evaluations, *(f"fashion_mnist/{e}" for e in evaluations)])


# A run over two


def test_one_run_fills_both_storages_and_prints_both_tables(side_by_side: SideBySide) -> None:
    assert side_by_side.output.count("95% interval") == 2
    assert "\nFashion-MNIST\n  model" in side_by_side.output
    for prefix in ("", "fashion_mnist"):
        assert (side_by_side.storage / prefix / "report" / "index.html").exists()
        assert f"Report: {side_by_side.storage / prefix / 'report' / 'index.html'}" in side_by_side.output
    assert "check failed" not in side_by_side.output


def test_mnist_is_stored_as_it_is_stored_alone(side_by_side: SideBySide, finished: Path) -> None:
    alone, both = Storage(str(finished)), Storage(str(side_by_side.storage))
    keys = set(alone.published.keys()) - {"evaluation_report"}
    assert set(both.published.keys()) == {*keys, "evaluation_report", TOGETHER}
    assert {key: both.published.manifest(key) for key in keys} == {key: alone.published.manifest(key) for key in keys}


@pytest.mark.parametrize("key", ["../other/data_mean", "/data_mean", "a/b/data_mean", "fashion_mnist/../data_mean"])
def test_a_result_is_read_by_a_key_that_leads_out_of_no_storage(
    key: str, side_by_side: SideBySide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(side_by_side.storage))
    assert not np.array_equal(read("data_mean"), read("fashion_mnist/data_mean"))
    with pytest.raises(StorageError, match=re.escape(repr(key.rpartition("/")[0]))):
        read(key)


def test_the_report_of_a_data_set_has_its_own_title_and_classes_and_no_notebook(
    side_by_side: SideBySide,
) -> None:
    document = side_by_side.document("fashion_mnist")
    page = (side_by_side.storage / "fashion_mnist" / "report" / "index.html").read_text()
    assert document["data"]["class_names"] == list(FASHION_MNIST.class_names)
    assert document["run"]["source"] == "Fashion-MNIST"
    assert document["notebook"] == document["across"] == {}
    assert "Across data sets" not in page
    assert "notebook" not in page
    assert "T-shirt/<wbr>top" in page
    text = page[page.index("</style>") : page.index('<script type="application/json"')]
    text = re.sub(r"<code>.*?</code>", "", text, flags=re.DOTALL)  # names of assets
    text = re.sub(r"width of strokes", "", text, flags=re.IGNORECASE)  # a disturbance
    assert not re.findall(r".{30}(?:digit|strokes|handwrit|writer).{30}", text)


def test_the_report_of_mnist_compares_data_sets_as_their_evaluations_say(side_by_side: SideBySide) -> None:
    document = side_by_side.document()
    assert list(document["across"]) == ["mnist", "fashion-mnist"]
    for name, prefix in (("mnist", ""), ("fashion-mnist", "fashion_mnist")):
        own = Storage(str(side_by_side.storage / prefix))
        for model, score in document["across"][name]["models"].items():
            found = own.read(f"{model}_evaluation")
            assert score == {
                "accuracy": found.accuracy,
                "interval": found.interval,
                "errors": found.errors,
                "total": found.total,
            }
    assert document["assets"][TOGETHER]["data_version"] == Storage(str(side_by_side.storage)).data_version(TOGETHER)
    page = (side_by_side.storage / "report" / "index.html").read_text()
    assert '<h2 id="across">' in page


def test_a_damaged_value_of_one_data_set_is_named_by_its_key_and_rebuilt_alone(own_side_by_side: SideBySide) -> None:
    changed = own_side_by_side.command("run", "--changed")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    assert "Materializing" not in changed.stdout
    verified = own_side_by_side.command("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "fashion_mnist/covariance" in verified.stdout
    assert "read" not in verified.stdout  # no file is of no asset
    damaged = own_side_by_side.storage / "fashion_mnist" / "assets" / "data_mean.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    verified = own_side_by_side.command("verify")
    assert verified.returncode == 1
    assert any(line.split()[:2] == ["fashion_mnist/data_mean", "damaged:"] for line in verified.stdout.splitlines()), (
        verified.stdout
    )
    failed = own_side_by_side.command("run", "--data-set", "fashion-mnist", "--select", "key:centered_data")
    assert failed.returncode == 1
    assert "rebuild it with mnist-pipeline run --select fashion_mnist/data_mean" in failed.stderr
    rebuilt = own_side_by_side.command("run", "--changed")
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert "fashion_mnist__data_mean" in rebuilt.stdout
    assert "\n  data_mean" not in rebuilt.stdout


def test_the_lineage_of_an_asset_stays_within_its_data_set(side_by_side: SideBySide) -> None:
    found = side_by_side.command("lineage", "fashion_mnist/data_mean")
    assert found.returncode == 0, found.stderr
    names = [line.split()[0] for line in found.stdout.splitlines()[1:4]]
    assert names == [f"fashion_mnist/{name}" for name in ("raw_mnist", "train_digits", "data_mean")]
    assert Storage(str(side_by_side.storage / "fashion_mnist")).read("raw_mnist")["sha256"][0] in found.stdout


def test_a_run_of_one_data_set_takes_plain_selections_and_a_configuration_by_operation(
    own_side_by_side: SideBySide, tmp_path: Path
) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("ops: {fashion_mnist__softmax_model: {config: {epochs: 2}}}\n")
    done = own_side_by_side.command(
        "run", "--data-set", "fashion-mnist", "--select", "group:softmax", "--config", str(config)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Materializing 2 assets" in done.stdout
    assert "loss" in done.stdout
    assert len(Storage(str(own_side_by_side.storage / "fashion_mnist")).read("softmax_model").loss) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--data-set", "kmnist"), "'kmnist'"),
        (("--data-set", "fashion-mnist", "--select", "key:recognizer"), "key:recognizer"),
        (("--data-set", "fashion-mnist", "--select", "key:fashion_mnist/covariance"), "fashion_mnist/covariance"),
    ],
)
def test_a_selection_outside_the_data_set_is_refused_in_one_line(
    arguments: tuple[str, ...], named: str, side_by_side: SideBySide
) -> None:
    done = side_by_side.command("run", *arguments)
    assert done.returncode == 1
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1


# The comparison, where not all is there


def _located(count: int) -> list[Located]:
    return [
        Located(known, Path("/nowhere"), prefix=known.name.replace("-", "_") if place else None)
        for place, known in enumerate((MNIST, FASHION_MNIST, KMNIST)[:count])
    ]


def _evaluated(instance: dg.DagsterInstance, root: Path, located: Located, models: tuple[str, ...] = MODELS) -> None:
    """Store evaluations with errors that grow from model to model, and record them."""
    labels = np.arange(100) % 10
    stored = Storage(str(root / (located.prefix or "")))
    for place, model in enumerate(models, start=1):
        predicted = np.where(np.arange(100) < 3 * place, (labels + 1) % 10, labels)
        stored.write(f"{model}_evaluation", evaluation.evaluate(labels, predicted, 10))
        version = stored.data_version(f"{model}_evaluation")
        instance.report_runless_asset_event(
            dg.AssetMaterialization(located.key(f"{model}_evaluation"), tags={"dagster/data_version": version})
        )


def test_each_data_set_of_which_all_models_are_evaluated_has_a_row_per_model_the_best_first(storage: Path) -> None:
    located = _located(3)
    with dg.DagsterInstance.ephemeral() as instance:
        assert compare_data_sets(instance, STORED_RESULTS, located).empty
        _evaluated(instance, storage, located[0])
        _evaluated(instance, storage, located[1])
        _evaluated(instance, storage, located[2], ("knn", "cnn"))
        table = compare_data_sets(instance, STORED_RESULTS, located)
    assert list(table["data_set"].unique()) == ["mnist", "fashion-mnist"]
    assert list(table["model"]) == list(MODELS) * 2
    assert list(table["errors"]) == [3, 6, 9, 12] * 2
    for row in table.itertuples():
        assert (row.interval_low, row.interval_high) == evaluation.wilson_interval(100 - int(row.errors), 100)


def test_a_value_that_a_killed_run_stored_without_a_record_is_refused(storage: Path) -> None:
    (plain,) = _located(1)
    with dg.DagsterInstance.ephemeral() as instance:
        _evaluated(instance, storage, plain)
        other = evaluation.evaluate(np.arange(10), np.arange(10), 10)
        Storage(str(storage)).write("cnn_evaluation", other)
        with pytest.raises(RuntimeError, match=r"cnn_evaluation .*mnist-pipeline run --changed"):
            compare_data_sets(instance, STORED_RESULTS, [plain])


def test_a_data_set_that_is_not_materialized_yet_changes_only_the_comparison_and_the_report(
    finished: Path, two_directories: dict[str, str], tmp_path: Path
) -> None:
    copy_storage(finished, tmp_path / "storage")
    data = Path(two_directories["MNIST_PIPELINE_DATA"])
    found = SideBySide(tmp_path / "storage", {**environment(data, tmp_path / "storage"), **two_directories}, "")
    alone = found.command("run", "--data-set", "mnist", "--changed")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    done = [line.split()[0] for line in alone.stdout.splitlines() if re.search(r"\d s   ", line)]
    assert done == [TOGETHER, "evaluation_report"]
    assert "1 of 2 data sets: slice" in alone.stdout
    assert found.document()["across"] == {}
    assert not (tmp_path / "storage" / "fashion_mnist").exists()
    again = found.command("run", "--data-set", "mnist", "--changed")
    assert "Materializing" not in again.stdout


# Which data set a step is about


def test_a_prefix_that_the_environment_does_not_name_is_refused() -> None:
    with pytest.raises(settings.SettingsError, match="names no data set whose keys begin with kmnist/; add it there"):
        data_sets.of_prefix("kmnist")


def test_fetching_an_unknown_data_set_is_refused_with_those_that_are_known() -> None:
    result = CliRunner().invoke(cli.main, ["fetch", "cifar"])
    assert result.exit_code == 1
    assert all(name in result.output for name in ("'cifar'", "fashion-mnist", "kmnist", "emnist-digits", "qmnist"))
