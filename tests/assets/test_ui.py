"""The Dagster UI over a finished run, in headless Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import ARGUMENTS, CHROMIUM
from click.testing import Result
from playwright.sync_api import Page, expect, sync_playwright

from assets import cli
from assets.settings import PROJECT

PATIENCE = 90_000  # milliseconds, on a machine that is busy
ATTEMPTS = 120

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def address(
    finished_run: tuple[Result, Path], slice_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where `mnist-pipeline ui` serves a copy of the finished run."""
    storage = tmp_path_factory.mktemp("ui") / "storage"
    shutil.copytree(finished_run[1], storage)
    with socket.socket() as probe:
        probe.bind((cli.LOCALHOST, 0))
        port = probe.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "DAGSTER_HOME"}
    environment |= {"MNIST_PIPELINE_DATA": str(slice_directory), "MNIST_PIPELINE_STORAGE": str(storage)}
    command = [str(Path(sys.executable).with_name("mnist-pipeline")), "ui", "--port", str(port)]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, start_new_session=True)
    try:
        _wait_until_served(process, f"http://{cli.LOCALHOST}:{port}")
        yield f"http://{cli.LOCALHOST}:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


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


def test_the_page_of_a_materialized_asset_shows_its_figure(address: str, page: Page) -> None:
    page.goto(f"{address}/assets/eigendecomposition")
    expect(page.get_by_text("components hold 90% of the variance").first).to_be_visible()
    page.get_by_text("[Show Markdown]").first.click()
    figure = page.locator('img[alt="eigenvalues"]')
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.complete && image.naturalWidth > 200")
    page.keyboard.press("Escape")


def test_the_checks_of_an_asset_are_shown_with_what_they_measured(address: str, page: Page) -> None:
    page.goto(f"{address}/assets/covariance?view=checks")
    expect(page.get_by_text("positive_semidefinite").first).to_be_visible()
    expect(page.get_by_text("symmetric", exact=True).first).to_be_visible()


def test_the_schedule_and_the_sensor_are_there_and_off(address: str, page: Page) -> None:
    page.goto(f"{address}/automation")
    for name in ("weekly_retraining", "changed_raw_files"):
        expect(page.get_by_text(name).first).to_be_visible()
    assert page.locator('input[type="checkbox"]:checked').count() == 0


def test_the_run_made_on_the_command_line_is_there(address: str, page: Page) -> None:
    page.goto(f"{address}/runs")
    expect(page.get_by_text("Success").first).to_be_visible()
    expect(page.get_by_text("everything").first).to_be_visible()


def test_the_daemon_that_schedules_need_is_running(address: str, page: Page) -> None:
    page.goto(f"{address}/deployment/daemons")
    row = page.get_by_text("Scheduler", exact=True).first
    expect(row).to_be_visible()
    expect(page.get_by_text("Running", exact=True).first).to_be_visible()


def _wait_until_served(process: subprocess.Popen[bytes], address: str) -> None:
    for _ in range(ATTEMPTS):
        assert process.poll() is None, "mnist-pipeline ui ended early"
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"nothing is served at {address}")
