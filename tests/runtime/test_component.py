"""The component: instances of the graph in a Dagster project of their own."""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import pytest
from support.graph_fixtures import invoke, names, requests
from support.shapes import write_shapes

from assets.definitions import defs
from mnist_pipeline.data.errors import DatasetError
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.readers import READERS
from mnist_pipeline.runtime.graph.results import STORAGE
from mnist_pipeline.runtime.project import PROJECT, GraphError
from mnist_pipeline.runtime.storage.storage import Storage

PLAIN = defs.resolve_asset_graph()
PAGE = (PROJECT / "docs" / "own-project.md").read_text(encoding="utf-8")
SHORT = {"config": {"recipe": "NOTEBOOK", "epochs": 1}}
SETTINGS = {"softmax_model": {"config": {"epochs": 2}}, "mlp_model": SHORT, "cnn_model": SHORT}
YAML = "type: mnist_pipeline.ImageClassification\nattributes:\n"


def project(directory: Path, **instances: str) -> Path:
    """A Dagster project with instances of the component, each with its attributes in YAML."""
    package = directory / f"project_{directory.name.replace('-', '_')}"
    for name, attributes in instances.items():
        (package / "defs" / name).mkdir(parents=True)
        (package / "defs" / name / "defs.yaml").write_text(f"{YAML}  {attributes}\n")
    for folder in (package, package / "defs"):
        (folder / "__init__.py").touch()
    settings = (
        '[tool.dg]\ndirectory_type = "project"\n'
        f'[tool.dg.project]\nroot_module = "{package.name}"\n'
    )
    (directory / "pyproject.toml").write_text(settings)
    return package


def load(package: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("MNIST_PIPELINE_DATA", str(package / "absent"))
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(package / "unused"))
    before = dict(os.environ)
    loaded = dg.load_from_defs_folder(path_within_project=package)
    assert os.environ == before
    return loaded


def run(
    loaded: dg.Definitions, job: str, instance: dg.DagsterInstance, *assets: str, **config: Any
) -> Any:
    keys = [dg.AssetKey([job, asset]) for asset in assets] or None
    return loaded.resolve_job_def(job).execute_in_process(
        config or None, instance=instance, asset_selection=keys
    )


def test_the_names_of_instances_do_not_meet(tmp_path, monkeypatch):
    schedule = "{data: ., schedule: '@daily', automation: true}"
    package = project(tmp_path, **{"2024": "data: .", "web/my-shoes": schedule})
    loaded = load(package, monkeypatch)
    graph, repository = loaded.resolve_asset_graph(), loaded.get_repository_def()
    found = {
        name: {key for key in graph.get_all_asset_keys() if key.path[0] == name}
        for name in ("2024", "web_my_shoes")
    }
    assert set().union(*found.values()) == graph.get_all_asset_keys()
    assert {key.path[1] for key in found["2024"]} == {key.path[1] for key in found["web_my_shoes"]}
    for name, keys in found.items():
        own = [graph.get(key) for key in keys]
        assert {parent.path[0] for node in own for parent in node.parent_keys} == {name}
        assert all(str(node.group_name).startswith(f"{name}_") for node in own)
        assert all(
            node.code_version == PLAIN.get(dg.AssetKey(node.key.path[-1])).code_version
            for node in own
        )
    assert {job.name for job in repository.get_all_jobs()} == {"__ASSET_JOB", *found}
    assert [each.name for each in repository.schedule_defs] == ["web_my_shoes_schedule"]
    assert [each.name for each in repository.sensor_defs] == ["web_my_shoes_automation"]
    automated = {key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition}
    on_request = dg.AssetKey(["web_my_shoes", "labels_to_check"])
    assert automated == found["web_my_shoes"] - {on_request}
    nodes = {node.name for node in repository.get_job("2024").nodes}
    steps = {name for name in nodes if not name.endswith("__checks")}
    others = {"data_directory", "labels_to_check"}
    assert steps == {key.path[1] for key in found["2024"]} - others


def test_the_schedule_of_an_instance_runs_its_job_whatever_other_instances_do(
    tmp_path, monkeypatch, instance_on_disk
):
    instance = instance_on_disk
    scheduled = "{data: ., io_manager: warehouse, schedule: '@daily'}"
    others = "{data: tests, io_manager: warehouse}"
    loaded = load(host(tmp_path, "warehouse", few=scheduled, many=others), monkeypatch)
    (schedule,) = loaded.get_repository_def().schedule_defs
    assert (schedule.job_name, schedule.default_status.value) == ("few", "STOPPED")
    for job, is_skipped in (("many", False), ("few", True)):
        run = instance.create_run_for_job(
            loaded.resolve_job_def(job), status=dg.DagsterRunStatus.STARTED
        )
        with dg.build_schedule_context(instance=instance) as context:
            outcome = schedule.evaluate_tick(context)
        assert bool(outcome.run_requests) != is_skipped
        assert all(request.asset_selection is None for request in outcome.run_requests or ())
        instance.report_run_canceled(run)


@pytest.mark.parametrize(
    ("instances", "words"),
    [
        ({"photos": "data: ''"}, ("photos", "data", "''")),
        ({"photos": "{data: ., background: paper}"}, ("photos", "'paper'")),
        ({"photos": "{data: ., seed: -1}"}, ("photos", "seed", "-1")),
        (
            {"photos": "{data: ., storage: one}", "shoes": "{data: .., storage: ./one/}"},
            ("'.'", "'..'", "storage", "one'"),
        ),
        (
            {"web/icons": "{data: ., storage: a}", "web_icons": "{data: ., storage: b}"},
            ("web_icons", "name"),
        ),
        ({"photos": f"data: .\n---\n{YAML}  data: pyproject.toml"}, ("photos", "name")),
        ({"photos": "{data: ., storage: ''}"}, ("photos", "storage", "''")),
        ({"photos": "{data: ., storage: 'gone://b'}"}, ("photos", "storage", "'gone://b'")),
        ({"a": "{data: ., io_manager: warehouse}", "b": "data: tests"}, ("io_manager",)),
    ],
)
def test_an_instance_that_cannot_run_is_one_line_when_definitions_load(
    instances, words, tmp_path, monkeypatch
):
    with pytest.raises(Exception, match="Error while building definitions") as raised:
        load(project(tmp_path, **instances), monkeypatch)
    reason = raised.value.__cause__
    assert isinstance(reason, GraphError)
    assert "\n" not in str(reason)
    assert all(word in str(reason) for word in words)


def test_owners_and_variables_are_set_as_the_page_says(tmp_path, monkeypatch):
    (text,) = re.findall(
        '^```yaml title=".*/defs.yaml"\n(post_processing.*?)^```', PAGE, re.M | re.S
    )
    package = project(tmp_path, photos="data: '{{ env.PHOTOS }}'\n" + text)
    monkeypatch.setenv("PHOTOS", "pictures")
    graph = load(package, monkeypatch).resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert all(node.owners == ["team:photos", "ann@example.com"] for node in nodes)
    assert {str(node.metadata["location"]["data"]) for node in nodes} == {
        str(tmp_path / "pictures")
    }
    (observed,) = (node.key.path[-1] for node in nodes if node.automation_condition)
    assert observed == "data_directory"


def test_an_instance_without_its_data_fails_alone_and_data_may_have_an_address(
    slice_directory, tmp_path, monkeypatch, instance
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = f"memory://{tmp_path.name}/digits"
    files = fsspec.filesystem("memory")
    files.put(str(slice_directory), address.removeprefix("memory:/"), recursive=True)
    package = project(
        tmp_path,
        here=f"data: '{slice_directory}'",
        gone="data: gone",
        there=f"{{data: '{address}', storage: results}}",
    )
    loaded = load(package, monkeypatch)
    for name in ("here", "there"):
        assert run(loaded, name, instance, "raw_mnist").success
    with pytest.raises(DatasetError, match=r"gone does not exist"):
        run(loaded, "gone", instance)
    stored = [Storage(str(tmp_path / name)) for name in ("storage/here", "results")]
    assert len({storage.read("raw_mnist").checksum for storage in stored}) == 1


def test_the_colours_of_an_instance_are_those_of_its_attributes(tmp_path, monkeypatch, instance):
    pictures = write_shapes(tmp_path / "pictures", per_class=8)
    loaded = load(
        project(
            tmp_path,
            grey=f"{{data: '{pictures}', color: false}}",
            navy=f"{{data: '{pictures}', color: true, background: navy}}",
        ),
        monkeypatch,
    )
    for name, color, ground in (("grey", False, "#ffffff"), ("navy", True, "#000080")):
        assert run(loaded, name, instance, "raw_mnist").success
        found = Storage(str(tmp_path / "storage" / name)).read("raw_mnist").data_set
        assert (found.color, found.ground) == (color, ground)
    graph = loaded.resolve_asset_graph()
    keys = [dg.AssetKey([name, "raw_mnist"]) for name in ("grey", "navy")]
    assert len({graph.get(key).code_version for key in keys}) == 2


@pytest.mark.slow
def test_an_instance_has_a_report_checks_automation_and_the_commands(
    tmp_path, monkeypatch, instance_on_disk
):
    instance = instance_on_disk
    pictures = write_shapes(tmp_path / "pictures", per_class=8)
    for file in [*pictures.glob("*/*")]:
        shutil.copy(file, file.with_stem(f"{file.stem}-again"))
    attributes = f"{{data: '{pictures}', automation: true, seed: '{{{{ env.SEED }}}}'}}"
    monkeypatch.setenv("SEED", "3")
    package = project(tmp_path, few=attributes)
    (executor,) = re.findall('^```python title=".*/executor.py"\n(.*?)^```', PAGE, re.M | re.S)
    (package / "defs" / "executor.py").write_text(executor)
    loaded = load(package, monkeypatch)
    assert loaded.executor is dg.in_process_executor
    requested = requests(loaded, instance)

    def observed() -> set[str]:
        """Observe the files; return what automation requests."""
        files = [dg.AssetKey(["few", "data_directory"])]
        job = loaded.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(asset_selection=files, instance=instance).success
        return requested()

    graph = loaded.resolve_asset_graph()
    result = run(loaded, "few", instance, ops=SETTINGS)
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    failed = {found.check_name: found.asset_key for found in evaluations if not found.passed}
    assert failed["no_duplicates"] == dg.AssetKey(["few", "train_digits"])
    assert observed() == set()
    next(pictures.glob("*/*-again*")).unlink()
    assert observed() == names(READERS.resolve(graph))
    storage = tmp_path / "storage" / "few"
    origin = Storage(str(storage)).origin("softmax_model")["metadata"]
    assert (origin["config"]["epochs"], origin["seed"]) == (2, 3)
    (event,) = result.asset_materializations_for_node("evaluation_report")
    page = Path(str(event.metadata["dagster/uri"].value))
    assert page.read_text() == Storage(str(storage)).read("evaluation_report").html
    variables = {"MNIST_PIPELINE_STORAGE": str(storage)}
    assert Path(invoke("report", env=variables).strip()).read_text() == page.read_text()
    assert all(model in invoke("history", env=variables) for model in MODELS)


def host(directory: Path, key: str, **instances: str) -> Path:
    """A project with the resources of the page, one of them the IO manager `key`, which stores
    pickles in `warehouse`.
    """
    package = project(directory, **instances)
    (text,) = re.findall('^```python title=".*/resources.py"\n(.*?)^```', PAGE, re.M | re.S)
    assert "seed" in text
    (package / "defs" / "resources.py").write_text(text.replace('"warehouse": ', f'"{key}": '))
    return package


@pytest.mark.slow
@pytest.mark.usefixtures("without_drawing")
def test_a_host_project_stores_an_instance_with_its_own_io_manager(
    tmp_path, monkeypatch, instance_on_disk
):
    instance = instance_on_disk
    few = f"data: '{write_shapes(tmp_path / 'pictures', per_class=8)}'"
    package = host(tmp_path, "warehouse", few=f"{{{few}, io_manager: warehouse}}")
    monkeypatch.chdir(tmp_path)
    loaded = load(package, monkeypatch)
    assert run(loaded, "few", instance, ops=SETTINGS).success
    # Without a champion in service, a model is chosen anew.
    assert run(loaded, "few", instance, "champion", "recognizer", "evaluation_report").success
    assert not (tmp_path / "storage").exists()
    stored = {path.name for path in (tmp_path / "warehouse" / "few").iterdir()}
    assert {"raw_mnist", "champion", "evaluation_report"} <= stored
    report = loaded.load_asset_value(["few", "evaluation_report"], instance=instance)
    assert "<html" in report.html
    assert report.document["assets"]["knn_model"]["data_version"] is None


def test_a_host_project_may_define_the_io_manager_of_all_instances(
    slice_directory, tmp_path, monkeypatch, instance
):
    few = f"{{data: '{slice_directory}', io_manager: {STORAGE}}}"
    loaded = load(host(tmp_path, STORAGE, few=few), monkeypatch)
    own = loaded.resolve_asset_graph().get(dg.AssetKey(["few", "raw_mnist"]))
    # What another IO manager has stored is stale.
    assert own.code_version != PLAIN.get(dg.AssetKey("raw_mnist")).code_version
    monkeypatch.chdir(tmp_path)
    assert run(loaded, "few", instance, "raw_mnist").success
    assert (tmp_path / "warehouse" / "few" / "raw_mnist").is_file()
    assert not (tmp_path / "storage").exists()


def test_a_resource_that_a_run_sets_comes_before_the_attribute_of_the_instance(
    slice_directory, tmp_path, monkeypatch, instance
):
    loaded = load(project(tmp_path, few="{data: absent, seed: 3}"), monkeypatch)
    resources = {
        "mnist_data": {"config": {"data": str(slice_directory)}},
        STORAGE: {"config": {"storage": str(tmp_path / "other")}},
    }
    assert run(loaded, "few", instance, "raw_mnist", resources=resources).success
    assert Storage(str(tmp_path / "other")).keys() == ["raw_mnist"]
