"""The contact sheet shows everything, and its size is bounded."""

from dataclasses import replace

import numpy as np
import PIL.Image
import pytest
from matplotlib.font_manager import findfont

from mnist_pipeline.data.records import DataSet, DigitSet
from mnist_pipeline.handwriting import contact_sheet
from mnist_pipeline.handwriting.contact_sheet import Entry, cut, draw, percent
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer


@pytest.fixture(scope="module")
def readings(small_recognizer: Recognizer, small_test: DigitSet) -> list[Reading]:
    images = small_test.images[:12]
    return [
        Reading((4, 4, 20, 20), image, answer)
        for image, answer in zip(images, small_recognizer.recognize(images))
    ]


def test_the_picture_the_digit_its_neighbours_and_its_reconstruction_are_on_the_sheet(
    small_recognizer: Recognizer, readings: list[Reading]
) -> None:
    reading = readings[0]
    sheet = np.asarray(
        draw([Entry("a.png", reading.image, [reading])], small_recognizer).convert("L")
    )
    expected = {
        contact_sheet.SEEN: reading.image,
        contact_sheet.REBUILT: reading.recognition.reconstruction,
    }
    for i, near in enumerate(reading.recognition.neighbors):
        expected[contact_sheet.NEIGHBORS + i * contact_sheet.NEIGHBOR_STEP] = (
            small_recognizer.training_image(near.index)
        )
    top = contact_sheet.HEAD + contact_sheet.TITLE + 8
    for left, image in expected.items():
        drawn = sheet[top : top + contact_sheet.SIDE : 2, left : left + contact_sheet.SIDE : 2]
        np.testing.assert_array_equal(
            255 - drawn[:20], np.clip(np.rint(image), 0, 255).astype(np.uint8)[:20]
        )


def test_an_image_that_does_not_look_like_a_digit_is_highlighted(
    small_recognizer: Recognizer, readings: list[Reading]
) -> None:
    warning = PIL.Image.new("RGB", (1, 1), contact_sheet.WARNING_CARD).getpixel((0, 0))
    for looks in (True, False):
        reading = readings[0]._replace(
            recognition=replace(readings[0].recognition, looks_like_digit=looks)
        )
        sheet = draw([Entry("a.png", reading.image, [reading])], small_recognizer)
        colors = sheet.getcolors(1 << 24) or []
        assert (warning in {color for _, color in colors}) != looks


def test_names_that_are_not_ascii_are_drawn_in_the_letters_of_a_font(
    small_recognizer: Recognizer, readings: list[Reading]
) -> None:
    font = findfont("DejaVu Sans")
    entry = Entry("a.png", readings[0].image, readings[:1])
    named = small_recognizer.of(DataSet(class_names=("кот",) * 10))
    plain = small_recognizer.of(DataSet(class_names=("cat",) * 10))
    drawn = {
        path: [np.asarray(draw([entry], each, path)) for each in (named, plain)]
        for path in (None, font)
    }
    assert np.any(drawn[font][0] != drawn[None][0])
    assert np.array_equal(drawn[font][1], drawn[None][1])


@pytest.mark.parametrize("shape", [(1, 1), (1, 50_000), (50_000, 1), (3_000, 4_000)])
def test_a_picture_of_any_shape_fits(
    shape: tuple[int, int], small_recognizer: Recognizer, readings: list[Reading]
) -> None:
    page = Entry(
        "a.png", np.zeros(shape, np.float32), [readings[0]._replace(box=(0, 0, shape[1], shape[0]))]
    )
    sheet = draw([page], small_recognizer)
    assert sheet.height < contact_sheet.HEAD + contact_sheet.PICTURE_HEIGHT + 120
    assert draw([page.fitted()], small_recognizer) == sheet


def test_the_height_of_a_sheet_is_bounded(
    small_recognizer: Recognizer, readings: list[Reading]
) -> None:
    page = Entry("a.png", np.zeros((200, 200), np.uint8), readings * 100)
    sheet = draw([page] * (contact_sheet.MAX_PICTURES + 5), small_recognizer)
    per_picture = contact_sheet.PICTURE_HEIGHT + 2 * contact_sheet.TITLE + contact_sheet.GAP
    assert sheet.height > contact_sheet.MAX_DIGITS * contact_sheet.ROW
    assert (
        sheet.height
        < contact_sheet.MAX_DIGITS * contact_sheet.ROW
        + contact_sheet.MAX_PICTURES * per_picture
        + 200
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("seven.png", "seven.png"),
        ("a\nb\x1b[31m.png", "a\\nb\\x1b[31m.png"),
        ("sieben-\u00fc.png", "sieben-\\xfc.png"),
        ("not-utf8-\udcff.png", "not-utf8-\\udcff.png"),
        ("x" * 100_000, "x" * 89 + "…"),
    ],
)
def test_a_text_is_one_plain_line(text: str, shown: str) -> None:
    assert cut(text, 90) == shown


def test_a_probability_is_not_rounded_up_to_certainty() -> None:
    assert [percent(share) for share in (0.5, 0.9994, 0.9996, 1.0)] == [
        "50.0%",
        "99.9%",
        ">99.9%",
        ">99.9%",
    ]
