"""What a reader finds out by training softmax regression in the page."""

import pytest
from playwright.sync_api import Page, expect
from support.browser import choose

pytestmark = pytest.mark.browser


def test_few_digits_are_learned_by_heart_and_an_infinite_loss_is_explained(page: Page) -> None:
    figure = page.locator("#figure-scores")
    scores = figure.locator(".classes span")
    choose(figure, "4")
    stored = scores.all_inner_texts()
    _, right, learned, loss = (figure.locator(".learned b").nth(place) for place in range(4))
    rate, images = figure.locator("[name=rate]"), figure.locator("[name=images]")
    images.focus()
    page.keyboard.press("Home")
    figure.get_by_role("button", name="Start").click()
    expect(learned).to_have_text("10 of 10")
    figure.get_by_role("button", name="Stop").click()
    expect(figure.get_by_role("button", name="Start")).to_be_visible()
    assert scores.all_inner_texts() != stored
    count, _, total = right.inner_text().partition(" of ")
    assert int(count) < 0.9 * int(total)
    expect(figure.locator(".infinite")).to_be_hidden()
    rate.focus()
    page.keyboard.press("End")
    figure.get_by_role("button", name="Start").click()
    expect(loss).to_contain_text("∞")
    expect(figure.locator(".infinite")).to_be_visible()
    figure.get_by_role("button", name="Weights of the run").click()
    expect(scores).to_have_text(stored, use_inner_text=True)
