"""The contact sheet shows everything, and its size is bounded."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.font_manager import findfont
from PIL import ImageColor

from mnist_pipeline.data.records import DataSet, DigitSet
from mnist_pipeline.handwriting.contact_sheet import (
    GAP,
    LINE,
    MAX_PICTURES,
    PICTURE_SIZE,
    WARNING_ROW,
    ZOOM,
    draw,
    fitted,
    percent,
    shortened,
)
from mnist_pipeline.handwriting.pictures import Page
from mnist_pipeline.handwriting.recognizer import Reading, Recognizer


@pytest.fixture(scope="module")
def reading(small_recognizer: Recognizer, small_test: DigitSet) -> Reading:
    image = small_test.images[0]
    (answer,) = small_recognizer.recognize(image[np.newaxis])
    return Reading((4, 4, 20, 20), image, answer)


@pytest.mark.parametrize("is_photo", [False, True])
def test_the_images_of_a_digit_are_on_the_sheet_and_those_of_a_photo_are_no_negatives(
    is_photo: bool, small_recognizer: Recognizer, reading: Reading
) -> None:
    recognizer = small_recognizer.of(DataSet(handwritten=not is_photo, whole_pictures=is_photo))
    sheet = np.asarray(
        draw([fitted("a.png", Page(reading.image), [reading])], recognizer).convert("L")
    )
    near = [recognizer.training_image(n.index) for n in reading.recognition.neighbors]
    levels = np.hstack([reading.image, *near])
    top = 28 + 3 * GAP
    drawn = sheet[top::ZOOM, GAP::ZOOM][: len(levels), : levels.shape[1]]
    np.testing.assert_array_equal(drawn, levels if is_photo else 255 - levels)


def test_an_answer_in_doubt_is_highlighted(small_recognizer: Recognizer, reading: Reading) -> None:
    warning = ImageColor.getrgb(WARNING_ROW)
    certain = replace(reading.recognition, models_disagree=False, is_certain=True, probability=1.0)
    for looks in (True, False):
        answer = replace(certain, looks_like_digit=looks)
        entry = fitted("a.png", Page(reading.image), [reading._replace(recognition=answer)])
        colors = draw([entry], small_recognizer).getcolors(1 << 24) or []
        assert (warning in {color for _, color in colors}) != looks


def test_names_that_are_not_ascii_are_drawn_in_the_letters_of_a_font(
    small_recognizer: Recognizer, reading: Reading
) -> None:
    named, plain = (
        small_recognizer.of(DataSet(class_names=(name,) * 10, noun="cat", whole_pictures=True))
        for name in ("кот", "cat")
    )

    def drawn(recognizer: Recognizer, font: str | None) -> np.ndarray:
        return np.asarray(draw([fitted("a.png", Page(reading.image), [reading])], recognizer, font))

    font = findfont("DejaVu Sans")
    assert np.any(drawn(named, font) != drawn(named, None))
    assert np.array_equal(drawn(plain, font), drawn(plain, None))


@pytest.mark.parametrize("shape", [(1, 1), (1, 50_000), (50_000, 1), (3_000, 4_000)])
def test_a_picture_of_any_shape_fits(
    shape: tuple[int, int], small_recognizer: Recognizer, reading: Reading
) -> None:
    whole = reading._replace(box=(0, 0, shape[1], shape[0]))
    page = fitted("a.png", Page(np.zeros(shape, np.float32)), [whole])
    sheet = draw([page], small_recognizer)
    assert sheet.height <= PICTURE_SIZE[1] + ZOOM * 28 + 4 * GAP


def test_the_height_of_a_sheet_is_bounded(small_recognizer: Recognizer, reading: Reading) -> None:
    page = fitted("a.png", Page(np.zeros((20, 20), np.uint8)), [reading] * 100)
    sheet = draw([page] * MAX_PICTURES, small_recognizer)
    more = draw([page] * (MAX_PICTURES + 5), small_recognizer)
    assert more.height == sheet.height + LINE + 2 * GAP  # the number of the others
    assert more.height < 16_384  # WebP has no more rows


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("seven.png", "seven.png"),
        ("a\nb\x1b[31m.png", "a\\nb\\x1b[31m.png"),
        ("x" * 100_000, "x" * 89 + "…"),
    ],
)
def test_a_text_is_one_plain_line(text: str, shown: str) -> None:
    assert shortened(text, 90) == shown


def test_a_title_in_any_letters_is_drawn_without_a_font(
    small_recognizer: Recognizer, reading: Reading
) -> None:
    for title in ("sieben-ü.png", "not-utf8-\udcff.png"):
        draw([fitted(title, Page(reading.image), [reading])], small_recognizer)


def test_a_probability_is_not_rounded_up_to_certainty() -> None:
    shown = [percent(share) for share in (0.5, 0.9994, 0.9996, 1.0)]
    assert shown == ["50.0%", "99.9%", ">99.9%", ">99.9%"]
