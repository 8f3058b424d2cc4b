"""Colour is kept where it says more than grey levels, and a ground is chosen once per data set."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.sources import assert_refused

from mnist_pipeline.data import color
from mnist_pipeline.data.catalogue import read_raw
from mnist_pipeline.data.datasets import load_digits, reader_of
from mnist_pipeline.data.values import DataSet

CLASSES = ("circle", "square")


def write_shapes(root: Path, colors: dict[str, tuple[int, ...]], ground: tuple[int, ...]) -> Path:
    """Ten pictures of 40×30 pixels per class: a shape of its colour on a ground, growing."""
    mode = "RGBA" if len(ground) == 4 else "RGB"
    for name, fill in colors.items():
        (root / name).mkdir(parents=True)
        for number in range(10):
            picture = Image.new(mode, (40, 30), ground)
            picture.paste(fill, (5, 5, 15 + number, 15 + number))
            picture.save(root / name / f"{number}.png")
    return root


def known(root: Path) -> DataSet:
    return read_raw(root).data_set


def test_grey_levels_are_those_of_pillow():
    colors = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 3), np.uint8)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in colors]
    np.testing.assert_array_equal(color.grey(colors), expected)
    np.testing.assert_array_equal(color.grey(colors[..., 0]), colors[..., 0])


def test_grey_levels_say_nothing_about_colours_of_the_same_brightness():
    images = np.full((1, 28, 28, 3), (76, 76, 76), np.uint8)
    images[:, :14] = (255, 0, 0)
    assert np.ptp(color.grey(images)) == 0
    assert color.share_beyond_grey(images) == 1


RED, GREEN, BLUE_INK = (230, 40, 40), (40, 130, 40), (30, 30, 140)


@pytest.mark.parametrize(
    ("colors", "ground", "is_kept"),
    [
        ({"circle": RED, "square": GREEN}, (255, 255, 255), True),
        ({"circle": BLUE_INK, "square": BLUE_INK}, (250, 250, 240), False),  # ink on paper
        ({"circle": (90, 90, 90), "square": (10, 10, 10)}, (255, 255, 255), False),
    ],
    ids=["classes in colours", "one ink", "grey"],
)
def test_colours_are_kept_if_they_say_more_than_grey_levels(colors, ground, is_kept, tmp_path):
    root = write_shapes(tmp_path, colors, ground)
    recorded = read_raw(root)
    assert recorded.data_set.color == is_kept
    shape = (28, 28, 3) if is_kept else (28, 28)
    assert recorded.data_set.shape == shape
    for split in ("train", "test"):
        assert load_digits(root, split, recorded=recorded).images.shape[1:] == shape
    (root / "dataset.yaml").write_text(f"color: {str(not is_kept).lower()}\n")
    assert known(root).color != is_kept
    assert read_raw(root, {"color": is_kept}).data_set.color == is_kept


@pytest.mark.parametrize(
    ("fill", "written", "ground"),
    [
        ((0, 0, 0, 255), None, "#ffffff"),
        ((255, 255, 255, 255), None, "#000000"),  # white icons
        ((255, 255, 0, 255), None, "#ffffff"),  # yellow shows in the blue channel
        ((0, 0, 0, 255), "'#ff8000'", "#ff8000"),
        ((255, 255, 255, 255), "navy", "#000080"),
    ],
)
def test_transparent_pictures_lie_on_one_ground_that_shows_them(fill, written, ground, tmp_path):
    root = write_shapes(tmp_path, dict.fromkeys(CLASSES, fill), (0, 0, 0, 0))
    if written:
        (root / "dataset.yaml").write_text(f"background: {written}\ncolor: true\n")
    assert known(root).ground == ground
    images = load_digits(root, "train").images
    corner = images[:, 0, 0]
    paper = np.array([int(ground[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    expected = paper if images.ndim == 4 else color.grey(np.broadcast_to(paper, (1, 1, 3)))[0, 0]
    assert (corner == expected).all()
    assert any(ground in note for note in reader_of(root).notes)


def test_digits_keep_their_colours_if_asked_to(tmp_path):
    root = write_shapes(tmp_path, {str(digit): RED for digit in range(10)}, (255, 255, 255))
    recorded = read_raw(root, {"color": True})
    assert load_digits(root, "test", recorded=recorded).images.shape[1:] == (28, 28, 3)
    assert not known(root).color


@pytest.mark.parametrize(
    "text",
    ["color: 1", "color: red", "colors: true", "background: mauvish", "color: true\nfit: mnist"],
)
def test_a_field_out_of_range_is_named(text, tmp_path):
    root = write_shapes(tmp_path, dict.fromkeys(CLASSES, RED), (255, 255, 255))
    (root / "dataset.yaml").write_text(text)
    assert_refused(root, "color|background|mauvish")
