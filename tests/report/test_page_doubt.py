"""The verdict of the page is that of Python, however few training images the page has, and the page
says why an answer is in doubt.
"""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser
from support import computing

from mnist_pipeline.report import arrays, topics
from mnist_pipeline.report.page import render
from mnist_pipeline.report.topics import Values

pytestmark = pytest.mark.browser


def test_the_verdict_does_not_depend_on_the_neighbors_that_the_page_has(
    browser: Browser, values: Values, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(arrays, "SAMPLE", 100)
    recognizer = values["recognizer"]._replace(
        champion=np.frombuffer(b"mlp", np.uint8), calibration=np.array([0.1, 1.0])
    )
    few = {**values, "recognizer": recognizer}
    (tmp_path / "index.html").write_text(render(topics.merged("numbers", few), few))
    page = browser.new_page()
    page.goto((tmp_path / "index.html").as_uri())
    images = values["test_digits"].images[:200]
    images = np.concatenate([images, np.rot90(images, axes=(1, 2))])
    expected = recognizer.recognize(images)
    assert len({answer.digits["knn"] != answer.digit for answer in expected}) == 2
    judged = computing.judged(page, images)
    noun = recognizer.known.noun
    same = [found["headline"] == answer.headline(noun) for found, answer in zip(judged, expected)]
    assert np.mean(same) >= 0.99
    np.testing.assert_allclose(
        [found["probability"] for found in judged],
        [answer.probability for answer in expected],
        atol=0.03,
    )
