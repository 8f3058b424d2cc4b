"""A headless browser for the tests of pages, and an accessibility checker that runs in it."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.servers import missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
)
PATIENCE = 90_000  # milliseconds, on a busy machine
NEXT_FRAME = """() => new Promise((resolve) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => resolve(true)))))"""
PAINTED = "canvas => canvas.toDataURL()"
AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"


@contextlib.contextmanager
def launch_browser() -> Iterator[Browser]:
    """Run Chromium until the context ends; skip the test if there is none."""
    if CHROMIUM is None:
        missing("Chromium (Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser(finished_run) -> Iterator[Browser]:
    """One browser per process of the tests.

    While it runs, nothing else in the process can run an event loop: the run of the graph comes
    before, and tests/conftest.py puts the tests with a browser last.
    """
    with launch_browser() as browser:
        yield browser


def open_report(browser: Browser, address: str, messages: list[str], **view: Any) -> Page:
    """Open the report, and collect what the page logs."""
    page = browser.new_page(**view)
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    page.locator("#figure-draw .hint").wait_for()  # the first digit has drawn itself
    return page


def choose(figure: Locator, name: str) -> None:
    """Choose the test digit of a class, and wait until the figure shows it."""
    from playwright.sync_api import expect

    figure.scroll_into_view_if_needed()
    figure.page.wait_for_function(NEXT_FRAME)  # figures on the screen follow the digit
    chooser = figure.page.locator("nav .choose")
    button = chooser.get_by_role("button", name=name, exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def painted(canvas: Locator) -> str:
    """What a canvas shows, as an address of data."""
    return str(canvas.evaluate(PAINTED))


def expect_painted(canvas: Locator, other: str, *, same: bool) -> None:
    """Wait until a canvas shows a picture that `painted` returned, or another one."""
    canvas.page.wait_for_function(
        f"([canvas, other, same]) => (({PAINTED})(canvas) === other) === same",
        arg=[canvas.element_handle(), other, same],
        timeout=PATIENCE,
    )


def serious_findings(page: Page) -> list[tuple[str, str, str]]:
    """Problems that axe-core finds, except minor ones: rule, impact, the first element."""
    if not AXE.exists():
        missing("axe-core, which make test installs with npm")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10, "axe-core checked the page"
    return [
        (violation["id"], violation["impact"], violation["nodes"][0]["html"][:120])
        for violation in found["violations"]
        if violation["impact"] != "minor"
    ]
