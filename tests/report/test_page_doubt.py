"""The verdict of the page is that of Python, however few training images the page has, and the page
says why an answer is in doubt.
"""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from support import computing

from mnist_pipeline.report import arrays, assembly
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.page import render

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("without_charts")
def test_the_verdict_does_not_depend_on_the_neighbors_that_the_page_has(
    browser: Browser, values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(arrays, "SAMPLE", 100)
    recognizer = values["recognizer"]._replace(
        champion=np.frombuffer(b"mlp", np.uint8), calibration=np.array([0.1, 1.0])
    )
    few = {**values, "recognizer": recognizer}
    (tmp_path / "index.html").write_text(render(assembly.merged("numbers", few), few))
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    images = values["test_digits"].images[:80]
    images = np.concatenate([images, np.rot90(images, axes=(1, 2))])
    expected = recognizer.recognize(images)
    assert len({answer.digits["knn"] != answer.digit for answer in expected}) == 2
    judged = computing.judged(page, images)
    noun = recognizer.known.noun
    same = [found["headline"] == answer.headline(noun) for found, answer in zip(judged, expected)]
    assert np.mean(same) >= 0.98
    np.testing.assert_allclose(
        [found["probability"] for found in judged],
        [answer.probability for answer in expected],
        atol=0.03,
    )


SHOW = """(image) => loaded.then(({ reader }) =>
  reader.show({ image: Uint8Array.from(image), label: null, place: null }))"""


def test_the_page_says_why_an_answer_is_in_doubt(page: Page, values: Values) -> None:
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
    assert len(set(tops)) == 1  # the page below keeps its place
