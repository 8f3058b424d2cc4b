"""Dialogs of the page: going back closes them, and one leafs through misread digits."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from mnist_pipeline.methods.table import MODELS

pytestmark = pytest.mark.browser


def open_first_error(page: Page) -> Locator:
    page.locator(".openable button").first.click()
    dialog = page.locator("#opened")
    expect(dialog).to_be_visible()
    return dialog


def test_going_back_closes_a_dialog_and_closing_it_leaves_no_entry(page):
    dialog, stays = page.locator("#opened"), "history.state === null"
    for close in (page.go_back, lambda: page.keyboard.press("Escape")):
        open_first_error(page)
        assert page.evaluate("history.state !== null")
        close()
        expect(dialog).to_be_hidden()
        page.wait_for_function(stays)


def test_a_cell_of_a_confusion_matrix_opens_its_digits(page):
    dialog = page.locator("#opened")
    cells = page.locator('.confusion[data-model="softmax"] button')
    counts = [int(text) for text in cells.all_inner_texts()]
    cells.nth(counts.index(3)).click()
    expect(dialog.locator(".leaf span")).to_have_text("1 of 3")
    label = cells.nth(counts.index(3)).get_attribute("data-true")
    expect(dialog.locator("h3")).to_contain_text(f"labelled {label}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_one_leafs_through_misread_digits_with_buttons_and_arrow_keys(page):
    indices = page.locator(".openable [data-index]").evaluate_all(
        "all => all.map(({ dataset }) => dataset.index)"
    )
    dialog = open_first_error(page)
    title, position = dialog.locator("h3"), dialog.locator(".leaf span")
    dialog.get_by_role("button", name="Next").click()
    expect(title).to_contain_text(f"№ {indices[1]},")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(title).to_contain_text(f"№ {indices[-1]},")
    expect(position).to_have_text(f"{len(indices)} of {len(indices)}")
    page.go_back()
    expect(dialog).to_be_hidden()


def test_a_misread_digit_becomes_that_of_all_figures_and_counts_as_wrong(page, composed):
    best = next(iter(composed["comparison"]["models"]))
    dialog = open_first_error(page)
    label = dialog.locator("h3").inner_text().removesuffix(" (doubtful)")[-1]
    dialog.get_by_role("button", name="Use it").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("nav .choose [aria-pressed=true]")).to_have_text(label)
    disturbed = page.locator("#figure-disturb")
    disturbed.scroll_into_view_if_needed()
    wrong = re.compile(rf"^Wrong: .*{MODELS[best].short_title}")
    expect(disturbed.locator(".message")).to_have_text(wrong)
