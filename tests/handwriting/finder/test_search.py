"""Pictures become digits in MNIST's form, in reading order."""

import io
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from support.drawing import handwritten, page_of
from support.drawing import picture as drawn

from mnist_pipeline.data import decoding
from mnist_pipeline.data.conversion import extent
from mnist_pipeline.data.decoding import GREY, WHOLE
from mnist_pipeline.handwriting.finder import search
from mnist_pipeline.handwriting.finder.scan import Box, Glyph
from mnist_pipeline.handwriting.finder.search import Found

BOX = (5, 5, 9, 9)
LINE = [(x, 0.25, 0.2, 0.5) for x in (0.1, 0.4, 0.7)]


@pytest.fixture(scope="module")
def written() -> np.ndarray:
    """3, 5 and 8 in black on white, without noise, as grey levels."""
    content = drawn(*zip("358", LINE, strict=True), size=(240, 180))
    return np.asarray(Image.open(io.BytesIO(content)))


def find_digits(picture: np.ndarray) -> list[Found]:
    return list(search.page_of(picture).digits)


@pytest.fixture(scope="module")
def expected(written) -> list[Found]:
    found = find_digits(written)
    assert len(found) == 3
    return found


def difference(found: list[Found], expected: list[Found]) -> float:
    """Largest mean difference between two digits, in grey levels."""
    assert len(found) == len(expected)
    return max(
        float(np.abs(a.image.astype(float) - b.image).mean()) for a, b in zip(found, expected)
    )


@pytest.mark.parametrize("is_inverted", [False, True])
def test_digits_come_in_reading_order_with_their_boxes(is_inverted, test):
    for images in test.images[:75].reshape(5, 15, 28, 28).copy():
        images[[4, 8, 9]] = 0  # lines of four, three and five digits
        page, boxes = page_of(images, 5)
        found = find_digits(255 - page if is_inverted else page)
        np.testing.assert_allclose([digit.box for digit in found], boxes, atol=3)
        assert [digit.line for digit in found] == [1] * 4 + [2] * 3 + [3] * 5


def test_a_digit_has_the_form_of_mnist(test):
    for text, picture in handwritten("single"):
        (found,) = find_digits(picture)
        image = found.image
        assert image.shape == (28, 28), text
        assert image.dtype == np.uint8
        assert image.max() == 255
        rows, columns = np.nonzero(image > 64)
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 21
        np.testing.assert_allclose(ndimage.center_of_mass(image), 14, atol=0.5)
        usual = np.quantile(test.images[:1_000].mean(axis=(1, 2)), (0.0, 1.0))
        assert usual[0] <= image.mean() <= usual[1]


def test_an_mnist_image_stays_unchanged(test):
    for image in test.images[:200]:
        for picture in (image, 255 - image):
            (found,) = find_digits(picture)
            np.testing.assert_array_equal(found.image, image)


def test_scale_light_and_squared_paper_change_nothing(written, expected):
    tall, wide = written.shape
    squared = written.astype(float)
    squared[12::25] *= 0.8
    squared[:, 9::25] *= 0.8
    changed = {
        "darker": np.uint8(written * 0.6),
        "unevenly lit": np.uint8(written * np.linspace(1, 0.5, wide)),
        "a large photo": np.asarray(
            Image.fromarray(written).resize((14 * wide, 14 * tall), Image.Resampling.BICUBIC)
        ),
        "on squared paper": np.uint8(squared),
        "smaller": np.asarray(
            Image.fromarray(written).resize((wide * 2 // 3, tall * 2 // 3), Image.Resampling.BOX)
        ),
    }
    for name, picture in changed.items():
        assert difference(find_digits(picture), expected) < 8, name
    boxes = [found.box for found in find_digits(changed["a large photo"])]
    np.testing.assert_allclose(boxes, 14 * np.array([found.box for found in expected]), atol=28)


@pytest.mark.parametrize("digit", "0456789")
def test_the_margin_around_a_digit_of_a_thick_pen_changes_nothing(digit):
    content = drawn((digit, (0.3, 0.3, 0.4, 0.4)), size=(80, 80))
    ink = np.asarray(Image.open(io.BytesIO(content)).resize((320, 320))) < 128
    ink = ndimage.binary_dilation(ink, ndimage.generate_binary_structure(2, 1), 5)
    rows, columns = (slice(*np.flatnonzero(ink.any(axis))[[0, -1]] + (0, 1)) for axis in (1, 0))
    tight = 255 - 200 * ink[rows, columns].astype(np.uint8)
    expected = find_digits(np.pad(tight, len(tight), constant_values=255))
    for share in (0.02, 0.05, 0.1, 0.2, 0.4, 0.7):
        margin = round(share * len(tight))
        found = find_digits(np.pad(tight, margin, constant_values=255))
        assert difference(found, expected) < 3, share
        box = margin, margin, *tight.shape[::-1]
        np.testing.assert_allclose(found[0].box, box, atol=2)


@pytest.mark.parametrize(
    ("ink", "expected"),
    [((2, 58, 2, 58), True), ((0, 60, 0, 24), False), ((25, 35, 10, 50), False)],
    ids=["tight crop", "cut off", "much paper"],
)
def test_only_ink_that_fills_a_picture_and_is_not_cut_off_gets_a_margin(ink, expected):
    top, bottom, left, right = ink
    grey = np.full((60, 60), 255, np.float32)
    grey[top:bottom, left:right] = 0
    grey[28:32, 20:40] = 255
    grey[:5, 20:25] = 255
    assert (search._with_margin(grey)[0].left < 0) == expected


@pytest.mark.parametrize("shape", [(1_000, 1_000), (5, 20_000), (20_000, 5)])
def test_a_crop_with_a_margin_has_no_more_than_the_working_pixels(shape, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        search, "read_scan", lambda scan: sizes.append(scan.grey.size) or replace(scan)
    )
    grey = np.full(shape, 255, np.float32)
    rows, columns = (length // 5 for length in shape)
    grey[rows : shape[0] - rows, columns : shape[1] - columns] = 0
    search._read(grey, 1, shape)
    assert shape[0] * shape[1] < max(sizes) * 1.01
    assert max(sizes) <= 1.01 * search.WORKING_PIXELS


def test_a_tight_crop_of_a_line_of_digits_keeps_its_resolution():
    grey = np.full((40, 1_000), 255, np.float32)
    grey[1:39, 10:600] = 0
    surrounded, factor = search._with_margin(grey)
    assert factor == 1
    assert surrounded.top <= -60


def test_digits_of_a_screen_are_read_in_an_enlarged_picture(written, expected):
    rows, columns = written.shape
    small = Image.fromarray(written).resize((columns // 6, rows // 6), Image.Resampling.BOX)
    found = find_digits(np.asarray(small))
    assert difference(found, expected) < 10
    boxes = 6 * np.array([digit.box for digit in found])
    np.testing.assert_allclose(boxes, [digit.box for digit in expected], atol=8)


@pytest.mark.parametrize("is_found", [True, False])
def test_an_enlarged_picture_counts_if_it_shows_digits(is_found, monkeypatch):
    digit, small, large = Found((2, 2, 9, 9), np.zeros((28, 28), np.uint8)), [(1, 1, 2, 2)], [BOX]
    read = Mock(side_effect=[([], small), ([digit] * is_found, large)])
    monkeypatch.setattr(search, "_read", read)
    found, unread = search._search(np.zeros((20, 20), np.uint8))
    assert (found, unread) == (([digit], large) if is_found else ([], small))


def test_paper_on_a_table_counts_if_its_digits_are_taller_in_all_than_those_outside(
    monkeypatch,
):
    grey = np.zeros((90, 90), np.float32)

    def glyphs(*heights):
        return [[Glyph(np.array([1]), 0, 0, 5, abs(height), height < 0) for height in heights]]

    monkeypatch.setattr(search, "find_paper", lambda scan: replace(scan, left=1))
    monkeypatch.setattr(search, "image_of", lambda *_: np.zeros((28, 28), np.uint8))
    # The signs are lines of a table.
    for paper, outside, expected in (([60], [9] * 3, 1), ([60], [40] * 2, 2), ([60, -60], [9], 1)):
        lines = {1: glyphs(*paper), 0: glyphs(*outside)}
        monkeypatch.setattr(
            search, "read_scan", lambda scan, lines=lines: replace(scan, lines=lines[scan.left])
        )
        assert len(search._read(grey, 1, grey.shape)[0]) == expected


@pytest.mark.parametrize("corner", [1, 57])
def test_a_box_has_a_pixel_of_the_picture_although_a_shape_of_an_enlarged_one_is_thinner(
    corner, monkeypatch
):
    glyph = Glyph(np.array([1]), 30, corner, 6, 1)
    monkeypatch.setattr(search, "read_scan", lambda scan: replace(scan, lines=[[glyph]] * 2))
    monkeypatch.setattr(search, "find_paper", lambda scan: scan)
    monkeypatch.setattr(search, "image_of", lambda *_: np.zeros((28, 28), np.uint8))
    found, _ = search._read(np.zeros((60, 60), np.float32), 1 / 3, (20, 20))
    _, y, _, height = found[0].box
    assert height == 1
    assert y == (corner + 0.5) // 3


def test_boxes_of_digits_on_a_sheet_are_positions_in_the_whole_picture(written, expected):
    found = find_digits(np.pad(written, ((20, 60), (90, 40)), constant_values=20))
    positions = np.array([digit.box for digit in expected]) + np.array([90, 20, 0, 0])
    np.testing.assert_allclose([digit.box for digit in found], positions, atol=4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (28, 28), (200, 300)])
def test_blank_paper_contains_no_digit(shape):
    for level in (0, 128, 255):
        assert find_digits(np.full(shape, level, np.uint8)) == []


@pytest.mark.parametrize("darkness", [0.45, 0.7])
def test_digits_in_a_shadow_with_a_sharp_edge_are_found(darkness, test):
    picture, boxes = page_of(test.images[:15], 5)
    for columns in (slice(None, 150), slice(110, None)):
        shadowed = picture.astype(np.float32)
        shadowed[:, columns] *= 1 - darkness
        found = find_digits(shadowed.astype(np.uint8))
        np.testing.assert_allclose([digit.box for digit in found], boxes, atol=4)


@pytest.mark.parametrize("darkness", [0.3, 0.5])
@pytest.mark.parametrize("softness", [1, 4])  # pixels
def test_digits_in_the_shadow_of_fingers_are_found(darkness, softness, test):
    page, boxes = page_of(test.images[:15], 5)
    picture = np.kron(page, np.ones((2, 2)))
    y, x = np.mgrid[: len(picture), : picture.shape[1]]
    fingers = [np.abs(x - left - 0.3 * y) < 16 for left in (40, 110, 180)]
    shadow = ndimage.gaussian_filter(np.any(fingers, axis=0).astype(float), softness)
    found = find_digits((picture * (1 - darkness * shadow)).astype(np.uint8))
    np.testing.assert_allclose([digit.box for digit in found], 2 * np.array(boxes), atol=6)


def test_small_digits_are_read_from_close_up(written, expected):
    rows, columns = written.shape
    small = np.asarray(Image.fromarray(written).resize((columns // 3, rows // 3)))
    below = np.full((2 * rows, columns), 255, np.uint8)
    below[:rows] = written
    below[rows + 20 : rows + 20 + rows // 3, 60 : 60 + columns // 3] = small
    found = find_digits(below)
    assert [digit.line for digit in found] == [1, 1, 1, 2, 2, 2]
    assert difference(list(found[3:]), expected) < 15


def test_a_digit_is_found_once_although_it_is_searched_twice(monkeypatch):
    first, second = (Found((x, 10, 20, 30), np.zeros((28, 28), np.uint8)) for x in (10, 60))
    monkeypatch.setattr(search, "_search", lambda _: ([first], [(0, 0, 90, 50)]))
    monkeypatch.setattr(search, "_closer", lambda *_: [first, second])
    page = search.page_of(np.zeros((60, 100), np.uint8))
    assert [digit.box for digit in page.digits] == [first.box, second.box]
    assert page.unread == []


@pytest.mark.parametrize(
    ("kind", "mode", "drafts", "num_digits"),
    [
        ("PNG", "RGB", [GREY], 3),
        ("JPEG", "L", [GREY], 0),
        # The first draft has no colours, and takes half the time of the second one.
        ("JPEG", "RGB", [GREY, WHOLE], 3),
    ],
)
def test_ink_as_light_as_its_paper_is_read_in_colour_and_decoded_again_only_for_that(
    kind, mode, drafts, num_digits, written, tmp_path, monkeypatch
):
    ink, paper = np.array([(230, 90, 90), (83, 150, 150)], float)
    share = written[..., np.newaxis] / 255
    colored = Image.fromarray(np.uint8(share * paper + (1 - share) * ink))
    colored.convert(mode).save(tmp_path / "pale", kind, quality=95)
    decode, content = Mock(wraps=decoding.decode), Mock(wraps=decoding.read_content)
    monkeypatch.setattr(search, "decode", decode)
    monkeypatch.setattr(decoding, "read_content", content)
    assert len(search.read_page(tmp_path / "pale").digits) == num_digits
    assert [call.args[1] for call in decode.call_args_list] == drafts
    assert content.call_count == 1


def test_a_page_warns_of_ink_that_was_not_read_and_of_a_line_that_is_not_level():
    paper, image = np.zeros((90, 300), np.uint8), np.zeros((28, 28), np.uint8)

    def warnings(slope: float, *unread: Box, is_sign: bool = False) -> str:
        boxes = [(x, round(slope * x), 20, 30) for x in (0, 30, 60, 90)]
        digits = [Found(box, image, is_sign=is_sign) for box in boxes]
        return "; ".join(search.Page(paper, digits, unread).warnings)

    assert warnings(0.1) == warnings(0.3, is_sign=True) == ""
    assert "not level" in warnings(0.3)
    assert "not level" in warnings(-0.3)
    assert "at the top left" in warnings(0, (10, 5, 20, 10))
    assert "in the middle" in warnings(0, (140, 40, 20, 10))


@pytest.mark.filterwarnings("error")
def test_dots_and_noise_of_any_size_are_searched_without_a_warning():
    rng = np.random.default_rng(0)
    usual = np.exp(rng.uniform(0, np.log(120), (30, 2))).astype(int).tolist()
    narrow = [(1, 1_500), (1_500, 1), (3, 600), (1, 2)]
    for shape in map(tuple, [*usual, *narrow]):
        dots = np.where(rng.random(shape) < rng.choice([0.01, 0.05, 0.3]), *rng.integers(0, 256, 2))
        noise = np.clip(128 + rng.normal(0, rng.choice([0.4, 3, 30, 300]), shape), 0, 255)
        dot = np.where(np.arange(dots.size) == dots.size // 2, 0, 255).reshape(shape)
        for picture in (dots.astype(np.uint8), noise.astype(np.float32), dot.astype(np.uint8)):
            for digit in find_digits(picture):
                x, y, width, height = digit.box
                assert min(x, y, width - 1, height - 1) >= 0
                assert picture[y : y + height, x : x + width].shape == (height, width)
                assert digit.image.any()


@pytest.mark.parametrize("ink", [20, 240])
def test_the_hole_of_a_thick_zero_is_not_a_digit(ink):
    y, x = np.mgrid[-130:130, -90:90]
    ring = (np.hypot(x / 70, y / 100) < 1) & (np.hypot(x / 14, y / 45) > 1)
    (zero,) = find_digits(np.where(ring, ink, 260 - ink).astype(np.uint8))
    assert min(np.subtract(zero.box[2:], (135, 195))) >= 0
    assert zero.image[14, 14] < zero.image[14, 7]


@pytest.mark.parametrize(
    ("index", "growth"),
    [(25, 12), (55, 16), (380, 3), (561, 3)],
    ids=["thick", "thick and slim", "open", "open on the right"],
)
def test_a_thick_or_an_open_zero_is_one_digit(index, growth, test):
    large = Image.fromarray(test.images[index]).resize((280, 280), Image.Resampling.BICUBIC)
    ink = ndimage.distance_transform_edt(np.pad(np.asarray(large), 40) <= 127) <= growth
    (zero,) = find_digits(np.where(ink, 55, 255).astype(np.uint8))
    np.testing.assert_allclose(zero.box, extent(ink), atol=3)


def test_light_digits_on_a_dark_plate_on_a_light_wall_are_found(written):
    wall = np.pad(np.where(written < 128, 230, 60), 60, constant_values=200)
    assert len(find_digits(wall.astype(np.uint8))) == 3
