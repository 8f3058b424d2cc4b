"""Digits of the page, disturbed: eight corruptions of MNIST-C, and the card of a fooled CNN."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from support.browser import choose

from mnist_pipeline.data.corruptions import corrupt
from mnist_pipeline.report.content import Values

pytestmark = pytest.mark.browser

# How many corrupted images include each choice of side, place or slope.
CHOICES = {
    **{"brightness": 1, "stripe": 1, "scale": 1, "shear": 9, "rotate": 9, "translate": 30},
    "dotted_line": 8_000,
}


@pytest.mark.parametrize("name", CHOICES)
def test_corruptions_have_the_formulas_of_the_pipeline(
    page: Page, values: Values, name: str
) -> None:
    image = values["test_digits"].images[3]
    corrupted = corrupt(np.repeat(image[np.newaxis], CHOICES[name], axis=0), name)
    shown = np.array(
        page.evaluate(
            "([name, image]) => [...corruptions[name](Float64Array.from(image))]",
            [name, image.ravel().tolist()],
        )
    ).reshape(28, 28)
    assert np.abs(shown - image).max() > 50
    assert np.abs(corrupted - shown).max(axis=(1, 2)).min() <= 1


def test_a_disturbance_that_fools_the_cnn_is_kept_as_a_card(page: Page) -> None:
    figure = page.locator("#figure-disturb")
    choose(figure, "6")  # a small turn fools the network of the run
    figure.get_by_role("button", name="Fool").click()
    expect(figure.locator(".fooled")).to_be_visible()
    expect(figure.locator(".answers .row").last).to_contain_class("wrong")
    uri = figure.get_by_role("link", name="Save").get_attribute("href") or ""
    card = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))
    assert card.size == (640, 320)
    figure.get_by_role("button", name="Reset").click()
