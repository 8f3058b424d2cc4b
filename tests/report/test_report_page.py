"""The report of the finished run in headless Chromium: on a laptop and in the dark on a phone, and without scripts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page
from support.browser import launch_browser, needs_axe, serious_findings

VIEWS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark phone": {"viewport": {"width": 360, "height": 900}, "color_scheme": "dark"},
}
MIN_SIZE = 10  # pixels of text in a figure, as displayed

pytestmark = pytest.mark.browser


class View(NamedTuple):
    """The page with its console messages and requests."""

    page: Page
    messages: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(finished_run: tuple[Any, Path]) -> str:
    return (finished_run[1] / "report" / "index.html").as_uri()


@pytest.fixture(scope="module", params=VIEWS.values(), ids=VIEWS.keys())
def view(request: pytest.FixtureRequest, browser: Browser, address: str) -> View:
    page = browser.new_context(**request.param).new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    return View(page, messages, requests)


@pytest.fixture
def page(view: View) -> Page:
    return view.page


def test_it_requests_nothing_and_logs_nothing(view: View) -> None:
    view.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert [url for url in view.requests if not url.startswith("data:")] == view.requests[:1]
    assert view.messages == []


def test_nothing_is_wider_than_the_screen_or_cut_off(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((each) => !each.closest(".scroll, .formula, svg"))
            .filter((each) => each.getBoundingClientRect().right > innerWidth + 1
                || (each.scrollWidth > each.clientWidth + 1
                    && !["visible", "auto"].includes(getComputedStyle(each).overflowX)))
            .map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert cut == []


def test_the_text_of_figures_is_large_enough_to_read(page: Page) -> None:
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("figure :is(svg text, li span, figcaption, td, th)")]
            .filter((text) => text.textContent.trim() && text.checkVisibility())
            .map((text) => [parseFloat(getComputedStyle(text).fontSize)
                * (text.ownerSVGElement ? text.ownerSVGElement.getScreenCTM().a : 1), text.textContent])"""
    )
    assert len(sizes) > 100
    assert [each for each in sizes if each[0] < MIN_SIZE] == []


def test_the_slider_enlarges_a_row_of_the_grid(page: Page) -> None:
    figure = page.locator("#figure-reconstructions")
    slider, step, enlarged = figure.locator("input"), figure.locator(".step.chosen"), figure.locator(".control img")
    slider.focus()
    for key, k in (("Home", 2), ("ArrowRight", 3), ("End", 100)):
        page.keyboard.press(key)
        assert step.locator("span").inner_text() == f"k = {k}"
        assert enlarged.get_attribute("src") == step.locator("img").get_attribute("src")
        assert (slider.get_attribute("aria-valuetext") or "").startswith(f"k = {k}")


def test_the_scatter_shows_the_digit_of_the_mark_at_the_pointer_and_of_its_neighbours_by_arrow_keys(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    mark = scatter.locator("#scatter-class-7 use").first
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert scatter.locator(".message").inner_text().endswith("class 7")
    assert scatter.locator(".sprite").is_visible()
    scatter.locator(".plot").focus()
    before = float(scatter.locator(".ring").get_attribute("cx") or "nan")
    page.keyboard.press("ArrowLeft")
    assert float(scatter.locator(".ring").get_attribute("cx") or "nan") < before
    scatter.get_by_role("button", name="only class 7").click()
    groups = [scatter.locator(f"#scatter-class-{label}") for label in (7, 1)]
    assert [group.evaluate("each => getComputedStyle(each).opacity") for group in groups] == ["1", "0.12"]


def test_a_cell_of_a_confusion_matrix_opens_its_digits(page: Page) -> None:
    cell = page.locator('.confusion[data-model="softmax"] button').first
    cell.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.locator("li .sprite").count() == int(cell.inner_text())
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert cell.evaluate("cell => cell === document.activeElement")


@needs_axe
def test_an_accessibility_checker_finds_nothing_serious(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    assert serious_findings(page) == []


def test_without_scripts_and_in_print_every_result_is_shown(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert all(step.is_visible() for step in page.locator("#figure-reconstructions .step").all())
    assert not page.locator(".control").is_visible()
    assert page.locator(".chart svg").count() > 15
    page.locator("summary").first.click()
    assert page.locator("details pre").first.is_visible()
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert 8 <= printed.count(b"/Type /Page\n") <= 60
    context.close()
