"""What the report shows on paper, and to readers without scripts: a handout of its story."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

MOST_PAGES = 2  # as docs/report.md says


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def sheet(request, browser, address) -> Iterator[Page]:
    """The page as it opens, with or without scripts."""
    context = browser.new_context(java_script_enabled=request.param)
    page = context.new_page()
    page.goto(address)
    if request.param:
        page.locator("#figure-draw .hint").wait_for()  # the first digit has drawn itself
    yield page
    context.close()


def pages(page: Page) -> int:
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    return printed.count(b"/Type /Page\n")


def sections_without_a_figure(page: Page) -> set[str | None]:
    return {
        section.get_attribute("aria-labelledby")
        for section in page.locator(".story").all()
        if section.locator("figure:visible").count() == 0
    }


def test_a_handout_has_a_few_pages_and_a_figure_in_each_section(sheet):
    assert 1 <= pages(sheet) <= MOST_PAGES
    assert sections_without_a_figure(sheet) == set()
    sheet.emulate_media(media="print")
    assert sections_without_a_figure(sheet) == set()
    expect(sheet.locator(".live:visible, p.static:visible")).to_have_count(0)
    expect(sheet.locator("#appendix")).to_be_hidden()


def test_open_parts_of_the_appendix_are_printed_and_answers_to_guess_are_not(sheet):
    story = pages(sheet)
    sheet.locator("#knn > summary").click()
    question = sheet.locator(".guess").first
    question.locator("summary").click()
    expect(question.locator("p")).to_be_visible()
    assert pages(sheet) > story
    sheet.emulate_media(media="print")
    expect(sheet.locator("#appendix")).to_be_visible()
    expect(sheet.locator("#figure-votes")).to_be_visible()
    expect(sheet.locator("#knn pre").first).to_be_hidden()  # the code is folded
    expect(sheet.locator("#pca")).to_be_hidden()
    expect(question.locator("summary")).to_be_visible()
    expect(question.locator("p")).to_be_hidden()
