"""A link restores what one sees."""

import base64
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect
from support.browser import choose, open_report
from support.servers import until

pytestmark = pytest.mark.browser

LONGEST = 700  # characters of the state of one drawing
# Figures far from the screen show the digit later.
SEEN = """() => JSON.stringify({
  digit: document.querySelector("nav canvas").toDataURL(),
  answers: document.querySelector("#figure-draw .answers").textContent,
  verdict: document.querySelector("#figure-draw .said").innerText,
  score: document.querySelector("#figure-draw .score").innerText,
  inputs: [...document.querySelectorAll("[id^=figure-] input[name]")]
    .map(({ name, checked, value }) => [name, checked, value]),
  dialogs: [...document.querySelectorAll("dialog[open]")].map((dialog) => dialog.innerText),
})"""


@pytest.fixture(scope="module")
def pages(browser, address) -> Iterator[tuple[Page, Page]]:
    """The page of the author, who copies links, and the page of the reader, who opens them. Nothing
    may be logged while the tests use them.
    """
    messages: list[str] = []
    # No digit draws itself stroke by stroke.
    author, reader = (
        open_report(browser, address, messages, reduced_motion="reduce") for _ in range(2)
    )
    author.evaluate("""() => { if (navigator.clipboard)
        navigator.clipboard.writeText = async (text) => { window.copied = text; }; }""")
    yield author, reader
    assert messages == []


def copy_link(page: Page) -> str:
    page.evaluate("window.copied = null; document.querySelector('.copy').click()")
    return str(page.wait_for_function("window.copied").json_value())


def expect_the_same(author: Page, reader: Page, link: str) -> None:
    sections = parse_qs(urlsplit(link).fragment).get("section", [])
    for section in sections:
        link_to = reader.locator(f"nav [href='#{section}']")
        expect(link_to).to_have_attribute("aria-current", "true")
    expect(reader.locator("nav [aria-current=true]")).to_have_count(len(sections))
    for page in (author, reader):
        page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    until(lambda: reader.evaluate(SEEN) == author.evaluate(SEEN))


def draw(page: Page) -> None:
    """Draw a vertical line on the sheet."""
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    page.get_by_role("button", name="Clear").click()
    sheet = page.locator(".sheet")
    sheet.hover(position={"x": 200, "y": 40})
    page.mouse.down()
    sheet.hover(position={"x": 220, "y": 200})
    page.mouse.up()
    expect(page.locator("#figure-draw .truth")).to_contain_class("empty")
    expect(page.locator("#figure-draw .heard")).not_to_contain_text("Draw")


def move(page: Page, figure: str, **values: float) -> None:
    for name, value in values.items():
        page.locator(f"#{figure} [name={name}]").fill(str(value))


def open_misread(page: Page) -> None:
    page.locator(".openable button").nth(3).click()
    expect(page.locator("#opened")).to_be_visible()


def go_to(page: Page, section: str) -> None:
    page.evaluate(f"document.getElementById('{section}').scrollIntoView({{behavior: 'instant'}})")
    expect(page.locator(f"nav [href='#{section}']")).to_have_attribute("aria-current", "true")


def change_figures(page: Page) -> None:
    move(page, "figure-neighbors", k=7)
    move(page, "figure-rebuild", components=40)
    page.locator("[name=mean]").check()
    page.locator("#figure-kernels [type=radio]").nth(4).check()
    move(page, "figure-disturb", noisy=0.2)
    page.locator("#figure-fool [name=target]").nth(3).check()


def grab(page: Page) -> None:
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    page.get_by_role("button", name="Grab").click()
    page.locator(".sheet").press("ArrowLeft")
    page.locator(".sheet").press("r")


STATES: dict[str, Callable[[Page], Any]] = {
    "a test digit": lambda page: choose(page.locator("#figure-draw"), "7"),
    "a test digit that was grabbed": grab,
    "a drawing": draw,
    "a drawing that was grabbed": grab,
    "figures": change_figures,
    "a section": lambda page: go_to(page, "components"),
    "a misread digit": open_misread,
}


@pytest.mark.parametrize("state", STATES)
def test_a_link_restores_what_its_author_saw(pages, state, address):
    """The author changes one thing after the other, and each link has all of them."""
    author, reader = pages
    STATES[state](author)
    link = copy_link(author)
    reader.goto("about:blank")
    reader.goto(link)
    expect_the_same(author, reader, link)
    if state == "a drawing":
        assert len(link) < len(address) + LONGEST
    for page in (author, reader):
        page.evaluate("document.querySelector('#opened').close()")


def test_the_link_of_an_untouched_page_has_no_inputs(browser, address):
    page = open_report(browser, address, [], reduced_motion="reduce")
    page.evaluate("""() => { Object.defineProperty(navigator, "clipboard", { value: {
        writeText: async (text) => { window.copied = text; } } }); }""")
    assert set(parse_qs(urlsplit(copy_link(page)).fragment)) <= {"section", "test", "image"}
    page.close()


def test_a_link_that_is_pasted_into_the_open_page_restores_as_well(pages):
    author, reader = pages
    choose(author.locator("#figure-draw"), "3")
    move(author, "figure-neighbors", k=5)
    move(author, "figure-rebuild", components=3)  # as on an untouched page
    link = copy_link(author)
    assert "figure-rebuild.components" not in link  # the section may be "components"
    choose(reader.locator("#figure-draw"), "4")
    open_misread(reader)
    move(reader, "figure-rebuild", components=99)
    reader.evaluate("link => { location.href = link; }", link)
    expect_the_same(author, reader, link)


def test_a_long_link_is_not_inflated(pages, address):
    image = base64.urlsafe_b64encode(zlib.compress(bytes(4_000_000))).decode()
    _, page = pages
    page.goto("about:blank")
    page.add_init_script("""const { arrayBuffer } = Blob.prototype; window.sizes = [];
        Blob.prototype.arrayBuffer = function () {
          window.sizes.push(this.size);
          return arrayBuffer.call(this);
        };""")
    page.goto(f"{address}#image={image}")
    page.locator("#figure-draw .hint").wait_for()
    sizes = page.evaluate("sizes")
    assert sizes
    assert 4_000_000 not in sizes


@pytest.mark.parametrize(
    "broken",
    ["#section=", "#image=abc!", "#image=eNrt", "#test=99999999", "#opened.index=x&a.b=1&=&%"],
)
def test_a_broken_link_opens_the_page_as_usual(pages, address, broken):
    _, page = pages
    page.goto("about:blank")
    page.goto(address + broken)
    expect(page.locator("#figure-draw .truth")).to_have_text("True class: 2")
    page.locator("#figure-draw .hint").wait_for()
    assert page.evaluate("scrollY") == 0
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_link_can_neither_move_a_digit_off_the_sheet_nor_make_it_disappear(pages, address):
    _, page = pages
    test = page.evaluate("loaded.then(({ arrays }) => arrays['test.indices'][0])")
    pose = "&".join(
        f"figure-draw.{name}={value}"
        for name, value in {
            "size": "0",
            "across": "left",
            "down": "1e9",
            "turned": "Infinity",
        }.items()
    )
    page.goto("about:blank")
    page.goto(f"{address}#test={test}&{pose}")
    inputs = page.locator("#figure-draw [type=hidden]")
    read = "all => Object.fromEntries(all.map(({ name, value }) => [name, Number(value)]))"
    expected = {"across": 0, "down": 14, "turned": 0, "size": 0.3}
    until(lambda: inputs.evaluate_all(read) == expected)


def test_a_sign_without_a_name_is_still_a_sign(pages, address):
    _, page = pages
    drawing = base64.urlsafe_b64encode(zlib.compress(bytes(range(256)) * 3 + bytes(16))).decode()
    page.goto("about:blank")
    page.goto(f'{address}#image={drawing}&signs=[""]&drawings={drawing}')
    expect(page.locator("#figure-draw .taught")).to_contain_text("sign (1)")
    expect(page.locator("#figure-draw .verdict")).to_have_text("Sign")


def test_without_a_clipboard_the_link_can_be_selected(pages):
    page, _ = pages
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.evaluate("() => { window.prompt = (_, link) => { window.copied = link; }; }")
    assert "image=" in copy_link(page) or "test=" in copy_link(page)
