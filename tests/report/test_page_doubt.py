"""The verdict of the page is that of Python, however few training images the page has, and the page
says why an answer is in doubt.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from support import computing
from support.sources import encoded

from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.reading import read_digits
from mnist_pipeline.report import arrays, assembly
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.page import render

pytestmark = pytest.mark.browser

SHOW = """(image) => loaded.then(({ reader }) =>
  reader.show({ image: Uint8Array.from(image), label: null, place: null }))"""


@pytest.fixture
def few(values) -> Values:
    """The values of the run with another champion, which k-NN contradicts at times."""
    recognizer = values["recognizer"]._replace(
        champion="mlp",
        calibration=(0.1, 1.0),
        largest_claim=0.92,
    )
    return {**values, "recognizer": recognizer}


@pytest.fixture
def small_page(browser, few, without_charts, monkeypatch, tmp_path) -> Iterator[Page]:
    """A page with the fewest training images that it can have."""
    monkeypatch.setattr(arrays, "SAMPLE", 0)
    (tmp_path / "index.html").write_text(render(assembly.merged("numbers", few), few))
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    yield page
    page.close()


def test_the_verdict_does_not_depend_on_the_neighbors_that_the_page_has(small_page, few):
    recognizer, images = few["recognizer"], few["test_digits"].images[:80]
    images = np.concatenate([images, images.swapaxes(1, 2)])  # and mirrored
    expected = recognizer.recognize(images)
    assert len({answer.digits["knn"] != answer.digit for answer in expected}) == 2
    judged = computing.judged(small_page, images)
    noun = recognizer.known.noun
    same = [found["headline"] == answer.headline(noun) for found, answer in zip(judged, expected)]
    assert np.mean(same) >= 0.98
    np.testing.assert_allclose(
        [found["probability"] for found in judged],
        [answer.claim for answer in expected],
        atol=0.03,
    )


def test_a_digit_at_an_unusual_position_looks_like_a_digit_as_to_predict(page, values):
    images = values["test_digits"].images
    has_room = ~images[:, :3].any(axis=(1, 2)) & ~images[:, :, -4:].any(axis=(1, 2))
    usual = images[has_room][:40]
    shifted = np.roll(usual, (-3, 4), axis=(1, 2))
    pictures = [search.read_page(encoded(Image.fromarray(image))) for image in shifted]
    read = [read_digits(picture, values["recognizer"]) for picture in pictures]
    by_predict = [reading.recognition.looks_like_digit for reading, *_ in read]
    at_home, away = (
        [judgement["looksLikeDigit"] for judgement in computing.judged(page, images)]
        for images in (usual, shifted)
    )
    assert np.mean(at_home) > 0.8
    assert np.mean(np.equal(away, at_home)) >= 0.9
    assert np.mean(np.equal(away, by_predict)) >= 0.9


def test_the_page_says_why_an_answer_is_in_doubt(page, values):
    figure = page.locator("#figure-draw")
    why, contents = figure.locator(".why"), page.locator("nav").first
    digit = values["test_digits"].images[0]
    noise = np.random.default_rng(0).integers(0, 256, (28, 28))
    noise[:, 14:] = 0
    tops = []
    for image, is_digit in ((noise, False), (digit, True)):
        page.evaluate(SHOW, image.ravel().tolist())
        expect(figure.locator(".verdict.doubtful")).to_have_count(0 if is_digit else 1)
        expect(why.locator(".causes")).to_have_count(0 if is_digit else 1)
        expect(why.locator("canvas.ink")).to_have_count(4)
        tops.append(contents.evaluate("nav => nav.getBoundingClientRect().top + scrollY"))
    assert len(set(tops)) == 1  # the page below does not move
