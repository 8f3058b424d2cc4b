"""The drawing page in headless Chromium: mouse, finger, pen, keyboard and pictures."""

import base64
import contextlib
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from support.browser import PATIENCE, launch_browser, needs_axe, serious_findings
from support.drawing import MIDDLE, DrawingClient, encoded, picture, placed, serving

from mnist_pipeline.runtime.project import DRAW
from mnist_pipeline.runtime.ui import draw

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
LEFT, RIGHT = (0.05, 0.2, 0.35, 0.6), (0.6, 0.2, 0.35, 0.6)
NARROW = (0.7, 0.2, 0.24, 0.6)  # too narrow for two digits that touch
EMPTY = "Draw a digit with mouse"
INKED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((level, i) => i % 4 === 3 && level > 128).length;
}"""
TRANSFER = """([event, name, content]) => {
  const transfer = new DataTransfer(), bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const init = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
  const made = event === "drop" ? new DragEvent(event, init) : new ClipboardEvent(event, init);
  document.querySelector("canvas").dispatchEvent(made);
}"""

pytestmark = pytest.mark.browser


class View:
    """The page on one device in one colour scheme, with its console messages and requests."""

    def __init__(self, page: Page, by_finger: bool) -> None:
        self.page, self.by_finger = page, by_finger
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.digit, self.chips = page.locator(".digit"), page.locator(".chips button")
        self.status, self.alert = page.get_by_role("status"), page.get_by_role("alert")

    def draw(self, name: str, box: tuple[float, float, float, float] = MIDDLE) -> None:
        """Draw a digit as a person does: by mouse, or by finger on a phone."""
        sheet = self.page.locator("canvas").bounding_box()
        assert sheet
        for stroke in placed(name, box):
            points = [(sheet["x"] + sheet["width"] * x, sheet["y"] + sheet["height"] * y) for x, y in stroke]
            (_drag_finger if self.by_finger else _drag_mouse)(self.page, points)

    def transfer(self, event: str, name: str, content: bytes) -> None:
        """Drop or paste a file."""
        self.page.evaluate(TRANSFER, [event, name, base64.b64encode(content).decode()])


@pytest.fixture(scope="module")
def instance() -> Iterator[DrawingClient]:
    with serving() as instance:
        yield instance


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launch_browser() as browser:
        yield browser


@contextlib.contextmanager
def viewing(browser: Browser, address: str, device: str = "desktop", scheme: Any = "light") -> Iterator[View]:
    context = browser.new_context(**DEVICES[device], color_scheme=scheme, locale="en")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    view = View(page, device == "phone")
    page.on("console", lambda message: view.messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: view.messages.append(str(error)))
    page.on("request", lambda request: view.requests.append(request.url))
    page.goto(f"{address}{DRAW}")
    try:
        yield view
    finally:
        context.close()


@pytest.fixture
def view(request: pytest.FixtureRequest, browser: Browser, instance: DrawingClient, able: Path) -> Iterator[View]:
    with viewing(browser, instance.origin, *getattr(request, "param", ())) as view:
        yield view


@pytest.mark.parametrize("view", [("desktop", "light"), ("phone", "dark")], indirect=True)
def test_digits_are_read_in_reading_order_and_one_can_be_chosen(view: View, instance: DrawingClient) -> None:
    page = view.page
    view.draw("3", RIGHT)
    view.draw("1", LEFT)
    expect(view.chips).to_have_text(["1", "3"])
    expect(view.digit).to_have_text("1")  # the digit that was drawn last
    before = _sheet(page)
    view.chips.last.click()
    expect(view.digit).to_have_text("3")
    expect(view.chips.last).to_have_attribute("aria-pressed", "true")
    expect(view.chips.first).to_have_attribute("aria-pressed", "false")
    page.wait_for_function("before => document.querySelector('canvas').toDataURL() !== before", arg=before)
    expect(page.locator('.answers [data-model="knn"]')).to_have_text("3")
    expect(page.locator(".sure")).to_contain_text("probable, according to k-nearest neighbours.")
    shares = page.locator(".probabilities td")
    assert shares.count() == 40
    assert all(text.endswith("%") for text in shares.all_inner_texts())
    assert page.locator(".pictures img").evaluate_all("all => all.map((image) => image.naturalWidth)") == [28] * 5
    assert page.evaluate("scrollY") == 0, "the page does not scroll under a finger that draws"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.messages == []
    assert len(view.requests) > 2
    assert [url for url in view.requests if not url.startswith((f"{instance.origin}/draw", "data:"))] == []


def test_the_number_marks_its_least_certain_digit_and_an_example_can_be_clicked(view: View) -> None:
    view.transfer("drop", "digits.png", picture(("1", LEFT), ("scribble", RIGHT)))
    expect(view.page.locator(".number mark")).to_have_count(1)
    expect(view.page.locator(".flag")).to_have_text(re.compile("."))
    view.page.get_by_role("button", name="Example: 7").click()
    expect(view.digit).to_have_text("7")
    expect(view.page.locator(".number")).to_be_hidden()
    assert view.messages == []


@needs_axe
@pytest.mark.parametrize("view", list(itertools.product(DEVICES, ("light", "dark"))), indirect=True, ids="-".join)
def test_an_accessibility_checker_finds_nothing_serious(view: View) -> None:
    assert serious_findings(view.page) == []
    view.transfer("drop", "digits.png", picture(("1", LEFT), ("scribble", NARROW)))
    expect(view.chips).to_have_count(2)
    view.chips.last.click()
    expect(view.page.locator(".flag")).to_be_visible()
    assert serious_findings(view.page) == []
    reached = set()
    for _ in range(12):
        view.page.keyboard.press("Tab")
        reached.add(view.page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert reached >= {"CANVAS", "undo", "clear", "pen", "choose", "BUTTON", "A"}


def test_strokes_and_clearing_can_be_undone(view: View) -> None:
    page = view.page
    undo, clear = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Clear")
    expect(undo).to_be_disabled()
    view.draw("1", LEFT)
    view.draw("3", RIGHT)
    expect(view.chips).to_have_count(2)
    undo.click()
    expect(view.chips).to_have_count(0)
    expect(view.digit).to_have_text("1")
    clear.click()
    expect(view.digit).to_be_hidden()
    expect(clear).to_be_disabled()
    page.keyboard.press("Control+z")
    expect(view.digit).to_have_text("1")
    page.keyboard.press("Escape")
    expect(page.get_by_text(EMPTY)).to_be_visible()


def test_digits_are_drawn_by_keyboard_and_announced(view: View) -> None:
    page = view.page
    page.keyboard.press("Tab")
    expect(page.locator("canvas")).to_be_focused()
    blank = _sheet(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("blank => document.querySelector('canvas').toDataURL() !== blank", arg=blank)
    page.keyboard.press("Space")
    expect(view.status).not_to_be_empty()
    for _ in range(28):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(view.digit).to_have_text("1")
    expect(view.status).to_have_text(re.compile(r"^1\. "))
    assert page.evaluate("scrollY") == 0
    page.keyboard.press("Escape")
    expect(view.digit).to_be_hidden()
    page.keyboard.press("Space")
    page.keyboard.down("ArrowDown")
    for _ in range(21):
        page.keyboard.down("ArrowLeft")  # a key that is pressed for long repeats
    page.keyboard.up("ArrowDown")
    page.keyboard.press("Space")
    expect(view.status).to_contain_text("probable")  # the answer to the whole stroke
    shown = page.locator(".seen img").get_attribute("src") or ""
    seen = 255 - np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2])))).astype(float)
    covariance = np.cov(*(axis.ravel() for axis in np.indices(seen.shape)), aweights=seen.ravel())
    assert covariance[0, 1] < -0.8 * np.sqrt(covariance[0, 0] * covariance[1, 1]), "two keys draw diagonally"


def test_pressure_and_the_chosen_width_make_a_stroke_wider(view: View) -> None:
    ink = {}
    for width, force in (("32", 0.1), ("32", 0.9), ("12", 0.1)):
        view.page.locator("#pen").fill(width)
        _drag_pen(view.page, force)
        expect(view.status).to_contain_text("probable")
        ink[width, force] = view.page.locator("canvas").evaluate(INKED)
        view.page.keyboard.press("Escape")
        expect(view.status).not_to_contain_text("probable")
    assert ink["32", 0.9] > 2 * ink["32", 0.1] > 4 * ink["12", 0.1]


def test_a_picture_can_be_dropped_chosen_and_pasted(view: View, tmp_path: Path) -> None:
    view.transfer("drop", "digits.png", picture(("1", LEFT), ("3", RIGHT)))
    expect(view.chips).to_have_text(["1", "3"])
    file = tmp_path / "three.png"
    file.write_bytes(picture(("3", MIDDLE)))
    view.page.locator("#file").set_input_files(file)
    expect(view.chips).to_have_count(0)
    expect(view.digit).to_have_text("3")
    view.transfer("paste", "one.png", picture(("1", MIDDLE)))
    expect(view.digit).to_have_text("1")
    view.page.get_by_role("button", name="Undo").click()
    expect(view.digit).to_have_text("3")
    view.draw("1")  # a stroke begins a new sheet
    expect(view.digit).to_have_text("1")
    assert view.messages == []


def test_a_large_picture_is_reduced_before_it_is_sent(view: View) -> None:
    noise = np.random.default_rng(0).integers(0, 40, (2_400, 3_200), np.uint8)
    digit = np.asarray(Image.open(io.BytesIO(picture(("3", MIDDLE), size=(3_200, 2_400)))))
    with view.page.expect_request(lambda request: "image/jpeg" in (request.post_data or "")) as sent:
        view.transfer("drop", "photo.jpg", encoded(Image.fromarray(digit - digit.clip(0, noise)), "JPEG"))
    assert len(sent.value.post_data or "") < 2**20
    response = sent.value.response()
    assert response
    assert response.status == 200


def test_a_file_that_is_no_picture_shows_an_error_and_keeps_the_drawing(view: View) -> None:
    view.draw("3")
    expect(view.status).to_contain_text("probable")
    view.transfer("drop", "letter.png", b"Dear reader")
    expect(view.alert).to_contain_text("letter.png")
    expect(view.digit).to_have_text("3")


def test_a_late_answer_is_ignored(view: View) -> None:
    expect(view.page.get_by_text(EMPTY)).to_be_visible()
    late: list[Route] = []
    view.page.route(f"**{draw.READ}", lambda route: late.append(route))
    with view.page.expect_request(f"**{draw.READ}"):
        view.draw("3")
    view.page.keyboard.press("Escape")
    for route in late:
        with contextlib.suppress(Exception):  # the page has canceled the request
            route.continue_()
    view.page.unroute(f"**{draw.READ}")
    view.draw("1")
    expect(view.digit).to_have_text("1")
    view.page.keyboard.press("Escape")
    expect(view.digit).to_be_hidden()
    assert view.messages == []


def test_errors_are_shown_until_there_is_an_answer(
    browser: Browser, instance: DrawingClient, able: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path))
    with viewing(browser, instance.origin) as view:
        expect(view.alert).to_contain_text("mnist-pipeline run")
        monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(able))
        view.draw("3")
        expect(view.digit).to_have_text("3")
        expect(view.page.locator("#alert")).to_be_empty()


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
    event = {"pointerType": "pen", "force": force, "button": "left", "buttons": 1, "clickCount": 1}
    kinds = ["mousePressed", *["mouseMoved"] * 20, "mouseReleased"]
    for place, kind in enumerate(kinds):
        x, y = sheet["x"] + sheet["width"] / 2, sheet["y"] + (0.2 + 0.6 * place / len(kinds)) * sheet["height"]
        session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **event})
    session.detach()


def _sheet(page: Page) -> str:
    drawn: str = page.evaluate("document.querySelector('canvas').toDataURL()")
    return drawn
