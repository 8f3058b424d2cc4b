"""The versions of models: listed, compared, put back into service, and pruned."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import numpy as np
import pytest
from PIL import Image
from support.graph_fixtures import Outcome, copy_storage, environment, invoke

from assets.definitions import SERVING
from mnist_pipeline.cli.selection import definitions
from mnist_pipeline.evaluation import scores
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import card
from mnist_pipeline.runtime.graph.staleness import out_of_sync
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.storage.storage import read

EPOCHS = 3
SERVED = ("champion.json", "recognizer.safetensors", "model_card.md")
RETRAINED = (
    "cnn_model",
    "cnn_predictions",
    "cnn_evaluation",
    "held_out_labels",
    "champion",
    "recognizer",
    "model_card",
)


class Champions(NamedTuple):
    """A storage that had three champions: their versions, their files, and what they answered in service."""

    storage: Path
    picture: Path
    versions: list[str]
    files: list[list[bytes]]
    answers: list[str]


def served(storage: Path) -> list[bytes]:
    return [(storage / "assets" / name).read_bytes() for name in SERVED]


def history(*arguments: str) -> list[dict[str, Any]]:
    return json.loads(invoke("history", *arguments, "--json"))


@pytest.fixture(scope="module")
def champions(
    finished_run: tuple[Outcome, Path], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Champions]:
    root = tmp_path_factory.mktemp("champions")
    found = Champions(root / "storage", root / "seven.png", [], [], [])
    copy_storage(finished_run[1], found.storage)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(slice_directory, found.storage).items():
            patch.setenv(name, value)
        Image.fromarray(255 - read("test_digits").images[0]).resize((90, 90)).save(found.picture)
        for seed in range(3):
            ops = {"cnn_model": {"epochs": EPOCHS}, "champion": {"margin": 1.0}}
            config = {
                "ops": {name: {"config": each} for name, each in ops.items()},
                "resources": {"seed": {"config": {"value": seed}}},
            }
            (root / "run.yaml").write_text(json.dumps(config))
            selection = " or ".join(f"key:{name}" for name in RETRAINED)
            invoke("run", "--select", selection, "--config", str(root / "run.yaml"))
            found.versions.append(read("champion").model_version)
            found.files.append(served(found.storage))
            found.answers.append(invoke("predict", "--json", str(found.picture)))
        assert len(set(found.versions)) == 3
        yield found


@pytest.fixture
def own_champions(champions: Champions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Champions:
    """A copy, to be changed."""
    shutil.copytree(champions.storage, tmp_path / "storage")
    for name in ("MNIST_PIPELINE_STORAGE", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "storage" / ("dagster" if name == "DAGSTER_HOME" else "")))
    return champions._replace(storage=tmp_path / "storage")


def test_every_trained_version_is_listed_with_what_it_was_trained_with(champions: Champions) -> None:
    found = {each["version"]: each for each in history("cnn")}
    assert len(found) == 4  # with the one of the finished run
    for seed, version in enumerate(champions.versions):
        listed = found[version]
        assert (listed["model"], listed["seed"]) == ("cnn", seed)
        assert listed["configuration"]["cnn_model.epochs"] == EPOCHS
        assert listed["champion"]
        assert listed["in_service"] is listed["present"] is (seed == 2)
    evaluated = read("cnn_evaluation")
    assert (found[champions.versions[2]]["accuracy"], found[champions.versions[2]]["errors"]) == (
        evaluated.accuracy,
        evaluated.errors,
    )
    assert {each["model"] for each in history()} == set(MODELS)


def test_a_restored_champion_answers_as_it_did_and_a_run_of_what_changed_leaves_it(own_champions: Champions) -> None:
    for place in (0, 1):
        invoke("restore", own_champions.versions[place][:8])
        assert served(own_champions.storage) == own_champions.files[place]
        assert invoke("predict", "--json", str(own_champions.picture)) == own_champions.answers[place]
    with dg.DagsterInstance.get() as instance:
        stale = out_of_sync(instance, definitions())
        event = instance.get_latest_materialization_event(dg.AssetKey("champion"))
    assert not set(SERVING) & {key.to_user_string() for key in stale}
    assert event is not None
    assert event.asset_materialization is not None
    assert own_champions.versions[1][:8] in str(event.asset_materialization.metadata["reason"].value)
    invoke("run", "--changed", "--select", "key:champion or key:recognizer or key:model_card")
    assert served(own_champions.storage) == own_champions.files[1]
    assert [each["version"] for each in history() if each["in_service"]] == [own_champions.versions[1]]
    invoke("restore", own_champions.versions[2])  # what was in service before can be restored as well
    assert served(own_champions.storage) == own_champions.files[2]


def test_a_restored_champion_and_all_versions_survive_the_loss_of_the_dagster_instance(
    own_champions: Champions,
) -> None:
    invoke("restore", own_champions.versions[0])
    before = history()
    shutil.rmtree(own_champions.storage / "dagster")
    invoke("repair")
    after = history()
    for each, restored in zip(before, after, strict=True):
        times = [datetime.fromisoformat(version.pop("time")) for version in (each, restored)]
        assert abs(times[1] - times[0]) <= timedelta(seconds=1)  # a copy is written a moment after Dagster's record
    assert after == before
    invoke("verify")


def test_what_never_was_champion_is_not_put_into_service(champions: Champions) -> None:
    (mlp,) = history("mlp")
    for name in (mlp["version"], mlp["run"], "0" * 12, "", "x"):
        assert invoke("restore", name, code=1).startswith("Error: ")
    assert served(champions.storage) == champions.files[2]


def test_compared_runs_and_versions_differ_as_their_records_do(champions: Champions) -> None:
    listed = {each["version"]: each for each in history("cnn")}
    first, last = (listed[champions.versions[place]] for place in (0, 2))
    of_runs = json.loads(invoke("compare", first["run"][:8], last["run"][:8], "--json"))
    of_versions = json.loads(invoke("compare", first["version"], last["version"], "--json"))
    (pair,) = of_versions["models"]
    assert pair in of_runs["models"]
    assert [pair[side]["accuracy"] for side in ("before", "after")] == [first["accuracy"], last["accuracy"]]
    assert pair["difference"] == pytest.approx(last["accuracy"] - first["accuracy"])
    low, high = pair["difference_interval"]
    assert low < pair["difference"] < high
    assert pair["p_value"] == scores.mcnemar_p_value(pair["fixed"], pair["broken"])
    assert sum(pair["errors_by_class"]["after"]) == last["errors"]
    assert {"name": "cnn_model.seed", "before": 0, "after": 2} in of_versions["configuration"]
    assert not of_versions["code"] + of_versions["data"] + of_versions["libraries"]
    assert pair["disagreements"]
    assert {(each["before"]["version"], each["after"]["version"]) for each in of_runs["models"]} >= {
        (each["version"], each["version"]) for each in history("mlp")
    }


def test_runs_compare_as_before_after_a_champion_was_restored(own_champions: Champions) -> None:
    runs = {each["version"]: each["run"] for each in history("cnn")}
    compared = ("compare", *(runs[version] for version in own_champions.versions[:2]), "--json")
    before = json.loads(invoke(*compared))["models"]
    invoke("restore", own_champions.versions[0])
    after = json.loads(invoke(*compared))["models"]
    assert [pair["disagreements"] for pair in after] == [pair["disagreements"] for pair in before]


def test_a_run_compared_with_itself_has_no_difference(champions: Champions, tmp_path: Path) -> None:
    (run,) = {each["run"] for each in history() if each["in_service"]}
    found = json.loads(invoke("compare", run, run, "--json"))
    assert not any(found[aspect] for aspect in ("configuration", "code", "data", "libraries"))
    assert not any(pair["disagreements"] or pair["difference"] for pair in found["models"])
    assert {pair["p_value"] for pair in found["models"]} == {1}
    invoke("compare", run, run, "--sheet", str(tmp_path / "none.png"))
    assert not (tmp_path / "none.png").exists()


def test_the_images_with_another_answer_are_drawn(champions: Champions, tmp_path: Path) -> None:
    invoke("compare", *champions.versions[:2], "--sheet", str(tmp_path / "changed.png"))
    with Image.open(tmp_path / "changed.png") as picture:
        assert np.ptp(np.asarray(picture.convert("L"))) > 200


def test_pruning_keeps_the_latest_versions_and_all_champions(
    own_champions: Champions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {each["version"] for each in history("cnn")}
    for seed in (9, 10, 11):
        fast = {"cnn_model": {"config": {"recipe": "FAST"}}}
        config = {"ops": fast, "resources": {"seed": {"config": {"value": seed}}}}
        (tmp_path / "run.yaml").write_text(json.dumps(config))
        invoke("run", "--select", "key:cnn_model", "--config", str(tmp_path / "run.yaml"))
    monkeypatch.setenv("MNIST_PIPELINE_VERSIONS", "1")
    invoke("prune", "--keep", "0")
    found = history("cnn")
    assert {each["version"] for each in found if each["seed"] not in (9, 10, 11)} == before
    assert {each["seed"] for each in found} >= {10, 11}  # the latest former version, and the present one
    assert 9 not in {each["seed"] for each in found}
    invoke("restore", own_champions.versions[0])
    assert served(own_champions.storage) == own_champions.files[0]


def test_a_champion_whose_card_is_not_kept_can_be_restored(own_champions: Champions) -> None:
    shutil.rmtree(own_champions.storage / "versions" / "model_card")
    invoke("restore", own_champions.versions[0])
    assert served(own_champions.storage)[:2] == own_champions.files[0][:2]
    invoke("run", "--changed", "--select", "key:model_card")
    assert card.fingerprint(read("champion")) in read("model_card")


def test_a_damaged_former_value_is_reported_and_pruned(own_champions: Champions) -> None:
    (former,) = (own_champions.storage / "versions" / "cnn_model").glob(f"{own_champions.versions[0][:16]}.*")
    former.unlink()
    former.write_bytes(b"other")
    assert str(former.name) in invoke("verify", code=1)
    invoke("prune")
    assert own_champions.versions[0] not in {each["version"] for each in history("cnn")}
    assert own_champions.versions[1] in {each["version"] for each in history("cnn")}


def test_a_forged_record_of_a_former_value_is_reported_and_pruned(own_champions: Champions) -> None:
    former, present = storage.current().former, storage.current().published.manifest("cnn_model")
    assert present is not None
    name, manifest = next(iter(former.of("cnn_model").items()))
    escaping = {**manifest.origin, "run": "\x1b[2J", "time": manifest.origin["time"] - 1}
    former.keep(present, 1.0, escaping)
    for time, changed in enumerate([{"other": 1}, {"inputs": [1]}, {"metadata": None}], 2):
        former.keep(present, time, {**manifest.origin, **changed})
    assert all(line.isprintable() for line in invoke("history").splitlines())
    assert sum("only a former value" in line for line in invoke("verify", code=1).splitlines()) == 3
    invoke("prune")
    assert name in former.of("cnn_model")
    invoke("verify")


def test_the_report_has_the_comparison_with_the_run_before(own_champions: Champions) -> None:
    invoke("run", "--select", "key:evaluation_report")
    since = json.loads((own_champions.storage / "report" / "report.json").read_text())["since_last_run"]
    runs = {each["version"]: each["run"] for each in history("cnn")}
    before, after = (runs[version] for version in own_champions.versions[1:])
    assert (since["before"], since["after"]) == (before, after)
    compared = json.loads(invoke("compare", before, after, "--json"))
    assert {name: compared[name] for name in since if name not in ("before", "after")} == {
        name: value for name, value in since.items() if name not in ("before", "after")
    }
