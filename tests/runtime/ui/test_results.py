"""The report and the figures, as the UI serves them."""

from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mnist_pipeline.runtime.project import FIGURES, REPORT
from mnist_pipeline.runtime.ui import results

CLIENT = TestClient(Starlette(routes=results.routes("evaluation_report")))


def test_the_report_is_served_as_stored_in_a_sandbox_without_access_to_the_ui(finished: Path) -> None:
    answer = CLIENT.get(REPORT)
    page, _, _ = (finished / "report" / "index.html").read_text().rpartition("\n<!-- report.json")
    assert answer.text == page
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert not {"allow-same-origin", "connect-src"} & set(policy.replace(";", " ").split())


def test_every_figure_that_metadata_links_is_served_in_full_size(finished: Path) -> None:
    figures = list(finished.glob("figures/*/*.png"))
    assert len(figures) > 20
    for path in figures:
        answer = CLIENT.get(f"{FIGURES}/{path.parent.name}/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())


@pytest.mark.parametrize(
    "path",
    [
        f"{REPORT}/another_data_set",
        f"{FIGURES}/cnn_evaluation/unknown.png",
        f"{FIGURES}/unknown/confusion.png",
        f"{FIGURES}/%2e%2e/manifests/champion.png",
        f"{FIGURES}/confusion.png",
        f"{FIGURES}/other/cnn_evaluation/confusion.png",
    ],
)
def test_what_is_not_stored_is_not_found(path: str, finished: Path) -> None:
    assert CLIENT.get(path).status_code == 404


def test_a_damaged_figure_is_not_served(own_copy: tuple[Path, Path]) -> None:
    path = own_copy[1] / "figures" / "covariance" / "covariance.png"
    Image.new("L", (9, 9)).save(path)
    assert CLIENT.get(f"{FIGURES}/covariance/covariance.png").status_code == 404
