"""The digit of the page, grabbed and disturbed, and changes that fool the CNN."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Locator, expect
from support import computing
from support.browser import choose, expect_painted, open_report, painted
from support.networks import add_kernel
from support.servers import until

from mnist_pipeline.methods.networks.attack import attack
from mnist_pipeline.methods.networks.modules import construct
from mnist_pipeline.methods.networks.training import build, weights

pytestmark = pytest.mark.browser

GRADIENT = """([arrays, levels, label]) => {
  for (const [name, { values, shape }] of Object.entries(arrays))
    arrays[name] = Object.assign(Float32Array.from(values), { shape });
  const cnn = createCnn({ ...arrays, facts: { temperatures: { cnn: 0.5 } } });
  const { gradient, probabilities } = cnn.gradientOf(Uint8Array.from(levels), label);
  return [[...probabilities], [...gradient]];
}"""
# A point in pixels of the image, which fills the middle of the sheet.
POINTER = """(sheet, [type, pointerId, x, y]) => {
  const { left, top, height } = sheet.getBoundingClientRect();
  const clientX = left + height / 6 + (x * height) / 28;
  const clientY = top + (y * height) / 28;
  sheet.setPointerCapture = () => {};
  sheet.dispatchEvent(new PointerEvent(type, { pointerId, clientX, clientY, bubbles: true }));
}"""
MIDDLE = 14


def pose(figure: Locator) -> dict[str, float]:
    """How the grabbed digit lies."""
    return figure.locator("[type=hidden]").evaluate_all(
        "all => Object.fromEntries(all.map(({ name, value }) => [name, Number(value)]))"
    )


@pytest.fixture
def sheet(page) -> Iterator[Locator]:
    """The first figure, on which people grab a 4."""
    figure = page.locator("#figure-draw")
    choose(figure, "4")
    yield figure
    for pressed in figure.locator(".hand[aria-pressed=true]").all():
        pressed.click()


def test_bars_are_as_high_as_their_shares(sheet):
    shares = [0.1, 0.4, 0.8, 1.0]
    bars = sheet.locator(".bars:not(.long)").first
    heights = bars.locator("span").evaluate_all(
        """(bars, shares) => bars.slice(0, shares.length).map((bar, place) => {
          bar.style.setProperty("--share", shares[place]);
          return parseFloat(getComputedStyle(bar, "::before").height);
        })""",
        shares,
    )
    assert heights[-1] > 10
    np.testing.assert_allclose(np.divide(heights, heights[-1]), shares, atol=0.02)


@pytest.mark.parametrize(
    ("shape", "of_pictures"),
    [((28, 28), False), ((28, 28), True), ((28, 28, 3), True)],
    ids=["digits", "grey pictures", "pictures in colour"],
)
def test_the_answers_of_the_cnn_and_their_gradients_are_those_of_torch(shape, of_pictures, page):
    network = build(construct, "cnn", 10, shape, sees_gradients=of_pictures)
    if of_pictures:
        add_kernel(network, shape, 10)
    arrays = {
        f"cnn.{name}": {"values": array.ravel().tolist(), "shape": array.shape}
        for name, array in weights(network).items()
    }
    image, label = np.random.default_rng(0).integers(0, 256, shape, np.uint8), 3
    image[:14] = 255  # a flat ground has no gradients
    probabilities, gradient = page.evaluate(GRADIENT, [arrays, image.ravel().tolist(), label])
    levels = torch.tensor(image[np.newaxis], dtype=torch.float64, requires_grad=True)
    logits = (network.double()(levels / 255) / 0.5).log_softmax(dim=1)
    logits[0, label].backward()
    np.testing.assert_allclose(probabilities, logits[0].detach().exp(), atol=1e-9)
    expected = levels.grad.numpy().ravel()
    np.testing.assert_allclose(gradient, expected, atol=1e-6 * np.abs(expected).max())


REACH = 64  # grey levels
ATTACK = """([levels, label, reach]) => loaded.then(async ({ models }) => {
  const found = await attack(models.cnn, levels, label, reach, () => {});
  return found && [[...found.image], found.share];
})"""


def test_an_attack_stays_within_its_reach_in_whole_grey_levels(page, values):
    images, labels = values["test_digits"]
    largest = []
    for image, label in zip(images[:6], labels.tolist()):
        target = (label + 1) % 10
        found = page.evaluate(ATTACK, [image.ravel().tolist(), target, REACH])
        if found is None:
            continue
        changed, share = np.reshape(found[0], image.shape), found[1]
        np.testing.assert_array_equal(changed, changed.round().clip(0, 255))
        largest.append(np.abs(changed - image).max())
        (shares,) = computing.answers(page, changed.astype(np.uint8)[np.newaxis])["cnn"]
        assert shares.argmax() == target
        assert shares.max() == pytest.approx(share)
        assert share >= 0.9
    assert 0 < max(largest) <= REACH


def test_an_attack_in_the_run_makes_the_changes_of_the_page(page, values):
    images, labels = values["test_digits"]
    fitted, targets = values["cnn_model"], (labels[:4] + 1) % 10
    changed, is_sure = attack(fitted, images[:4], targets, REACH)
    moves = changed.astype(int) - images[:4]
    assert 0 < np.abs(moves).max() <= REACH
    for image, label, levels, sure in zip(images, targets.tolist(), changed, is_sure):
        found = page.evaluate(ATTACK, [image.ravel().tolist(), label, REACH])
        assert (found is not None) == sure
        if sure:  # rounded weights may turn the sign of a small gradient
            same = np.reshape(found[0], levels.shape) == levels
            assert same.mean() >= 0.9


def test_an_attack_begins_with_the_second_choice_when_it_is_seen(browser, address):
    page = open_report(browser, address, [], reduced_motion="reduce")
    figure = page.locator("#figure-fool")
    expect(figure.locator(".fooled")).to_be_hidden()
    figure.scroll_into_view_if_needed()
    expect(figure.locator(".fooled")).to_be_visible()
    expect(figure.locator(".message")).to_contain_text("smallest")
    page.close()


def test_the_smallest_change_that_fools_the_cnn_is_a_card_of_the_digit_shown(page):
    figure, disturbed = page.locator("#figure-fool"), page.locator("#figure-disturb")
    choose(disturbed, "6")
    figure.get_by_role("radio", name="5").check()
    message, fooled = figure.locator(".message"), figure.locator(".fooled")
    expect(message).to_contain_text("smallest")
    reach = int(re.findall(r"\d+", message.inner_text())[0])
    assert 1 < reach < 255
    expect(fooled.get_by_role("img", name=f"±{reach}")).to_be_visible()
    with page.expect_download() as download:
        figure.get_by_role("button", name="Save").click()
    assert Image.open(download.value.path()).format == "PNG"
    choose(disturbed, "5")  # it is a 5 already, so another class is the goal
    expect(message).to_contain_text("second choice")
    expect(message).to_contain_text("smallest")
    expect(message).not_to_contain_text("sure of 5")
    expect(fooled).to_be_visible()


COUNT_ATTEMPTS = """() => loaded.then(({ models: { cnn }, reader }) => {
  const { gradientOf } = cnn;
  window.attempts = 0;
  cnn.gradientOf = (image, label) => {
    const { image: shown } = reader.current();
    window.attempts += Number(image.every((level, at) => level === shown[at]));
    return gradientOf(image, label);
  };
})"""


def test_the_smallest_change_is_found_in_nine_attempts(page):
    figure = page.locator("#figure-fool")
    page.evaluate(COUNT_ATTEMPTS)
    for digit, target in (("1", "8"), ("4", "9")):
        choose(page.locator("#figure-disturb"), digit)
        page.evaluate("window.attempts = 0")
        figure.get_by_role("radio", name=target).check()
        expect(figure.locator(".message")).to_contain_text("smallest")
        assert 1 < page.evaluate("attempts") <= 9


def test_a_digit_is_grabbed_by_keys_one_pointer_and_two(page, sheet):
    field, grabbed = sheet.locator(".sheet"), page.locator("nav canvas").first
    before = painted(grabbed)

    def point(*event: Any) -> None:
        field.evaluate(POINTER, list(event))

    sheet.get_by_role("button", name="Grab").click()
    field.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "+", "l"):
        page.keyboard.press(key)
    expect_painted(grabbed, before, same=False)
    assert pose(sheet) == {"across": 2, "down": -1, "turned": 5, "size": 1.1}
    page.keyboard.press("Escape")
    expect_painted(grabbed, before, same=True)
    for event in (("down", 1, MIDDLE, MIDDLE), ("move", 1, 17, 12), ("down", 2, 22, 12)):
        point(f"pointer{event[0]}", *event[1:])
    point("pointermove", 2, 17, 4)  # a quarter turn to the left about the other finger, and larger
    for pointer in (1, 2):
        point("lostpointercapture", pointer, 0, 0)
    expect_painted(grabbed, before, same=False)
    assert pose(sheet) == {"across": 3, "down": -2, "turned": 90, "size": 1.6}
    expect(sheet.locator(".score")).to_contain_text("does not count")
    for _ in range(7):  # five keys, Escape, and both fingers together
        sheet.get_by_role("button", name="Undo").click()
    expect_painted(grabbed, before, same=True)
    assert pose(sheet) == {"across": 0, "down": 0, "turned": 0, "size": 1}


SHOW = """image => loaded.then(({ reader }) =>
  reader.show({ image: Uint8Array.from(image), label: 1 }))"""


@pytest.mark.parametrize(("top", "half"), [(6, 10), (2, 12)], ids=["small", "tall"])
def test_only_the_frame_around_a_digit_grabs_it_while_the_pen_draws(page, sheet, top, half):
    image = np.zeros((28, 28), np.uint8)
    image[top:20, 13:15] = 255
    page.evaluate(SHOW, image.ravel().tolist())
    field = sheet.locator(".sheet")
    for x, y, moves in ((MIDDLE - half, MIDDLE, True), (MIDDLE, MIDDLE, False)):
        field.evaluate(POINTER, ["pointerdown", 1, x, y])
        field.evaluate(POINTER, ["pointermove", 1, x + 3, y])
        field.evaluate(POINTER, ["lostpointercapture", 1, 0, 0])
        expect(sheet.locator(".truth")).to_contain_class("" if moves else "empty")
        assert (pose(sheet)["across"] == 3) == moves  # a stroke begins a new drawing


def test_a_grabbed_digit_keeps_score_and_makes_a_card(page, sheet):
    """It is moved to the right until a model is wrong; the card has what the page says."""
    score, save = sheet.locator(".score"), sheet.get_by_role("button", name="Save the card")
    expect(save).to_be_disabled()
    sheet.get_by_role("button", name="Grab").click()
    sheet.locator(".sheet").focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
        expect(score).to_contain_text("to the right")
        if "Fooled" in score.inner_text():
            break
    (count,) = re.findall(r"Fooled: (\d) of 4", score.inner_text())
    expect(sheet.locator(".wrong")).to_have_count(int(count))
    with page.expect_download() as download:
        save.click()
    card = Image.open(download.value.path())
    assert card.format == "PNG"
    assert len(card.getcolors(2**16) or []) > 2
    page.keyboard.press("Control+z")


# What softmax regression reads: the colours of its picture of the former class, as a sum of red and
# of blue.
COLORS = """canvas => {
  const copy = new OffscreenCanvas(28, 28).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, 28, 28);
  const sums = [0, 0];
  for (let at = 0; at < data.length; at += 4) sums[data[at] > 128 ? 0 : 1] += data[at + 3];
  return sums;
}"""


def test_while_a_digit_is_dragged_its_ink_leaves_the_red_of_softmax(page, sheet):
    field, weighed = sheet.locator(".sheet"), sheet.locator(".why .weighed")
    expect(weighed).to_have_count(0)
    sheet.get_by_role("button", name="Grab").click()
    field.evaluate(POINTER, ["pointerdown", 1, MIDDLE, MIDDLE])
    field.evaluate(POINTER, ["pointermove", 1, MIDDLE + 1, MIDDLE])
    expect(weighed).to_have_count(2)

    def share_of_red() -> float:
        red, blue = weighed.locator("canvas").first.evaluate(COLORS)
        return red / (red + blue)

    before = share_of_red()
    field.evaluate(POINTER, ["pointermove", 1, MIDDLE + 5, MIDDLE])
    until(lambda: share_of_red() < before)
    field.evaluate(POINTER, ["lostpointercapture", 1, 0, 0])
    until(lambda: pose(sheet)["across"] == 5)
    score, other = (
        float(text.split(": ")[1].replace("−", "-")) for text in weighed.all_inner_texts()
    )
    answer = sheet.locator(".row").nth(1).locator("strong")
    assert (score > other) == (answer.inner_text() == weighed.first.inner_text().split(":")[0])


def test_a_model_that_never_read_a_digit_is_not_fooled(page):
    labels = [[{"label": label} for label in labels] for labels in ((2, 7, 2), (3, 3, 2))]
    score = page.evaluate("([before, after]) => scoreOf(2, before, after)", labels)
    counts = {name: len(score[name]) for name in ("fooled", "holding")}
    assert counts == {"fooled": 1, "holding": 1}


def test_a_digit_that_is_taken_away_while_it_is_dragged_stays_away(page, sheet):
    field = sheet.locator(".sheet")
    sheet.get_by_role("button", name="Grab").click()
    field.evaluate(POINTER, ["pointerdown", 1, MIDDLE, MIDDLE])
    sheet.get_by_role("button", name="Clear").click()
    field.evaluate(POINTER, ["pointermove", 1, MIDDLE + 10, MIDDLE])
    field.evaluate(POINTER, ["lostpointercapture", 1, 0, 0])
    expect(sheet.locator(".answers")).to_contain_class("empty")


HOLD = """(sheet) => {
  for (const repeat of [false, true, true]) {
    const press = { key: "ArrowRight", repeat, bubbles: true };
    sheet.dispatchEvent(new KeyboardEvent("keydown", press));
  }
}"""


def test_a_key_that_is_held_is_one_step_of_undo(page, sheet):
    sheet.get_by_role("button", name="Grab").click()
    sheet.locator(".sheet").evaluate(HOLD)
    assert pose(sheet)["across"] == 3
    sheet.get_by_role("button", name="Undo").click()
    assert pose(sheet)["across"] == 0


# Whether a dark square on light ground counts in a pose.
COUNTS = """(pose) => {
  const levels = Uint8Array.from({ length: 784 }, (_, at) =>
    Math.abs((at % 28) - 14) < 6 && Math.abs(Math.floor(at / 28) - 14) < 6 ? 20 : 230);
  return objectionTo(levels, { across: 0, down: 0, turned: 0, size: 1, ...pose }) === "";
}"""


def test_the_ground_of_a_picture_may_leave_the_sheet_and_what_it_shows_may_not(page):
    poses = [{"across": pixels} for pixels in (0, 5, 12)]
    assert [page.evaluate(COUNTS, pose) for pose in poses] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "counting", "others"),
    [("turned", (-30, 30), (-31, 31)), ("size", (0.34, 1.5), (0.33, 1.51))],
)
def test_a_digit_counts_up_to_a_turn_to_either_side_and_within_a_range_of_sizes(
    name, counting, others, page
):
    assert all(page.evaluate(COUNTS, {name: value}) for value in counting)
    assert not any(page.evaluate(COUNTS, {name: value}) for value in others)


@pytest.mark.parametrize(("turned", "expected"), [(190, -170), (-190, 170), (725, 5), (-90, -90)])
def test_a_turn_is_less_than_half_a_circle(turned, expected, page):
    pose = {"across": 0, "down": 0, "turned": turned, "size": 1}
    assert page.evaluate("limitedPose", pose)["turned"] == expected


def test_sliders_spoil_the_digit_and_ten_others(page):
    figure = page.locator("#figure-disturb")
    result = figure.locator(".result")
    choose(figure, "4")
    before = painted(result)
    figure.locator("[name=noisy]").fill("0.5")
    expect_painted(result, before, same=False)
    expect(figure.locator(".counts strong").first).not_to_be_empty()
    figure.get_by_role("button", name="Reset").click()
    expect_painted(result, before, same=True)
    for strong in figure.locator(".counts strong").all():
        expect(strong).to_have_text("10")  # all models read the undisturbed digits


SHOWN = """() => loaded.then(({ reader }) => {
  const drawn = { image: new Uint8Array(784).fill(9), label: null, place: null };
  reader.show(drawn);
  reader.show(reader.digitOf(3));
})"""
LEVEL = "loaded.then(({ reader }) => reader.current().image[0])"


def test_the_readers_own_digit_can_be_chosen_again_after_a_test_digit(page):
    figure = page.locator("#figure-disturb")
    page.evaluate(SHOWN)
    figure.scroll_into_view_if_needed()
    page.locator("nav .choose .own").click()
    assert page.evaluate(LEVEL) == 9
    choose(figure, "4")
