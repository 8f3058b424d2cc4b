"""The contact sheet shows everything, and its size is bounded."""

import io

import numpy as np
import PIL.Image
import pytest

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.knn import KNNClassifier
from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.recognition.contact_sheet import Page, draw, one_line, percent
from mnist_pipeline.recognition.recognizer import Neighbor, Reading, Recognition, Recognizer


def recognition(image: np.ndarray, *, looks_like_digit: bool = True) -> Recognition:
    """Invented answers for an image."""
    probabilities = np.full(10, 0.1)
    return Recognition(
        digit=7,
        name="7",
        probability=0.5,
        champion="cnn",
        digits={"knn": 7, "softmax": 2, "mlp": 7, "cnn": 7},
        probabilities=dict.fromkeys(("knn", "softmax", "mlp", "cnn"), probabilities),
        neighbors=[Neighbor(3, 7, 1000.0), Neighbor(15, 9, 1200.0), Neighbor(1, 7, 1300.0)],
        unusual=50.0,
        novelty=50.0 if looks_like_digit else 99.5,
        looks_like_digit=looks_like_digit,
        reconstruction=image * np.float32(1.3) - 20,
    )


@pytest.fixture(scope="module")
def recognizer(small_train: DigitSet) -> Recognizer:
    """A recognizer that has training images only."""
    knn = KNNClassifier(3).fit(*small_train).to_arrays()
    states = {f"knn.{name}": array for name, array in knn.items()}
    return Recognizer(*[np.empty(0)] * 6)._replace(states=states)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def readings(small_test: DigitSet) -> list[Reading]:
    return [Reading((4, 4, 20, 20), image, recognition(image)) for image in small_test.images[:12]]


def opened(picture: bytes) -> PIL.Image.Image:
    image = PIL.Image.open(io.BytesIO(picture))
    image.load()
    assert image.format == "PNG"
    return image


def test_the_picture_the_digit_its_neighbours_and_its_reconstruction_are_on_the_sheet(
    recognizer: Recognizer, readings: list[Reading]
) -> None:
    reading = readings[0]
    sheet = np.asarray(opened(draw([Page("a.png", reading.image, [reading])], recognizer)).convert("L"))
    expected = {contact_sheet.SEEN: reading.image, contact_sheet.REBUILT: reading.recognition.reconstruction}
    for i, near in enumerate(reading.recognition.neighbors):
        expected[contact_sheet.NEAR + i * contact_sheet.NEAR_STEP] = recognizer.training_image(near.index)
    top = contact_sheet.HEAD + contact_sheet.TITLE + 8
    for left, image in expected.items():
        drawn = sheet[top : top + contact_sheet.SIDE : 2, left : left + contact_sheet.SIDE : 2]
        np.testing.assert_array_equal(255 - drawn[:20], np.clip(np.rint(image), 0, 255).astype(np.uint8)[:20])


def test_an_image_that_does_not_look_like_a_digit_is_highlighted(
    recognizer: Recognizer, readings: list[Reading]
) -> None:
    warning = PIL.Image.new("RGB", (1, 1), contact_sheet.WARNING_CARD).getpixel((0, 0))
    seen = {}
    for looks in (True, False):
        image = readings[0].image
        page = Page("a.png", image, [Reading((4, 4, 20, 20), image, recognition(image, looks_like_digit=looks))])
        colors = opened(draw([page], recognizer)).getcolors(1 << 24) or []
        seen[looks] = warning in {color for _, color in colors}
    assert seen == {True: False, False: True}


@pytest.mark.parametrize("shape", [(1, 1), (1, 50_000), (50_000, 1), (3_000, 4_000)])
def test_a_picture_of_any_shape_fits(shape: tuple[int, int], recognizer: Recognizer, readings: list[Reading]) -> None:
    box = (0, 0, shape[1], shape[0])
    page = Page("a.png", np.zeros(shape, np.uint8), [readings[0]._replace(box=box)])
    sheet = opened(draw([page], recognizer))
    assert sheet.height < contact_sheet.HEAD + contact_sheet.PICTURE_HEIGHT + 100
    without_digits = opened(draw([page._replace(picture=np.zeros(shape, np.float32), readings=[])], recognizer))
    assert opened(draw([], recognizer)).height < without_digits.height <= sheet.height


def test_the_height_of_a_sheet_is_bounded(recognizer: Recognizer, readings: list[Reading]) -> None:
    picture = np.zeros((200, 200), np.uint8)
    sheet = opened(draw([Page("a.png", picture, readings * 100)] * (contact_sheet.MAX_PICTURES + 5), recognizer))
    per_picture = contact_sheet.PICTURE_HEIGHT + 2 * contact_sheet.TITLE + contact_sheet.GAP
    assert sheet.height > contact_sheet.MAX_DIGITS * contact_sheet.ROW
    assert sheet.height < contact_sheet.MAX_DIGITS * contact_sheet.ROW + contact_sheet.MAX_PICTURES * per_picture + 200


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("seven.png", "seven.png"),
        ("a\nb\x1b[31m.png", "a\\nb\\x1b[31m.png"),
        ("sieben-\u00fc.png", "sieben-\\xfc.png"),
        ("not-utf8-\udcff.png", "not-utf8-\\udcff.png"),
        ("right-to-left \u202egnp.exe", "right-to-left \\u202egnp.exe"),
        ("", ""),
        ("x" * 100_000, "x" * 89 + "…"),
        ("\n" * 60, "\\n" * 44 + "\\…"),
    ],
)
def test_a_title_is_one_plain_line(title: str, shown: str, recognizer: Recognizer) -> None:
    assert one_line(title) == shown
    draw([Page(title, np.zeros((9, 9), np.uint8), [])], recognizer)


def test_a_probability_is_not_rounded_up_to_certainty() -> None:
    assert [percent(share) for share in (0.5, 0.9994, 0.9996, 1.0)] == ["50.0%", "99.9%", ">99.9%", ">99.9%"]


def test_a_page_in_the_size_of_the_sheet_is_drawn_as_the_picture_is(
    recognizer: Recognizer, readings: list[Reading]
) -> None:
    for shape in ((30, 20), (900, 700)):
        picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        page = Page("a.png", picture, readings)
        assert draw([page.fitted()], recognizer) == draw([page], recognizer)
