"""The figure that shuffles the pixels of all images."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mnist_pipeline.methods.shuffling import shuffle
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report.content import Values

pytestmark = pytest.mark.browser

NUM_UNAWARE = 3  # k-NN, softmax and MLP; the CNN is the last of the run's models
ANSWER = """async (images) => {
  const { arrays } = await loaded;
  const { answer } = createCnn(arrays, "shuffled");
  return images.map((image) => [...answer(image).probabilities]);
}"""


def test_only_the_cnn_notices_that_the_pixels_are_shuffled(page: Page) -> None:
    figure = page.locator("#figure-shuffled")
    figure.scroll_into_view_if_needed()
    box, rows = figure.locator("input"), figure.locator(".run .row")
    message = figure.locator(".message").first
    for label in (0, 3, 8):
        button = figure.locator(".choose button").nth(label)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        before = rows.all_inner_texts()
        box.check()
        expect(message).to_contain_text("hanged")
        after = rows.all_inner_texts()
        assert after[:NUM_UNAWARE] == before[:NUM_UNAWARE]
        assert after[NUM_UNAWARE] != before[NUM_UNAWARE]
        box.uncheck()
        expect(message).not_to_contain_text("hanged")
        assert rows.all_inner_texts() == before


def test_the_network_that_learned_from_shuffled_images_answers_as_in_python(
    page: Page, values: Values
) -> None:
    trained = values["shuffled_cnn"]
    images = shuffle(values["test_digits"].images[:50], trained["permutation"])
    expected = MODELS["cnn"].method().answer(trained, images).probabilities
    found = page.evaluate(ANSWER, images.reshape(len(images), -1).tolist())
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.005)
