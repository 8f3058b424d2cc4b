"""The report of a finished run as a reader opens it: from a file, in headless Chromium, on a laptop and a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright
from support.browser import ARGUMENTS, CHROMIUM, needs_axe, serious_findings

VIEWS = {f"{width} {scheme}": (width, scheme) for width in (1280, 390) for scheme in ("light", "dark")}
A4_WIDTH = 794 - 2 * 45  # CSS pixels between the margins of 12 mm

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)"),
]


class View(NamedTuple):
    """The page at one width, in one colour scheme, and what the browser said of it."""

    page: Page
    messages: list[str]
    requests: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=VIEWS.values(), ids=VIEWS.keys())
def view(request: pytest.FixtureRequest, browser: Browser, finished_run: tuple[Any, Path]) -> Iterator[View]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(_told(message)))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((finished_run[1] / "report" / "index.html").as_uri())
    yield View(page, messages, requests)
    context.close()


@pytest.fixture
def page(view: View) -> Iterator[Page]:
    yield view.page
    if view.page.locator("dialog[open]").count():
        view.page.keyboard.press("Escape")


def test_it_asks_for_nothing_and_says_nothing_on_the_console(view: View) -> None:
    view.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    outside = [url for url in view.requests if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert [url for url in view.requests if url.startswith("file:")] == view.requests[:1]
    assert view.messages == []


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
            .filter((element) => !element.closest(".scroll, .formula, svg"))
            .map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert cut == []


def test_every_image_is_loaded(page: Page) -> None:
    images = page.locator("img")
    assert images.count() > 50
    assert images.evaluate_all("all => all.filter((image) => !image.complete || !image.naturalWidth).length") == 0
    sprites = page.locator(".sprite[style]")
    assert sprites.count() > 0
    assert sprites.evaluate_all("all => all.every((s) => getComputedStyle(s).backgroundImage.startsWith('url'))")


def test_every_figure_has_a_title_and_a_sentence_on_what_to_see(page: Page) -> None:
    figures = page.locator("main figure")
    assert figures.count() >= 25
    for figure in figures.all():
        caption = figure.locator("figcaption").inner_text()
        assert caption.rstrip().endswith("."), caption
        assert figure.locator(".title, svg text, .drawing[aria-label]").count(), caption


def test_the_slider_changes_the_digits_by_mouse(page: Page) -> None:
    figure = page.locator("#figure-reconstructions")
    slider = figure.locator("input")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    seen = set()
    for share in (0.02, 0.5, 0.98):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert figure.locator(".step:visible").count() == 1
        seen.add((figure.locator(".step:visible img").get_attribute("src"), figure.locator("output").inner_text()))
    assert len(seen) == 3
    assert all(text.startswith("k = ") for _, text in seen)


def test_the_slider_changes_the_digits_by_keyboard(page: Page) -> None:
    figure = page.locator("#figure-reconstructions")
    figure.locator("input").focus()
    page.keyboard.press("Home")
    assert figure.locator(".step:visible span").inner_text() == "k = 2"
    page.keyboard.press("ArrowRight")
    assert figure.locator(".step:visible span").inner_text() == "k = 3"
    assert (figure.locator("input").get_attribute("aria-valuetext") or "").startswith("k = 3")


def test_pointing_at_the_scatter_shows_the_digit_of_the_mark(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    marks = scatter.locator('g[id^="scatter-class-"] use')
    assert marks.count() == page.evaluate(
        "JSON.parse(document.querySelector('#page-data').textContent).scatter.index.length"
    )
    marks.first.scroll_into_view_if_needed()
    said = set()
    for mark in (marks.first, marks.nth(marks.count() // 2), marks.last):
        _point_at(page, mark)
        said.add(scatter.locator(".said").inner_text())
    assert len(said) == 3
    assert all(text.startswith("Training image ") for text in said)
    assert scatter.locator(".sprite").is_visible()


def test_the_mark_pointed_at_is_of_the_class_that_is_told(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    for label in ("1", "7"):
        mark = scatter.locator(f"#scatter-class-{label} use").first
        mark.scroll_into_view_if_needed()
        _point_at(page, mark)
        assert scatter.locator(".said").inner_text().endswith(f"of class {label}")


def test_arrow_keys_move_over_the_scatter(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    plot = scatter.locator(".plot")
    plot.focus()
    page.keyboard.press("ArrowRight")  # to some mark, if none is pointed at yet
    for key, axis, sign in (("ArrowRight", "cx", 1), ("ArrowUp", "cy", -1), ("ArrowLeft", "cx", -1)):
        before = float(plot.locator(".ring").get_attribute(axis) or "nan")
        said = scatter.locator(".said").inner_text()
        page.keyboard.press(key)
        assert sign * (float(plot.locator(".ring").get_attribute(axis) or "nan") - before) > 0
        assert scatter.locator(".said").inner_text() != said


@pytest.mark.parametrize("by", ["mouse", "keyboard"])
def test_a_cell_of_a_confusion_matrix_opens_its_digits(page: Page, by: str) -> None:
    cell = page.locator('.confusion[data-model="softmax"] button').first
    expected = int(cell.inner_text())
    if by == "mouse":
        cell.click()
    else:
        cell.focus()
        page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    assert dialog.is_visible()
    assert dialog.locator("li .sprite").count() == expected
    assert f"{expected} of class" in dialog.locator("h3").inner_text()
    page.keyboard.press("Escape") if by == "keyboard" else dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    assert cell.evaluate("cell => cell === document.activeElement")


def test_details_open_by_keyboard(page: Page) -> None:
    details = page.locator("details").first
    summary = details.locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is not None
    page.keyboard.press("Enter")
    assert details.get_attribute("open") is None


def test_links_lead_to_their_sections(page: Page) -> None:
    for link in page.locator("nav a").all():
        target = link.get_attribute("href") or ""
        assert page.locator(target).count() == 1, target


@needs_axe
def test_an_accessibility_checker_finds_nothing_serious(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    findings = serious_findings(page)
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = false; })")
    assert findings == []


def test_in_print_nothing_is_cut(view: View) -> None:
    page = view.page
    size = page.viewport_size
    assert size
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4_WIDTH, "height": 1_000})
    try:
        assert (
            page.locator("#figure-reconstructions .step:visible").count()
            == page.locator("#figure-reconstructions .step").count()
        )
        closed = page.locator("details > *:not(summary)")
        assert closed.count() > 3
        assert closed.evaluate_all(
            "all => all.every((element) => element.checkVisibility() && element.offsetHeight > 0)"
        )
        cut = page.evaluate(
            """() => [...document.querySelectorAll("main *")]
                .filter((element) => !element.closest("svg, math"))
                .filter((element) => element.getBoundingClientRect().right > innerWidth + 1
                    || (element.scrollWidth > element.clientWidth + 1
                        && getComputedStyle(element).overflowX !== "visible"))
                .map((element) => element.outerHTML.slice(0, 120))"""
        )
        assert cut == []
    finally:
        page.emulate_media(media="screen")
        page.set_viewport_size(size)


def test_it_prints_to_a_document_of_pages(browser: Browser, finished_run: tuple[Any, Path]) -> None:
    page = browser.new_page()
    page.goto((finished_run[1] / "report" / "index.html").as_uri())
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    page.close()
    assert printed.startswith(b"%PDF")
    assert 8 <= printed.count(b"/Type /Page\n") <= 60


def _point_at(page: Page, mark: Locator) -> None:
    box = mark.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def _told(message: ConsoleMessage) -> str:
    return f"{message.type}: {message.text}"
