"""The report of a finished run in headless Chromium: opened from a file, on a laptop, on a phone and on paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from support.browser import ARGUMENTS, CHROMIUM, needs_axe, serious_findings

VIEWS = {f"{width} {scheme}": (width, scheme) for width in (1280, 360) for scheme in ("light", "dark")}
MIN_TEXT, MIN_MARK = 4.5, 3.0  # contrasts, of WCAG 2.2
MIN_SIZE = 10  # pixels of text in a figure, as displayed
A4_WIDTH = 794 - 2 * 45  # CSS pixels between the margins of 12 mm

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)"),
]


# The contrasts of all text, and of the marks of charts, to the colours behind them, with the outer HTML. Marks are
# everything but the grid and the axes, which have the colour of lines, and bands that can be seen through.
CONTRASTS = """() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (color) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((part, place) => a * part + (1 - a) * under[place]);
    const behind = (element) => {
        if (!element) return rgba(getComputedStyle(document.documentElement).getPropertyValue("--paper")).slice(0, 3);
        return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
    };
    const luminance = (color) => color.map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const contrast = (color, element) => {
        const under = behind(element);
        const [low, high] = [over(rgba(color), under), under].map(luminance).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const told = (value, element) => [value, element.outerHTML.slice(0, 160)];
    const text = [...document.querySelectorAll("body *")]
        .filter((each) => each.checkVisibility() && each.getClientRects().length && !each.closest("script, style"))
        .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
        .map((each) => [each, getComputedStyle(each)])
        .map(([each, style]) => told(contrast(each.ownerSVGElement ? style.fill : style.color, each), each));
    const line = rgba(getComputedStyle(document.documentElement).getPropertyValue("--line")).join();
    const marks = [...document.querySelectorAll(".chart svg :is(path, use, circle)")]
        .filter((each) => !each.closest("defs"))
        .map((each) => [each, getComputedStyle(each)])
        .filter(([, style]) => Number(style.fillOpacity) * Number(style.opacity) === 1)
        .map(([each, style]) => [each, [style.stroke, style.fill].filter((color) => color !== "none"
            && rgba(color)[3] && rgba(color).join() !== line)])
        .filter(([, colors]) => colors.length)
        .map(([each, colors]) => told(Math.max(...colors.map((color) => contrast(color, each))), each));
    return { text, marks };
}"""


class View(NamedTuple):
    """The page at one width, in one colour scheme, with its console messages and requests."""

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
    page.on("console", lambda message: messages.append(message.text))
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


def test_it_requests_nothing_and_logs_nothing(view: View) -> None:
    view.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert [url for url in view.requests if not url.startswith("data:")] == view.requests[:1]
    assert view.messages == []


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert _cut(page, ".scroll, .formula, svg") == []


def test_what_is_wider_than_its_place_scrolls_with_a_sign(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
            .filter((each) => getComputedStyle(each).overflowX === "auto")
            .map((each) => [each.tabIndex, getComputedStyle(each).backgroundImage.includes("gradient")])"""
    )
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = false; })")
    assert wide or page.evaluate("innerWidth") > 1_000
    assert all(sign == [0, True] for sign in wide)


def test_counts_fit_their_cells(page: Page) -> None:
    # Up to 1,135 test images of MNIST have one class; the run of this page has fewer.
    too_wide = page.evaluate(
        """() => {
            const counts = [...document.querySelectorAll(".confusion td.right")];
            const texts = counts.map((cell) => cell.textContent);
            counts.forEach((cell) => { cell.textContent = "1135"; });
            const cells = [...document.querySelectorAll(".confusion td")];
            const wide = cells.filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length;
            counts.forEach((cell, index) => { cell.textContent = texts[index]; });
            return counts.length ? wide : "no counts";
        }"""
    )
    assert too_wide == 0


def test_text_and_marks_stand_out_from_what_is_behind_them(page: Page) -> None:
    found = page.evaluate(CONTRASTS)
    assert len(found["text"]) > 500
    assert len(found["marks"]) > 500
    assert [each for each in found["text"] if each[0] < MIN_TEXT] == []
    assert [each for each in found["marks"] if each[0] < MIN_MARK] == []


def test_the_text_of_figures_is_large_enough_to_read(page: Page) -> None:
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("figure :is(svg text, li span, figcaption, td, th)")]
            .filter((text) => text.textContent.trim() && text.checkVisibility())
            .map((text) => [parseFloat(getComputedStyle(text).fontSize)
                * (text.ownerSVGElement ? text.ownerSVGElement.getScreenCTM().a : 1), text.textContent])"""
    )
    assert len(sizes) > 100
    assert [each for each in sizes if each[0] < MIN_SIZE] == []


def test_every_image_is_loaded(page: Page) -> None:
    images = page.locator("img")
    assert images.count() > 50
    assert images.evaluate_all("all => all.filter((image) => !image.complete || !image.naturalWidth).length") == 0
    sprites = page.locator(".sprite[style]")
    assert sprites.count() > 0
    assert sprites.evaluate_all("all => all.every((s) => getComputedStyle(s).backgroundImage.startsWith('url'))")


def test_the_slider_enlarges_a_row_of_the_grid_by_mouse_and_by_keyboard(page: Page) -> None:
    figure = page.locator("#figure-reconstructions")
    slider, step, enlarged = figure.locator("input"), figure.locator(".step.chosen"), figure.locator(".control img")
    assert all(each.is_visible() for each in figure.locator(".step").all())
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    seen = set()
    for share in (0.02, 0.5, 0.98):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        assert step.count() == 1
        assert enlarged.get_attribute("src") == step.locator("img").get_attribute("src")
        seen.add((enlarged.get_attribute("src"), figure.locator("output").inner_text()))
    assert len(seen) == 3
    for key, k in (("Home", 2), ("ArrowRight", 3)):
        page.keyboard.press(key)
        assert step.locator("span").inner_text() == f"k = {k}"
        assert (slider.get_attribute("aria-valuetext") or "").startswith(f"k = {k}")


def test_pointing_at_the_scatter_shows_the_digit_and_the_class_of_the_mark(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    for label in ("1", "7"):
        mark = scatter.locator(f"#scatter-class-{label} use").first
        mark.scroll_into_view_if_needed()
        box = mark.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert scatter.locator(".message").inner_text().endswith(f"class {label}")
    assert scatter.locator(".sprite").is_visible()


def test_classes_of_the_scatter_can_be_shown_alone(page: Page) -> None:
    scatter = page.locator("#figure-scatter")
    button = scatter.get_by_role("button", name="only class 7")
    opacities = [scatter.locator(f"#scatter-class-{label}") for label in ("7", "1")]
    for shown in (["1", "0.12"], ["1", "1"]):
        button.click()
        assert [each.evaluate("group => getComputedStyle(group).opacity") for each in opacities] == shown


def test_arrow_keys_move_over_the_scatter(page: Page) -> None:
    plot = page.locator("#figure-scatter .plot")
    plot.focus()
    page.keyboard.press("ArrowRight")  # to some mark, if none is selected yet
    for key, axis, sign in (("ArrowRight", "cx", 1), ("ArrowUp", "cy", -1), ("ArrowLeft", "cx", -1)):
        before = float(plot.locator(".ring").get_attribute(axis) or "nan")
        page.keyboard.press(key)
        assert sign * (float(plot.locator(".ring").get_attribute(axis) or "nan") - before) > 0


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
    assert str(expected) in dialog.locator("h3").inner_text()
    page.keyboard.press("Escape") if by == "keyboard" else dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    assert cell.evaluate("cell => cell === document.activeElement")


def test_details_open_by_keyboard(page: Page) -> None:
    details = page.locator("details").first
    details.locator("summary").focus()
    for is_open in (True, False):
        page.keyboard.press("Enter")
        assert (details.get_attribute("open") is not None) == is_open


@needs_axe
def test_an_accessibility_checker_finds_nothing_serious(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = true; })")
    findings = serious_findings(page)
    page.locator("details").evaluate_all("all => all.forEach((details) => { details.open = false; })")
    assert findings == []


def test_in_print_nothing_is_cut_or_hidden(view: View) -> None:
    page, size = view.page, view.page.viewport_size
    assert size
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4_WIDTH, "height": 1_000})
    try:
        steps = page.locator("#figure-reconstructions .step")
        assert all(step.is_visible() for step in steps.all())
        closed = page.locator("details > *:not(summary)")
        assert closed.count() > 3
        assert closed.evaluate_all("all => all.every((part) => part.checkVisibility() && part.offsetHeight > 0)")
        assert _cut(page, "svg, math") == []
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


def _cut(page: Page, allowed: str) -> list[str]:
    """Elements that reach beyond the right edge of the page, or whose content is cut off, unless they may scroll."""
    return page.evaluate(
        """(allowed) => [...document.querySelectorAll("main *")]
            .filter((element) => !element.closest(allowed))
            .filter((element) => element.getBoundingClientRect().right > innerWidth + 1
                || (element.scrollWidth > element.clientWidth + 1
                    && !["visible", "auto"].includes(getComputedStyle(element).overflowX)))
            .map((element) => element.outerHTML.slice(0, 120))""",
        allowed,
    )
