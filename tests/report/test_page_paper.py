"""What the report shows on paper, and to readers without scripts: a handout of its story."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

MOST_PAGES = 4


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def sheet(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
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


def test_a_handout_has_a_few_pages_and_a_figure_in_each_section(sheet: Page) -> None:
    assert 1 <= pages(sheet) <= MOST_PAGES
    assert sections_without_a_figure(sheet) == set()
    sheet.emulate_media(media="print")
    assert sections_without_a_figure(sheet) == set()
    assert sheet.locator(".live:visible, p.static:visible").count() == 0
    assert not sheet.locator("#appendix").is_visible()


def test_open_parts_of_the_appendix_are_printed_and_answers_to_guess_are_not(sheet: Page) -> None:
    story = pages(sheet)
    sheet.locator("#knn > summary").click()
    question = sheet.locator(".guess").first
    question.locator("summary").click()
    assert question.locator("p").is_visible()
    assert pages(sheet) > story
    sheet.emulate_media(media="print")
    assert sheet.locator("#appendix").is_visible()
    assert sheet.locator("#figure-votes").is_visible()
    assert not sheet.locator("#knn pre").first.is_visible()  # the code is folded
    assert not sheet.locator("#pca").is_visible()
    assert question.locator("summary").is_visible()
    assert not question.locator("p").is_visible()
