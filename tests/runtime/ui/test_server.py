"""The Dagster UI over a finished run, in headless Chromium."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Page, expect
from support.browser import PATIENCE, launch_browser
from support.graph_fixtures import Outcome, copy_storage
from support.served import served_ui

from mnist_pipeline.runtime.ui.server import LOCALHOST

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def storage(finished_run: tuple[Outcome, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the storage of the finished run."""
    return copy_storage(finished_run[1], tmp_path_factory.mktemp("ui") / "storage")


@pytest.fixture(scope="module")
def page(storage: Path, slice_directory: Path) -> Iterator[Page]:
    """A browser for the UI that `mnist-pipeline ui` serves over that storage."""
    with served_ui(slice_directory, storage) as port, launch_browser() as browser:
        page = browser.new_page(base_url=f"http://{LOCALHOST}:{port}", viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PATIENCE)
        yield page


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("/asset-groups", ["digits", "pca", "harris", "knn", "softmax", "networks", "evaluation"]),
        ("/assets/covariance?view=checks", ["positive_semidefinite", "symmetric"]),
        ("/automation", ["weekly_retraining", "changed_raw_files"]),
        ("/deployment/daemons", ["Scheduler", "Running"]),
    ],
)
def test_a_page_of_the_ui_shows_the_pipeline(path: str, texts: list[str], page: Page) -> None:
    page.goto(path)
    for text in texts:
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    assert page.locator('input[type="checkbox"]:checked').count() == 0, "schedules and sensors are off"


def test_the_page_of_a_materialized_asset_shows_its_figure(page: Page) -> None:
    page.goto("/assets/eigendecomposition")
    expect(page.get_by_text("90% of the variance").first).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    figure = page.locator('img[alt="eigenvalues"]')
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.complete && image.naturalWidth > 200")
    page.keyboard.press("Escape")


def test_a_run_of_another_process_is_shown_live(storage: Path, page: Page) -> None:
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    with dg.DagsterInstance.from_config(str(storage / "dagster")) as instance:
        run = dg.DagsterRun(job_name="everything", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        page.goto(f"/runs/{run.run_id}")
        instance.report_engine_event("first message of another process", run)
        expect(page.get_by_text("first message of another process").first).to_be_visible()
        assert not page.get_by_text("second message of another process").count()
        instance.report_engine_event("second message of another process", run)
        expect(page.get_by_text("second message of another process").first).to_be_visible()
        instance.report_run_canceled(run)
    assert any("second message of another process" in frame for frame in frames), "it came over the WebSocket"
