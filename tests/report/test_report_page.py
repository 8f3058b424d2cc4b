"""The report of the finished run in headless Chromium: on a laptop, and in the dark on a phone."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import NEXT_FRAME, choose, expect_painted, painted, serious_findings
from support.sources import encoded

from mnist_pipeline.methods.table import MODELS

EMPTY = re.compile("^Draw a digit")
IS_AT_YOURS = """plane => plane.querySelector(".ring").getAttribute("transform")
  === plane.querySelector(".yours").getAttribute("transform")"""
MIN_SIZE = 10  # pixels of text in a figure, as displayed

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("page", ["laptop", "dark phone"], indirect=True, scope="module"),
]


def test_nothing_is_wider_than_the_screen_or_cut_off(page):
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


def test_the_text_of_figures_is_large_enough_to_read(page):
    sizes = page.evaluate(
        """() => [...document.querySelectorAll("figure :is(svg text, li span, figcaption, td, th)")]
            .filter((text) => text.textContent.trim() && text.checkVisibility())
            .map((text) => [parseFloat(getComputedStyle(text).fontSize)
                * (text.ownerSVGElement ? text.ownerSVGElement.getScreenCTM().a : 1),
             text.textContent])"""
    )
    assert len(sizes) > 100
    assert [each for each in sizes if each[0] < MIN_SIZE] == []


def test_the_sheet_and_the_answers_fit_the_first_screen(page):
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    answers = page.locator("#figure-draw .answers")
    expect(answers.locator(".row")).to_have_count(len(MODELS))
    bottom = answers.evaluate("answers => answers.getBoundingClientRect().bottom")
    assert bottom <= page.evaluate("innerHeight")


STOPS = """() => {
  const end = document.getElementById("appendix");
  const isStop = (each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility()
    && each.compareDocumentPosition(end) & Node.DOCUMENT_POSITION_FOLLOWING;
  const all = [...document.querySelectorAll("a, button, input, summary, [tabindex]")];
  const radios = (each) => each.type === "radio" ? each.name : each;
  return new Set(all.filter(isStop).map(radios)).size;
}"""
MOST_STOPS = 62
MOST_SCREENS = {1280: 8, 360: 16}  # by width, of 850 and 780 pixels


def test_the_story_is_short(page):
    page.evaluate("for (const each of document.querySelectorAll('.guess')) each.open = false")
    top = page.evaluate("document.getElementById('appendix').offsetTop")
    width = page.evaluate("innerWidth")
    assert top <= MOST_SCREENS[width] * {1280: 850, 360: 780}[width]


def test_a_row_of_choices_is_one_stop_of_the_keyboard(page):
    assert page.evaluate(STOPS) <= MOST_STOPS
    digits = page.locator("nav .choose button")
    digits.nth(0).focus()
    for key, index in (("ArrowRight", 1), ("ArrowLeft", 0), ("ArrowLeft", 0), ("ArrowDown", 1)):
        page.keyboard.press(key)
        expect(digits.nth(index)).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("nav .choose button:visible").last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    expect(page.locator("nav .choose :focus")).to_have_count(0)
    page.keyboard.press("Shift+Tab")
    expect(digits.nth(1)).to_be_focused()


def test_training_starts_when_it_is_seen_unless_motion_is_reduced(page):
    page.locator(".train").scroll_into_view_if_needed()
    is_still = page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    button = page.locator(".train button").first
    expect(button).to_have_text("Start" if is_still else "Stop")


def test_the_slider_rebuilds_the_chosen_digit_from_more_components(page):
    figure = page.locator("#figure-rebuild")
    slider, point = figure.locator("[name=components]"), figure.locator(".curve .point")
    amounts = figure.locator(".terms").inner_text()
    choose(figure, "8")
    expect(figure.locator(".terms")).not_to_have_text(amounts, use_inner_text=True)
    slider.focus()
    positions = []
    for key, k in (("Home", 0), ("ArrowRight", 1), ("End", 256)):
        page.keyboard.press(key)
        said = re.compile(f"^{k} of 784 components")
        expect(slider).to_have_attribute("aria-valuetext", said)
        expect(figure.locator(".terms .unused")).to_have_count(8 - min(k, 8))
        positions.append(
            point.evaluate(
                "point => [Number(point.getAttribute('cx')), Number(point.getAttribute('cy'))]"
            )
        )
    assert positions == sorted(positions)  # to the right, and downwards: the error falls


def test_the_amount_of_one_component_moves_the_digit(page):
    figure = page.locator("#figure-rebuild")
    result, amount = figure.locator("canvas").first, figure.locator(".amount input")
    choose(figure, "3")
    figure.locator(".terms button").nth(1).click()
    before = painted(result)
    amount.press("End")
    expect_painted(result, before, same=False)
    expect(figure.locator(".terms button").nth(1)).to_contain_text("+")
    figure.locator(".terms button").nth(1).click()
    expect_painted(result, before, same=True)


def test_a_score_of_the_network_has_a_bar(page):
    score = page.locator("#figure-network .scores button").first
    expect(score).to_have_css("background-image", re.compile("gradient"))


def test_a_point_of_the_plane_makes_a_digit_and_names_the_nearest_one(page):
    plane = page.locator("#figure-scatter")
    mark = plane.locator("#scatter-class-7 use").first
    mark.scroll_into_view_if_needed()
    page.wait_for_function(NEXT_FRAME)  # figures on the screen follow the digit
    assert mark.bounding_box()["height"] >= 8
    mark.hover(force=True)
    expect(plane.locator(".nearest")).to_have_text(re.compile("^nearest: 7,"))
    plane.locator(".locate").click()
    page.wait_for_function(IS_AT_YOURS, arg=plane.element_handle())
    plane.locator(".highlight button").nth(7).click()
    expect(plane.locator("#scatter-class-6")).not_to_have_css("opacity", "1")
    expect(plane.locator("#scatter-class-7")).to_have_css("opacity", "1")


def test_the_models_answer_a_drawing_while_it_is_drawn(page):
    figure = page.locator("#figure-draw")
    sheet, answers = figure.locator(".sheet"), figure.locator(".answers .row")
    heard = figure.get_by_role("status")
    page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    figure.get_by_role("button", name="Another").click()
    expect(answers.first).to_be_visible()
    box = figure.bounding_box()
    figure.get_by_role("button", name="Clear").click()
    expect(answers.first).to_be_hidden()
    expect(heard).to_have_text(EMPTY)
    sheet.hover(position={"x": 150, "y": 40}, force=True)
    page.mouse.down(button="right")
    page.mouse.up(button="right")
    expect(heard).to_have_text(EMPTY)
    page.mouse.down()
    sheet.hover(position={"x": 150, "y": 190}, force=True)
    expect(figure.locator(".says strong").last).to_have_text("1")
    expect(heard).to_have_text(EMPTY)  # until the stroke ends
    page.mouse.up()
    expect(heard).not_to_have_text(EMPTY)
    expect(answers).to_have_count(len(MODELS))
    figure.get_by_role("button", name="Undo").click()
    expect(answers.first).to_be_hidden()
    assert figure.bounding_box() == box  # nothing jumped


CHOSEN_MEANWHILE = """(figure) => {
  figure.querySelector(".another").click();
  document.querySelectorAll("nav .choose button")[7].click();
}"""


def test_a_digit_that_appears_makes_room_for_one_that_is_chosen_meanwhile(page):
    figure = page.locator("#figure-draw")
    figure.evaluate(CHOSEN_MEANWHILE)
    expect(figure.locator(".truth")).to_have_text("True class: 7")


def test_a_chosen_picture_is_read_and_another_file_is_named(page, values):
    figure = page.locator("#figure-draw")
    figure.scroll_into_view_if_needed()
    images = values["test_digits"].images
    file, answer = figure.locator(".file"), figure.locator(".says strong").last
    picture = {"name": "a.png", "mimeType": "image/png", "buffer": encoded(images[0])}
    file.set_input_files(picture)
    # The digit that appears has a true class. Half of a 2 may be read as a 7 too.
    expect(figure.locator(".truth")).to_contain_class("empty")
    expect(answer).to_have_text(str(values["cnn_predictions"].labels[0]))
    file.set_input_files({**picture, "buffer": encoded(np.hstack(images[:3]))})
    names = " ".join(map(str, values["cnn_predictions"].labels[:3]))
    expect(figure.get_by_role("status")).to_contain_text(names)
    file.set_input_files({**picture, "name": "notes.txt", "buffer": b"no picture"})
    expect(figure.get_by_role("status")).to_contain_text("notes.txt")


def test_an_accessibility_checker_finds_nothing_serious(page):
    assert serious_findings(page) == []


# How often work for the next frame is done while each of ten frames asks for it.
ASKED_PER_FRAME = """() => new Promise((done) => {
  let [frames, count] = [0, 0];
  const later = perFrame(() => { count += 1; });
  const step = () => {
    frames += 1;
    if (frames > 10) return done(count);
    requestAnimationFrame(step);
    later();
  };
  step();
})"""


def test_figures_follow_a_digit_while_it_changes_in_each_frame(page):
    assert page.evaluate(ASKED_PER_FRAME) >= 5  # at least in every second frame
