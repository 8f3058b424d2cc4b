"""`mnist-pipeline run` over a slice of the real data: the whole graph, once."""

import json
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from support.graph_fixtures import Outcome

from mnist_pipeline.cli import main as cli
from mnist_pipeline.cli import selection
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.results import HEADLINE, SECONDS
from mnist_pipeline.runtime.project import CODE_LOCATION, FIGURES

pytestmark = pytest.mark.slow

KEYS = sorted(key.to_user_string() for key in selection.select_assets("*"))
SHOWS_FIGURE = {
    "digit_images": "digits",
    "covariance": "covariance",
    "eigendecomposition": "eigenvalues",
    "projections": "scatter",
    "reconstructions": "reconstructions",
    "harris_corners": "corners",
    "softmax_model": "templates",
    "cnn_kernels": "kernels",
    "cnn_errors": "errors",
    **{f"{model}_evaluation": "confusion" for model in MODELS},
}


@pytest.fixture
def materializations(finished: Path) -> dict[str, dg.AssetMaterialization]:
    with dg.DagsterInstance.get() as instance:
        events = {key: instance.get_latest_materialization_event(dg.AssetKey(key)) for key in KEYS}
    return {key: event.asset_materialization for key, event in events.items() if event and event.asset_materialization}


@pytest.fixture
def report(finished: Path) -> dict[str, object]:
    return json.loads((finished / "report" / "report.json").read_text())


def test_every_asset_is_materialized_and_named_as_it_finishes(
    finished_run: tuple[Outcome, Path], materializations: dict[str, dg.AssetMaterialization]
) -> None:
    assert sorted(materializations) == KEYS
    lines = finished_run[0].output.splitlines()
    for model in ("softmax_model", "mlp_model", "cnn_model"):
        assert any(line.split()[:2] == [model, "epoch"] for line in lines)
    for key, materialization in materializations.items():
        headline = str(materialization.metadata[HEADLINE].value)
        assert any(line.split()[:1] == [key] and line.endswith(headline) for line in lines), key


def test_the_run_ends_with_the_table_of_models_and_the_report(
    finished_run: tuple[Outcome, Path], report: dict[str, dict[str, dict[str, object]]]
) -> None:
    result, directory = finished_run
    lines = result.output.splitlines()
    for model, figures in report["models"].items():
        row = next(line for line in lines if line.split()[:2] == [model, f"{figures['accuracy']:.2%}"])
        assert str(figures["errors"]) in row.split()
    assert f"Report: {directory}/report/index.html" in lines


def test_every_asset_records_its_seconds_its_path_its_checksum_and_its_figures(
    materializations: dict[str, dg.AssetMaterialization],
) -> None:
    for key, materialization in materializations.items():
        assert float(materialization.metadata[SECONDS].value) >= 0, key
        path = Path(str(materialization.metadata["path"].value))
        assert path.stat().st_size == materialization.metadata["bytes"].value, key
        assert len(materialization.tags["dagster/data_version"]) == 64, key
    for key, figure in SHOWS_FIGURE.items():  # small in the metadata, complete in a file
        metadata = materializations[key].metadata
        preview = str(metadata[figure].value)
        assert preview.startswith(f"[![{figure}](data:image/png;base64,")
        assert preview.endswith(f"]({FIGURES}/{key}/{figure}.png)")
        assert len(preview) < 30_000
        assert Path(str(metadata[f"{figure}_file"].value)).read_bytes().startswith(b"\x89PNG")


def test_a_run_belongs_to_the_code_location_and_has_no_tag_that_the_ui_shows(finished: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert not [tag for tag in run.tags if not tag.startswith((".dagster/", "dagster/"))]
        assert run.remote_job_origin
        assert run.remote_job_origin.location_name == CODE_LOCATION
        assert run.remote_job_origin.job_name == run.job_name == "everything"


def test_the_report_contains_the_promised_numbers(report: dict) -> None:
    for model in ("knn", "softmax", "mlp", "cnn"):
        figures = report["models"][model]
        low, high = figures["interval"]
        assert low <= figures["accuracy"] <= high
        assert figures["errors"] == round((1 - figures["accuracy"]) * report["data"]["test"])
        assert figures["seconds"] > 0
    assert len(report["pca"]["eigenvalues"]) == 784
    for k in ("2", "3", "5", "10", "20", "50", "100"):
        assert 0 < report["pca"]["explained_share"][k] < 1
        assert report["pca"]["test_rmse"][k] > 0
    assert report["harris"]["max_relative_difference"] <= 1e-10
    assert (report["data"]["train"], report["data"]["test"]) == (2_000, 500)


def test_a_selection_with_configuration_materializes_just_that(storage: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("ops: {softmax_model: {config: {epochs: 2}}}\nresources: {seed: {config: {value: 5}}}\n")
    result = CliRunner().invoke(cli.main, ["run", "--select", "+key:softmax_model", "--config", str(config)])
    assert result.exit_code == 0, result.output
    stored = sorted(path.stem for path in (storage / "assets").iterdir())
    assert stored == ["raw_mnist", "softmax_model", "train_digits"]
    assert "after 2 epochs" in result.output
