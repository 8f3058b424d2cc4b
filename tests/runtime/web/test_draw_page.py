"""The drawing page in headless Chromium: mouse, finger, keyboard and pictures."""

import base64
import io
import re
import socket
import threading
from collections.abc import Iterator
from unittest.mock import Mock

import numpy as np
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Page, expect
from support.browser import PATIENCE, serious_findings
from support.drawing import MIDDLE, picture, placed
from support.sources import encoded

from mnist_pipeline.runtime.project import DRAW
from mnist_pipeline.runtime.web import LOCALHOST, draw
from mnist_pipeline.runtime.web.server import application

LEFT, RIGHT = (0.05, 0.2, 0.35, 0.6), (0.6, 0.2, 0.35, 0.6)
TRANSFER = """([event, name, content]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const init = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
  const made = event === "drop" ? new DragEvent(event, init) : new ClipboardEvent(event, init);
  document.querySelector("canvas").dispatchEvent(made);
}"""

pytestmark = pytest.mark.browser


class View:
    """The page, with its console messages."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages: list[str] = []
        self.verdict, self.chips = page.locator(".verdict"), page.locator(".chips button")
        self.status, self.alert = page.get_by_role("status"), page.get_by_role("alert")

    def draw(self, name: str, box: tuple[float, float, float, float] = MIDDLE) -> None:
        """Draw a digit by finger; the tests of the report draw by mouse."""
        sheet = self.page.locator(".sheet").bounding_box()
        assert sheet
        session = self.page.context.new_cdp_session(self.page)
        for stroke in placed(name, box):
            first, *others = (
                {"x": sheet["x"] + sheet["width"] * x, "y": sheet["y"] + sheet["height"] * y}
                for x, y in stroke
            )
            moves = [("touchMove", [point]) for point in others]
            for kind, points in [("touchStart", [first]), *moves, ("touchEnd", [])]:
                session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        session.detach()

    def transfer(self, event: str, name: str, content: bytes) -> None:
        """Drop or paste a file."""
        self.page.evaluate(TRANSFER, [event, name, base64.b64encode(content).decode()])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of the page, which this process serves."""
    with socket.create_server((LOCALHOST, 0)) as listening:
        served = uvicorn.Server(uvicorn.Config(application(draw.routes()), log_config=None))
        thread = threading.Thread(target=served.run, args=([listening],))
        thread.start()
        yield f"http://{LOCALHOST}:{listening.getsockname()[1]}"
        served.should_exit = True
        thread.join()


@pytest.fixture
def view(browser, address, finished) -> Iterator[View]:
    """The page over a report and a recognizer of the same run."""
    page = browser.new_page(has_touch=True, locale="en")
    page.set_default_timeout(PATIENCE)
    view = View(page)
    page.on("console", lambda message: view.messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: view.messages.append(str(error)))
    page.goto(f"{address}{DRAW}")
    expect(view.verdict).to_contain_text("Draw a digit")
    yield view
    page.context.close()


def test_digits_are_read_in_reading_order_and_one_can_be_chosen(view):
    page = view.page
    view.draw("3", RIGHT)
    view.draw("1", LEFT)
    expect(view.chips).to_have_text(["1", "3"])
    expect(view.verdict).to_have_text("1")  # the digit that was drawn last
    view.chips.last.click()
    expect(view.verdict).to_have_text("3")
    expect(page.locator(".answers strong").last).to_have_text("3")
    assert (
        page.locator(".why canvas.ink").evaluate_all("all => all.map(({ width }) => width)")
        == [28] * 5
    )
    assert page.evaluate("scrollY") == 0, "the page does not scroll under a finger that draws"
    sheet, said = (page.locator(part).bounding_box() for part in (".sheet", ".said"))
    assert sheet
    assert said
    assert said["y"] < sheet["y"] + sheet["height"], "the answer is next to the sheet"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.messages == []


def test_the_digit_that_was_drawn_last_is_shown(view):
    view.draw("1", LEFT)
    view.draw("3", RIGHT)
    expect(view.chips).to_have_text(["1", "3"])
    expect(view.verdict).to_have_text("3")


def test_the_numbers_of_two_lines_are_apart(view):
    upper, lower = (0.1, 0.05, 0.2, 0.4), (0.1, 0.55, 0.2, 0.4)
    view.transfer("drop", "lines.png", picture(("2", upper), ("3", lower)))
    expect(view.page.locator(".number")).to_contain_text("2 / 3")


def test_doubt_is_shown_and_an_accessibility_checker_finds_nothing_serious(view):
    assert serious_findings(view.page) == []
    view.transfer("drop", "digits.png", picture(("1", LEFT), ("scribble", RIGHT)))
    expect(view.chips).to_have_text(["1", "?"])
    view.chips.last.click()
    expect(view.verdict).to_contain_text("does not look like")
    view.page.emulate_media(color_scheme="dark")
    assert serious_findings(view.page) == []
    view.page.get_by_role("button", name="Example: 7").click()
    expect(view.verdict).to_have_text("7")
    expect(view.page.locator(".number")).to_be_hidden()


def test_digits_are_drawn_by_keyboard_and_announced(view):
    keyboard = view.page.keyboard
    keyboard.press("Tab")
    expect(view.page.locator(".sheet")).to_be_focused()
    keyboard.press("Space")
    expect(view.status).not_to_be_empty()
    for _ in range(28):
        keyboard.press("ArrowDown")
    keyboard.press("Space")
    expect(view.verdict).to_have_text("1")
    expect(view.status).to_have_text(re.compile(r"^1\. "))
    assert view.page.evaluate("scrollY") == 0
    keyboard.press("Control+z")
    expect(view.verdict).to_contain_text("Draw a digit")


def test_a_picture_can_be_dropped_chosen_and_pasted(view, tmp_path):
    view.transfer("drop", "digits.png", picture(("1", LEFT), ("3", RIGHT)))
    expect(view.chips).to_have_text(["1", "3"])
    (tmp_path / "three.png").write_bytes(picture(("3", MIDDLE)))
    view.page.locator(".file").set_input_files(tmp_path / "three.png")
    expect(view.chips).to_have_count(0)
    expect(view.verdict).to_have_text("3")
    view.transfer("paste", "one.png", picture(("1", MIDDLE)))
    expect(view.verdict).to_have_text("1")
    view.page.get_by_role("button", name="Undo").click()
    expect(view.verdict).to_have_text("3")
    view.draw("1")  # a stroke begins a new sheet
    expect(view.verdict).to_have_text("1")
    view.transfer("drop", "letter.png", b"Dear reader")
    expect(view.alert).to_contain_text("letter.png")
    expect(view.verdict).to_have_text("1")


def test_a_large_picture_is_reduced_before_it_is_sent(view, monkeypatch):
    monkeypatch.setattr(
        draw,
        "_answer",
        receive := Mock(return_value={"digits": [], "warnings": ["the line is not level"]}),
    )
    noise = np.random.default_rng(0).integers(0, 40, (2_400, 3_200), np.uint8)
    view.transfer("drop", "photo.jpg", encoded(Image.fromarray(255 - noise), "JPEG"))
    expect(view.verdict).to_contain_text("nothing here to read")
    expect(view.alert).to_have_text("The line is not level.")
    (content,) = receive.call_args.args
    assert Image.open(io.BytesIO(content)).size == (1600, 1200)
    assert len(content) < 2**20


def test_the_browser_reads_a_digit_without_a_server(view):
    view.page.context.set_offline(True)
    view.draw("3")
    expect(view.verdict).to_have_text("3")
    view.page.get_by_role("button", name="Clear").click()
    view.draw("scribble")
    expect(view.verdict).to_contain_text("does not look like")


def test_without_a_report_the_server_reads_what_is_drawn(view, able):
    view.page.reload()  # over a recognizer, and no report
    view.draw("3")
    expect(view.verdict).to_have_text("3")
    expect(view.page.locator(".examples")).to_be_hidden()


def test_an_error_is_shown_until_there_is_an_answer(view):
    view.page.route(
        f"**{draw.READ}",
        lambda route: route.fulfill(status=503, body="no!"),
    )
    view.transfer("drop", "three.png", picture(("3", MIDDLE)))
    expect(view.alert).to_have_text("no!")
    view.page.unroute(f"**{draw.READ}")
    view.draw("1")
    expect(view.verdict).to_have_text("1")
    expect(view.page.locator(".alert")).to_be_empty()


def test_a_digit_is_grabbed_where_it_was_drawn(view):
    view.draw("3")
    expect(view.verdict).to_have_text("3")
    view.page.get_by_role("button", name="Grab").click()
    view.page.locator(".sheet").focus()
    for _ in range(8):
        view.page.keyboard.press("ArrowRight")
    expect(view.page.locator(".score")).to_contain_text(re.compile("to the right|does not count"))
    view.page.locator(".sheet").press("Escape")
    expect(view.verdict).to_have_text("3")
    assert view.messages == []
