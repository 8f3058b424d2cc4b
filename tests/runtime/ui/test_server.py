"""The Dagster UI over a finished run, in headless Chromium."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from support.browser import ARGUMENTS, CHROMIUM
from support.graph_fixtures import Outcome
from support.served import served_ui

from mnist_pipeline.runtime.ui.addresses import LOCALHOST

PATIENCE = 90_000  # milliseconds, on a machine that is busy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def served(
    finished_run: tuple[Outcome, Path], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The address where `mnist-pipeline ui` serves a copy of the finished run, and its storage."""
    storage = tmp_path_factory.mktemp("ui") / "storage"
    shutil.copytree(finished_run[1], storage)
    with served_ui(slice_directory, storage) as port:
        yield f"http://{LOCALHOST}:{port}", storage


@pytest.fixture(scope="module")
def address(served: tuple[str, Path]) -> str:
    return served[0]


@pytest.fixture(scope="module")
def served_storage(served: tuple[str, Path]) -> Path:
    return served[1]


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        browser.close()


def test_the_lineage_page_shows_the_groups_of_the_graph(address: str, page: Page) -> None:
    page.goto(f"{address}/asset-groups")
    for group in ("digits", "pca", "harris", "knn", "softmax", "networks", "evaluation"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()


def test_the_drawing_page_links_to_the_ui(address: str, page: Page) -> None:
    page.goto(f"{address}/draw")
    expect(page.get_by_text("Draw a digit with mouse")).to_be_visible()  # the recognizer is loaded
    page.get_by_role("link", name="The pipeline in Dagster").click()
    page.wait_for_url(lambda url: "/draw" not in url)
    expect(page.get_by_text("Runs").first).to_be_visible()


def test_the_page_of_a_materialized_asset_shows_its_figure(address: str, page: Page) -> None:
    page.goto(f"{address}/assets/eigendecomposition")
    expect(page.get_by_text("components hold 90% of the variance").first).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    figure = page.locator('img[alt="eigenvalues"]')
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.complete && image.naturalWidth > 200")
    page.keyboard.press("Escape")


def test_the_checks_of_an_asset_are_shown(address: str, page: Page) -> None:
    page.goto(f"{address}/assets/covariance?view=checks")
    expect(page.get_by_text("positive_semidefinite").first).to_be_visible()
    expect(page.get_by_text("symmetric", exact=True).first).to_be_visible()


def test_the_schedule_and_the_sensor_are_off(address: str, page: Page) -> None:
    page.goto(f"{address}/automation")
    for name in ("weekly_retraining", "changed_raw_files"):
        expect(page.get_by_text(name).first).to_be_visible()
    assert page.locator('input[type="checkbox"]:checked').count() == 0


def test_the_run_of_the_command_line_is_shown(address: str, page: Page) -> None:
    page.goto(f"{address}/runs")
    expect(page.get_by_text("Success").first).to_be_visible()
    expect(page.get_by_text("everything").first).to_be_visible()


def test_the_daemon_that_schedules_need_is_running(address: str, page: Page) -> None:
    page.goto(f"{address}/deployment/daemons")
    row = page.get_by_text("Scheduler", exact=True).first
    expect(row).to_be_visible()
    expect(page.get_by_text("Running", exact=True).first).to_be_visible()


def test_a_run_of_another_process_is_shown_live(address: str, served_storage: Path, page: Page) -> None:
    frames: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame))))
    with dg.DagsterInstance.from_config(str(served_storage / "dagster")) as instance:
        run = dg.DagsterRun(job_name="everything", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
        instance.add_run(run)
        page.goto(f"{address}/runs/{run.run_id}")
        instance.report_engine_event("first message of another process", run)
        expect(page.get_by_text("first message of another process").first).to_be_visible()
        assert not page.get_by_text("second message of another process").count()
        instance.report_engine_event("second message of another process", run)
        expect(page.get_by_text("second message of another process").first).to_be_visible()
        instance.report_run_canceled(run)
    assert any("second message of another process" in frame for frame in frames), "it came over the WebSocket"
