"""The drawing page in headless Chromium: mouse, finger, pen, keyboard and pictures."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
from support.browser import ARGUMENTS, CHROMIUM, needs_axe, serious_findings
from support.drawing import MIDDLE, DrawingClient, encoded, picture, placed, serving

from mnist_pipeline.runtime.ui import draw
from mnist_pipeline.runtime.ui.addresses import DRAW
from mnist_pipeline.runtime.ui.middleware.methods import MAX_BODY

PATIENCE = 60_000  # milliseconds, on a machine that is busy
DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
VIEWS = {f"{device} {scheme}": (device, scheme) for device in DEVICES for scheme in ("light", "dark")}
LEFT, RIGHT = (0.05, 0.2, 0.35, 0.6), (0.6, 0.2, 0.35, 0.6)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)"),
]


class View(NamedTuple):
    """The page on one device in one colour scheme, with its console messages and requests."""

    page: Page
    by_finger: bool
    messages: list[str]
    requests: list[str]

    def draw(self, name: str, box: tuple[float, float, float, float] = MIDDLE) -> None:
        """Draw a digit as a person does: by mouse, or by finger on a phone."""
        sheet = self.page.locator("canvas").bounding_box()
        assert sheet
        for stroke in placed(name, box):
            points = [(sheet["x"] + sheet["width"] * x, sheet["y"] + sheet["height"] * y) for x, y in stroke]
            (_drag_finger if self.by_finger else _drag_mouse)(self.page, points)

    @property
    def digit(self) -> Locator:
        return self.page.locator(".digit")

    @property
    def status(self) -> Locator:
        """What a screen reader announces: the answer after a stroke."""
        return self.page.get_by_role("status")

    @property
    def chips(self) -> Locator:
        return self.page.locator(".chips button")


@pytest.fixture(scope="module")
def instance() -> Iterator[DrawingClient]:
    with serving() as instance:
        yield instance


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@contextlib.contextmanager
def viewing(browser: Browser, address: str, device: str, scheme: Any = "light") -> Iterator[View]:
    context = browser.new_context(**DEVICES[device], color_scheme=scheme, locale="en")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    messages: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{address}{DRAW}")
    try:
        yield View(page, device == "phone", messages, requests)
    finally:
        context.close()


@pytest.fixture(params=VIEWS.values(), ids=VIEWS.keys())
def view(request: pytest.FixtureRequest, browser: Browser, instance: DrawingClient, able: Path) -> Iterator[View]:
    with viewing(browser, instance.origin, *request.param) as view:
        yield view


@pytest.fixture
def desk(browser: Browser, instance: DrawingClient, able: Path) -> Iterator[View]:
    with viewing(browser, instance.origin, "desktop") as view:
        yield view


def test_a_drawn_digit_is_recognised(view: View, instance: DrawingClient) -> None:
    page = view.page
    view.draw("3")
    expect(view.digit).to_have_text("3")
    expect(page.locator('.answers [data-model="knn"]')).to_have_text("3")
    expect(page.locator(".sure")).to_have_text(_ending("probable, according to k-nearest neighbours."))
    expect(page.locator(".unusual")).to_have_text(_ending("of the test digits."))
    shares = page.locator(".probabilities td")
    assert shares.count() == 40
    assert all(text.endswith("%") for text in shares.all_inner_texts())
    assert page.locator(".pictures img").evaluate_all("all => all.map((image) => image.naturalWidth)") == [28] * 5
    assert page.evaluate("scrollY") == 0, "the page does not scroll under a finger that draws"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.messages == []
    assert len(view.requests) > 2
    assert [url for url in view.requests if not url.startswith((f"{instance.origin}/draw", "data:"))] == []


@needs_axe
def test_an_accessibility_checker_finds_nothing_serious(view: View) -> None:
    assert serious_findings(view.page) == []
    view.draw("1", LEFT)
    view.draw("3", RIGHT)
    expect(view.chips).to_have_count(2)
    assert serious_findings(view.page) == []


def test_several_digits_are_shown_in_reading_order_to_choose_one(view: View) -> None:
    view.draw("3", RIGHT)
    view.draw("1", LEFT)
    expect(view.chips).to_have_count(2)
    expect(view.chips).to_have_text(["1", "3"])
    expect(view.digit).to_have_text("1")  # the one drawn last
    before = _sheet(view.page)
    view.chips.last.click()
    expect(view.digit).to_have_text("3")
    expect(view.chips.last).to_have_attribute("aria-pressed", "true")
    expect(view.chips.first).to_have_attribute("aria-pressed", "false")
    view.page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)


def test_a_scribble_does_not_look_like_a_digit(desk: View) -> None:
    desk.draw("scribble", (0.1, 0.1, 0.8, 0.8))
    expect(desk.page.get_by_text("This does not look like a digit.", exact=True)).to_be_visible()
    assert needs_axe.args[0] or serious_findings(desk.page) == []


def test_strokes_and_clearing_can_be_undone(desk: View) -> None:
    page = desk.page
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    expect(undo).to_be_disabled()
    desk.draw("1", LEFT)
    desk.draw("3", RIGHT)
    expect(desk.chips).to_have_count(2)
    undo.click()
    expect(desk.chips).to_have_count(0)
    expect(desk.digit).to_have_text("1")
    clear.click()
    expect(desk.digit).to_be_hidden()
    expect(clear).to_be_disabled()
    page.keyboard.press("Control+z")
    expect(desk.digit).to_have_text("1")
    page.keyboard.press("Escape")
    expect(page.get_by_text("Draw a digit with mouse")).to_be_visible()


def test_a_digit_is_drawn_by_keyboard_and_announced(desk: View) -> None:
    page, status = desk.page, desk.status
    page.keyboard.press("Tab")
    expect(page.locator("canvas")).to_be_focused()
    blank = _sheet(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("blank => document.querySelector('canvas').toDataURL() !== blank", arg=blank)
    page.keyboard.press("Space")
    expect(status).to_have_text("Pen down.")
    for _ in range(28):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(desk.digit).to_have_text("1")
    expect(status).to_have_text(_beginning("1. "))
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Escape")
    expect(desk.digit).to_be_hidden()
    expect(status).to_have_text("The sheet is empty.")


def test_two_arrow_keys_draw_diagonally(desk: View) -> None:
    page = desk.page
    page.locator("canvas").focus()
    page.keyboard.press("Space")
    page.keyboard.down("ArrowDown")
    page.keyboard.down("ArrowLeft")
    for _ in range(20):
        page.keyboard.down("ArrowLeft")  # as a key that is held repeats
    page.keyboard.up("ArrowLeft")
    page.keyboard.up("ArrowDown")
    page.keyboard.press("Space")
    expect(desk.page.locator(".seen img")).to_be_visible()
    seen = 255 - _image(page, ".seen img").astype(float)
    rows, columns = np.indices(seen.shape)
    correlation = np.cov(rows.ravel(), columns.ravel(), aweights=seen.ravel())
    assert correlation[0, 1] < -0.8 * np.sqrt(correlation[0, 0] * correlation[1, 1])


def test_everything_is_reached_by_the_tab_key(desk: View) -> None:
    desk.draw("1", LEFT)
    desk.draw("3", RIGHT)
    expect(desk.chips).to_have_count(2)
    desk.page.evaluate("document.activeElement.blur()")
    reached = set()
    for _ in range(12):
        desk.page.keyboard.press("Tab")
        reached.add(desk.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached >= {"CANVAS", "undo", "clear", "pen", "choose", "BUTTON", "A"}


def test_a_pen_draws_wider_where_it_presses(desk: View) -> None:
    ink = {}
    for force in (0.1, 0.9):
        _drag_pen(desk.page, force)
        expect(desk.status).to_contain_text("probable")
        ink[force] = desk.page.evaluate(
            """() => { const canvas = document.querySelector("canvas");
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return data.filter((value, i) => i % 4 === 3 && value > 128).length; }"""
        )
        desk.page.keyboard.press("Escape")
        expect(desk.status).to_have_text("The sheet is empty.")
    assert ink[0.9] > 2 * ink[0.1]


INKED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((level, i) => i % 4 === 3 && level > 0).length;
}"""


def test_the_width_of_the_pen_can_be_chosen(desk: View) -> None:
    ink = {}
    for width in ("12", "56"):
        desk.page.locator("#pen").fill(width)
        desk.draw("1")
        expect(desk.status).to_contain_text("probable")
        ink[width] = desk.page.locator("canvas").evaluate(INKED)
        desk.page.keyboard.press("Escape")
        expect(desk.status).to_have_text("The sheet is empty.")
    assert ink["56"] > 2 * ink["12"]


def test_a_picture_that_is_dropped_is_read(view: View) -> None:
    _drop(view.page, "digits.png", "image/png", picture(("1", LEFT), ("3", RIGHT)))
    expect(view.chips).to_have_text(["1", "3"])
    view.draw("3")  # a stroke begins a new sheet
    expect(view.chips).to_have_count(0)
    expect(view.digit).to_have_text("3")
    assert view.messages == []


def test_a_picture_is_chosen_or_pasted(desk: View, tmp_path: Path) -> None:
    file = tmp_path / "three.png"
    file.write_bytes(picture(("3", MIDDLE)))
    desk.page.locator("#file").set_input_files(file)
    expect(desk.digit).to_have_text("3")
    _transfer(desk.page, "paste", "one.png", "image/png", picture(("1", MIDDLE)))
    expect(desk.digit).to_have_text("1")
    desk.page.get_by_role("button", name="Undo").click()
    expect(desk.digit).to_have_text("3")


def test_a_large_picture_is_reduced_before_it_is_sent(desk: View) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (2_400, 3_200), np.uint8)
    digit = np.asarray(Image.open(io.BytesIO(picture(("3", MIDDLE), size=(3_200, 2_400)))))
    with desk.page.expect_request(lambda request: "image/jpeg" in (request.post_data or "")) as sent:
        _drop(desk.page, "photo.jpg", "image/jpeg", encoded(Image.fromarray(digit - digit.clip(0, noise)), "JPEG"))
    assert len(sent.value.post_data or "") < MAX_BODY
    response = sent.value.response()
    assert response
    assert response.status == 200


def test_a_file_that_is_no_picture_shows_an_error_and_keeps_the_drawing(desk: View) -> None:
    desk.draw("3")
    expect(desk.status).to_contain_text("probable")
    _drop(desk.page, "letter.png", "image/png", b"Dear reader")
    expect(desk.page.get_by_role("alert")).to_contain_text("letter.png is not a picture")
    expect(desk.digit).to_have_text("3")


def test_a_late_answer_is_ignored(desk: View) -> None:
    expect(desk.page.get_by_text("Draw a digit with mouse")).to_be_visible()
    held: list[Route] = []
    desk.page.route(f"**{draw.READ}", lambda route: held.append(route))
    with desk.page.expect_request(f"**{draw.READ}"):
        desk.draw("3")
    desk.page.keyboard.press("Escape")
    for route in held:
        with contextlib.suppress(Exception):  # the page has given it up
            route.continue_()
    desk.page.unroute(f"**{draw.READ}")
    desk.draw("1")
    expect(desk.digit).to_have_text("1")
    desk.page.keyboard.press("Escape")
    expect(desk.digit).to_be_hidden()
    assert desk.messages == []


def test_the_page_recovers_once_a_recognizer_is_stored(
    browser: Browser, instance: DrawingClient, able: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path))
    with viewing(browser, instance.origin, "desktop") as view:
        expect(view.page.get_by_role("alert")).to_contain_text("mnist-pipeline run")
        monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(able))
        view.draw("3")
        expect(view.digit).to_have_text("3")
        expect(view.page.locator("#alert")).to_be_empty()


def test_the_end_of_the_session_shows_an_error(desk: View) -> None:
    desk.page.route(f"**{draw.READ}", lambda route: route.fulfill(status=401, json={"errors": []}))
    desk.draw("3")
    expect(desk.page.get_by_role("alert")).to_contain_text("reload the page to log in")


def _drag_mouse(page: Page, points: list[tuple[float, float]]) -> None:
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=4)
    page.mouse.up()


def _drag_finger(page: Page, points: list[tuple[float, float]]) -> None:
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *touched: tuple[float, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in touched]})

    touch("touchStart", points[0])
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        for share in (0.25, 0.5, 0.75, 1):
            touch("touchMove", (x + share * (next_x - x), y + share * (next_y - y)))
    touch("touchEnd")
    session.detach()


def _drag_pen(page: Page, force: float) -> None:
    session = page.context.new_cdp_session(page)
    sheet = page.locator("canvas").bounding_box()
    assert sheet
    x, top = sheet["x"] + sheet["width"] / 2, sheet["y"] + 0.2 * sheet["height"]
    kinds = ["mousePressed", *["mouseMoved"] * 20, "mouseReleased"]
    for place, kind in enumerate(kinds):
        event = {"type": kind, "x": x, "y": top + place / len(kinds) * 0.6 * sheet["height"], "pointerType": "pen"}
        session.send(
            "Input.dispatchMouseEvent", event | {"force": force, "button": "left", "buttons": 1, "clickCount": 1}
        )
    session.detach()


def _drop(page: Page, name: str, kind: str, content: bytes) -> None:
    _transfer(page, "drop", name, kind, content)


def _transfer(page: Page, event: str, name: str, kind: str, content: bytes) -> None:
    """Let a file come from outside of the page."""
    page.evaluate(
        """([event, name, type, content]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
            const init = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
            document.querySelector("canvas").dispatchEvent(
                event === "drop" ? new DragEvent(event, init) : new ClipboardEvent(event, init));
        }""",
        [event, name, kind, base64.b64encode(content).decode()],
    )


def _sheet(page: Page) -> str:
    drawn: str = page.evaluate("document.querySelector('canvas').toDataURL()")
    return drawn


def _image(page: Page, selector: str) -> np.ndarray:
    uri = page.locator(selector).get_attribute("src") or ""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def _ending(text: str) -> Any:
    return re.compile(f"{re.escape(text)}$")


def _beginning(text: str) -> Any:
    return re.compile(f"^{re.escape(text)}")
