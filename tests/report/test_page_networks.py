"""The figures of softmax regression and of the networks on the page: training, kernels, shuffled
pixels, and how the parts of a digit add up to the score.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import choose, expect_painted, painted

pytestmark = pytest.mark.browser

PARTS = """(levels) => loaded.then(({ models: { cnn } }) => {
  const { scores, features } = cnn.answer(Uint8Array.from(levels));
  return {
    scores: [...scores],
    sums: [...scores.keys()].map((label) =>
      cnn.partsOf(features, label).reduce((total, part) => total + part, cnn.biasOf(label))),
    count: features.length,
  };
})"""
# The maps of kernels: the learned one with this number, or one with a weight per pixel.
MAPS = """([levels, kernels]) => loaded.then(({ models: { cnn } }) => {
  const image = Uint8Array.from(levels);
  return kernels.map((kernel) => {
    const used = Array.isArray(kernel) ? cnn.kernelOf(kernel) : cnn.kernelAt(kernel);
    return [...cnn.mapsOf(image, used), cnn.productsOf(image, used, 10, 11)].map((map) => [...map]);
  });
})"""

NUM_UNAWARE = 3  # k-NN, softmax and MLP; the CNN is the last of the run's models
# As a link restores a field.
RESTORE = """(input, value) => {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def signed(text: str) -> list[float]:
    """The numbers of a text, with signs in typography."""
    return [float(found.replace("−", "-")) for found in re.findall(r"[−+]?\d+\.\d+", text)]


def test_what_each_feature_adds_sums_to_the_score_of_its_class(page, values):
    image = values["test_digits"].images[0]
    found = page.evaluate(PARTS, image.ravel().tolist())
    assert found["count"] == 1_024
    np.testing.assert_allclose(found["sums"], found["scores"], atol=1e-4)


def test_a_kernel_is_painted_by_pointer_and_keys_and_restored_from_its_text(page):
    figure = page.locator("#figure-kernels")
    field, own = figure.locator(".own svg"), figure.locator("[name=own]")
    strongest = figure.locator(".strongest canvas").first
    choose(figure, "4")
    figure.get_by_label("blank").check()
    of_blank = painted(strongest)
    field.hover(position={"x": 5, "y": 5})
    page.mouse.down()  # red
    field.hover(position={"x": 5, "y": 45})
    expect(own).not_to_have_value("")
    assert painted(strongest) == of_blank  # the search waits for the end of a stroke
    page.mouse.up()
    expect_painted(strongest, of_blank, same=False)
    field.focus()
    page.keyboard.press("ArrowRight")
    for _ in ("red", "blue"):
        page.keyboard.press("Space")
    blue = figure.locator(".weights span").get_by_text("−1.0")
    expect(blue).to_have_count(1)
    weights = own.input_value()
    assert {100, -100} < set(map(int, weights.split(",")))
    expect(figure.locator(":checked")).to_have_count(0)
    figure.get_by_label("blur").check()
    expect(own).to_have_value("")
    own.evaluate(RESTORE, weights)
    expect(figure.locator(":checked")).to_have_count(0)
    expect(blue).to_have_count(1)


def test_kernels_have_the_maps_of_their_correlation(page, values):
    weights, image = values["cnn_model"].weights, values["test_digits"].images[0]
    windows = np.lib.stride_tricks.sliding_window_view(image / 255, (5, 5))
    own = np.linspace(-1, 1, 25).reshape(5, 5)
    kernels = [(own, 0), (weights["conv1.weight"][3, 0], weights["conv1.bias"][3])]
    found = page.evaluate(MAPS, [image.ravel().tolist(), [own.ravel().tolist(), 3]])
    for (kernel, bias), maps in zip(kernels, found, strict=True):
        products = windows * kernel  # row and column of the window, and in it
        first = np.maximum(products.sum(axis=(2, 3)) + bias, 0)
        pooled = first.reshape(12, 2, 12, 2).max(axis=(1, 3))
        for expected, shown in zip((first, pooled, products[10, 11]), maps, strict=True):
            np.testing.assert_allclose(shown, expected.ravel(), atol=1e-3)


def test_a_removed_part_moves_the_scores_until_it_is_put_back(page):
    figure = page.locator("#figure-network")
    field, message, maps = (figure.locator(name) for name in ("svg", ".message", "canvas"))
    scores, answer = figure.locator(".scores button"), figure.locator(".scores .best")
    choose(figure, "4")
    expect(answer).to_have_attribute("aria-pressed", "true")
    before, whole = message.inner_text(), [painted(each) for each in maps.all()]
    of_maps, bias, total = signed(before)
    assert of_maps + bias == pytest.approx(total, abs=1e-6)
    assert f"{total:.1f}" in answer.inner_text()
    field.click(position={"x": 100, "y": 100})
    field.focus()
    for key in (*["ArrowDown"] * 5, "Space"):
        page.keyboard.press(key)
    expect(message).not_to_have_text(before)
    of_maps, bias, now, was = signed(message.inner_text())
    assert was == total != now == pytest.approx(of_maps + bias, abs=1e-6)
    for each, shown in zip(maps.all(), whole, strict=True):
        assert painted(each) != shown
    figure.get_by_role("button", name="Put the parts back").click()
    expect(message).to_have_text(before)
    scores.nth(7).click()
    expect(scores.nth(7)).to_have_attribute("aria-pressed", "true")
    expect_painted(maps.nth(2), whole[2], same=True)  # the last maps serve all classes
    expect_painted(maps.nth(3), whole[3], same=False)


def test_only_the_cnn_notices_that_the_pixels_are_shuffled(page):
    figure = page.locator("#figure-shuffled")
    figure.scroll_into_view_if_needed()
    box, rows = figure.locator("input"), figure.locator(".run .row")
    message = figure.locator(".message").first
    for label in (0, 3, 8):
        choose(figure, str(label))
        before = rows.all_inner_texts()
        box.check()
        expect(message).to_contain_text("hanged")
        after = rows.all_inner_texts()
        assert after[:NUM_UNAWARE] == before[:NUM_UNAWARE]
        assert after[NUM_UNAWARE] != before[NUM_UNAWARE]
        box.uncheck()
        expect(message).not_to_contain_text("hanged")
        assert rows.all_inner_texts() == before


def test_few_digits_are_learned_by_heart_and_an_infinite_loss_is_explained(page):
    figure = page.locator("#figure-scores")
    scores = figure.locator(".classes span")
    choose(figure, "4")
    stored = scores.all_inner_texts()
    _, right, learned, loss = (figure.locator(".learned b").nth(index) for index in range(4))
    rate, images = figure.locator("[name=rate]"), figure.locator("[name=images]")
    images.focus()
    page.keyboard.press("Home")
    figure.get_by_role("button", name="Start").click()
    expect(learned).to_have_text("10 of 10")
    figure.get_by_role("button", name="Stop").click()
    expect(figure.get_by_role("button", name="Start")).to_be_visible()
    assert scores.all_inner_texts() != stored
    expect(figure.locator(".amounts .point")).to_have_count(1)
    count, _, total = right.inner_text().partition(" of ")
    assert int(count) < 0.9 * int(total)
    expect(figure.locator(".infinite")).to_be_hidden()
    figure.get_by_role("button", name="learn 20 by heart").click()
    expect(learned).to_have_text("20 of 20")
    expect(figure.locator(".amounts .point")).to_have_count(2)
    rate.focus()
    page.keyboard.press("End")
    expect(loss).to_contain_text("∞")
    expect(figure.locator(".infinite")).to_be_visible()
    figure.get_by_role("button", name="Weights of the run").click()
    expect(scores).to_have_text(stored, use_inner_text=True)


def test_the_same_digit_is_weighed_by_its_pixels_or_by_its_gradients(page, values):
    figure = page.locator("#figure-scores")
    scores, best = figure.locator(".classes span"), figure.locator(".classes .best b")
    field, face = figure.locator(".cells"), figure.locator(".classes canvas").first
    figure.get_by_role("button", name="Weights of the run").click()
    choose(figure, "4")
    of_pixels, picture = scores.all_inner_texts(), painted(face)
    expect(field).to_be_hidden()
    figure.get_by_label("gradients", exact=True).check()
    expect(best).to_have_text("4")
    expect_painted(face, picture, same=False)
    assert scores.all_inner_texts() != of_pixels
    added = figure.locator(".classes small").all_inner_texts()
    field.focus()
    for _ in range(6):  # cells of a row
        page.keyboard.press("ArrowLeft")
    expect(figure.locator(".message").first).to_contain_text("cell is empty")
    assert figure.locator(".classes small").all_inner_texts() != added
    arrows = field.locator("path").get_attribute("d")
    choose(figure, "1")
    expect(field.locator("path")).not_to_have_attribute("d", arrows or "")
    choose(figure, "4")
    figure.get_by_role("button", name="Start").click()  # training moves the weights of pixels
    expect(figure.get_by_label("pixels", exact=True)).to_be_checked()
    expect(field).to_be_hidden()
    figure.get_by_role("button", name="Weights of the run").click()
    expect(scores).to_have_text(of_pixels, use_inner_text=True)


def test_one_button_trains_with_three_amounts_of_digits(page):
    figure = page.locator("#figure-scores")
    figure.scroll_into_view_if_needed()
    figure.get_by_role("button", name="Reset").click()
    figure.locator(".fill").click()
    for amount in ("20", "200", "2,000"):
        expect(figure.locator("[name=images] + output")).to_have_text(amount)
    expect(figure.get_by_role("button", name="Start")).to_be_visible()
    expect(figure.locator(".amounts .of-run")).to_be_visible()


def test_the_loss_of_too_large_steps_stays_above_that_of_good_steps(page):
    figure = page.locator("#figure-scores")
    steps, *_, loss = figure.locator(".learned b").all()
    losses = []
    for name in ("good", "too large"):
        figure.get_by_role("button", name=name).click()
        expect(steps).to_have_text(re.compile("^[1-9],"))  # thousands
        figure.get_by_role("button", name="Stop").click()
        losses.append(float(loss.inner_text().split(":")[0].replace("∞", "inf")))
        worst = float(figure.locator(".losses .worst").text_content() or "")
    good, large = losses
    assert good < 1 < large <= worst or large == float("inf")


def test_a_pixel_of_a_map_shows_the_pixels_that_it_comes_from(page):
    figure = page.locator("#figure-network")
    field = figure.locator(".seen")
    sizes = []
    for maps in figure.locator("canvas.maps").all():
        maps.focus()
        page.keyboard.press("ArrowRight")
        expect(field).to_have_attribute("visibility", "visible")
        sizes.append(tuple(field.get_attribute(name) for name in ("x", "y", "width")))
    assert sizes == [("0.5", "-0.5", "5"), ("1.5", "-0.5", "14"), ("3.5", "-0.5", "16")]
    page.keyboard.press("Tab")
    expect(field).to_have_attribute("visibility", "hidden")


TOUCHING = """() => {
  const [first, second] = [...document.querySelectorAll("#figure-scores .ends text")]
    .map((text) => text.getBoundingClientRect());
  return Math.min(first.bottom, second.bottom) - Math.max(first.top, second.top);
}"""


@pytest.mark.parametrize("page", ["still", "dark phone"], indirect=True)
def test_the_names_of_the_lines_do_not_touch(page):
    page.locator(".train").scroll_into_view_if_needed()
    page.locator(".train").get_by_role("button", name="good", exact=True).click()
    for steps in ("^[1-9]", "^[1-9]..", "^[1-9],"):
        expect(page.locator(".learned b").first).to_have_text(re.compile(steps))
        assert page.evaluate(TOUCHING) <= 4  # pixels that letters do not fill
