"""Reading picture files of any format: what is not a picture of a sensible size is refused."""

import os
import struct
import sys
import zlib
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    COMPRESSION,
    IMAGELENGTH,
    IMAGEWIDTH,
    PHOTOMETRIC_INTERPRETATION,
    ROWSPERSTRIP,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILELENGTH,
    TILEOFFSETS,
    TILEWIDTH,
)
from support.sources import encoded, read_levels

from mnist_pipeline.data import decoding
from mnist_pipeline.data.decoding import LONGEST_SIDE, MAX_PIXELS, MAX_SCANS, read_content
from mnist_pipeline.data.errors import ImageError

DEFLATE, JPEG = 8, 7  # of the tag COMPRESSION
LEVELS = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.uint8)  # smooth, from 0 to 216


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["a pipe", "a device"]
)
def test_special_files_are_refused_without_opening_them(make, tmp_path):
    path = tmp_path / "7.png"
    make(path)
    with pytest.raises(ImageError, match=str(path)):
        read_levels(path)


def test_a_pipe_that_a_shell_opened_is_read():
    end, start = os.pipe()
    os.write(start, encoded(np.zeros((2, 3), np.uint8)))
    os.close(start)
    assert read_levels(Path(f"/dev/fd/{end}")).shape == (2, 3)
    os.close(end)


def test_a_picture_with_a_very_long_side_is_refused_before_it_is_decoded():
    assert read_levels(encoded(np.zeros((1, LONGEST_SIDE), np.uint8))).shape == (1, LONGEST_SIDE)
    with pytest.raises(ImageError, match=f"{LONGEST_SIDE:,}"):
        read_levels(encoded(np.zeros((LONGEST_SIDE + 1, 1), np.uint8)))


def test_no_more_than_a_limit_is_read_of_a_file_or_an_endless_pipe(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "OPEN_PIPES", ("/dev/zero",))
    path = tmp_path / "7.png"
    path.write_bytes(bytes(1_000))
    assert read_content(path, 1_000) == bytes(1_000)
    for endless in (path, Path("/dev/zero")):
        with pytest.raises(ImageError, match="999 bytes"):
            read_content(endless, 999)
    assert read_content(Path("/proc/self/status")) == b""  # has no size, as those that never end


def of_scans(num_scans: int, height: int = 64) -> bytes:
    """A JPEG 64 pixels wide whose last scan is repeated."""
    picture = encoded(np.eye(height, 64, dtype=np.uint8), "JPEG", progressive=True)
    start, end = picture.rindex(b"\xff\xda"), len(picture) - 2
    repeated = picture[start:end] * (num_scans - picture.count(b"\xff\xda"))
    return picture[:end] + repeated + picture[end:]


def tiff(part: bytes, *tags: tuple[int, int], num_parts: int = 1, is_shared: bool = False) -> bytes:
    """A TIFF of 64×64 pixels with these tags, whose strips or tiles have, or share, these bytes."""
    is_tiled = TILEWIDTH in dict(tags)
    offset_tag = TILEOFFSETS if is_tiled else STRIPOFFSETS
    size_tag = TILEBYTECOUNTS if is_tiled else STRIPBYTECOUNTS
    distance = 0 if is_shared else len(part)
    numbers = {tag: [number] for tag, number in tags}
    numbers |= {IMAGEWIDTH: [64], IMAGELENGTH: [64], BITSPERSAMPLE: [8]}
    numbers |= {PHOTOMETRIC_INTERPRETATION: [1], size_tag: [len(part)] * num_parts}
    numbers[offset_tag] = [8 + distance * number for number in range(num_parts)]
    content, fields = b"II*\0" + bytes(4) + part * (1 if is_shared else num_parts), b""
    for tag in sorted(numbers):
        value = struct.pack(f"<{len(numbers[tag])}I", *numbers[tag])
        if len(value) > 4:  # a field has the offset of its numbers
            value, content = struct.pack("<I", len(content)), content + value
        fields += struct.pack("<HHI", tag, 4, len(numbers[tag])) + value
    directory = struct.pack("<H", len(numbers)) + fields + bytes(4)
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded(monkeypatch):
    video = b"\xff\xda" * MAX_SCANS  # phones append one
    assert read_levels(of_scans(MAX_SCANS) + video).shape == (64, 64)
    with pytest.raises(ImageError, match=f"{MAX_SCANS + 1} scans"):
        read_levels(of_scans(MAX_SCANS + 1))
    monkeypatch.setattr(decoding, "MAX_SCANNED_PIXELS", 20 * 64**2)
    assert read_levels(of_scans(20)).shape == (64, 64)
    with pytest.raises(ImageError, match="21 scans"):
        read_levels(of_scans(21))


@pytest.mark.parametrize(("num_strips", "is_shared"), [(1, False), (8, False), (8, True)])
def test_the_scans_of_the_jpegs_in_a_tiff_are_limited_too(num_strips, is_shared, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_SCANNED_PIXELS", 20 * 64**2)
    rows = 64 // num_strips
    tags = ((COMPRESSION, JPEG), (ROWSPERSTRIP, rows))

    def of(number: int) -> bytes:
        return tiff(of_scans(number, rows), *tags, num_parts=num_strips, is_shared=is_shared)

    assert read_levels(of(20)).shape == (64, 64)
    assert "scans" in refusal(of(21))


def test_too_little_memory_is_not_called_damage(monkeypatch):
    monkeypatch.setattr(Image.Image, "draft", Mock(side_effect=MemoryError))
    assert "memory" in refusal(encoded(LEVELS))


def test_a_webp_counts_twice_because_it_takes_twice_the_memory(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 2 * 64**2)
    for kind, height in (("PNG", 128), ("WEBP", 64)):
        assert read_levels(encoded(np.zeros((height, 64), np.uint8), kind)).shape == (height, 64)
        assert "pixels" in refusal(encoded(np.zeros((height + 1, 64), np.uint8), kind))


def test_a_tile_that_is_larger_than_its_picture_is_limited_as_the_picture():
    for height, reason in ((6_144, "damaged"), (6_160, "pixels")):
        tags = ((COMPRESSION, DEFLATE), (TILEWIDTH, 8_192), (TILELENGTH, height))
        assert reason in refusal(tiff(bytes(8), *tags))


def test_heic_is_read_upright():
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    levels = np.zeros((60, 90), np.uint8)
    levels[:, 60:] = 255
    picture = Image.fromarray(levels).convert("RGB")
    content = encoded(picture, "HEIF", exif=exif.tobytes(), quality=90)
    np.testing.assert_allclose(read_levels(content), np.rot90(levels, -1), atol=16)


def test_the_error_of_a_heic_picture_without_its_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"extra heic.*pip install"):
        read_levels(b"\0\0\0\x18ftypheic")


def refusal(source: Path | bytes) -> str:
    with pytest.raises(ImageError) as error:
        read_levels(source)
    message = str(error.value)
    assert message.isprintable()
    return message


def of_size(width: int, height: int, kind: type = np.uint8) -> bytes:
    """A PNG whose header claims a size, with one pixel."""
    content = encoded(np.zeros((1, 1), kind))
    header = b"IHDR" + struct.pack(">ii", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "P"), ("TIFF", "CMYK"), ("BMP", "RGB"), ("GIF", "L"), ("WEBP", "RGBA"), ("PNG", "LA")],
)
def test_formats_and_modes_read_as_the_same_levels(kind, mode):
    picture = Image.fromarray(LEVELS).convert(mode)
    # A format ignores the options of others.
    levels = read_levels(encoded(picture, kind, lossless=True, compression="tiff_lzw"))
    assert levels.dtype == np.uint8
    np.testing.assert_array_equal(levels, LEVELS)


def test_levels_of_sixteen_bits_are_scaled_and_colours_become_their_brightness():
    np.testing.assert_allclose(read_levels(encoded(LEVELS * np.uint16(257))), LEVELS)
    colored = encoded(Image.fromarray(LEVELS).convert("RGB"), "JPEG", quality=95)
    np.testing.assert_allclose(read_levels(colored).astype(int), LEVELS, atol=4)


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_nothing_gets_paper_of_the_opposite_brightness(ink):
    picture = Image.new("RGBA", (60, 40), (ink, ink, ink))
    picture.putalpha(Image.fromarray(LEVELS))
    np.testing.assert_array_equal(
        read_levels(encoded(picture)), 255 - LEVELS if ink == 0 else LEVELS
    )


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_the_transparent_colour_of_a_palette_is_paper_and_not_ink(kind):
    picture = Image.new("P", (60, 40))
    picture.putpalette([0, 0, 0, 20, 20, 20])
    picture.paste(1, (28, 10, 32, 30))
    levels = np.where(np.asarray(picture) == 1, 20, 255)
    np.testing.assert_array_equal(read_levels(encoded(picture, kind, transparency=0)), levels)


def test_the_paper_of_a_card_continues_beyond_its_transparent_corners():
    levels = np.full((40, 60), 200, np.uint8)
    levels[10:30, 28:32] = 20
    opacity = np.full(levels.shape, 255, np.uint8)
    opacity[:8, :8] = 0
    picture = Image.fromarray(levels).convert("RGBA")
    picture.putalpha(Image.fromarray(opacity))
    np.testing.assert_array_equal(read_levels(encoded(picture)), levels)


def test_a_drawing_of_one_colour_that_fills_most_of_its_picture_is_no_card():
    levels = np.zeros((40, 60), np.uint8)
    opacity = np.full(levels.shape, 255, np.uint8)
    opacity[10:30, 20:40] = 0
    picture = Image.fromarray(levels).convert("RGBA")
    picture.putalpha(Image.fromarray(opacity))
    np.testing.assert_array_equal(read_levels(encoded(picture)), 255 - opacity)


@pytest.mark.parametrize("level", [np.nan, np.inf, -np.inf])
def test_a_level_that_is_not_finite_leaves_the_other_pixels_as_they_are(level):
    levels = LEVELS.astype(np.float32)  # the first is 0
    expected = read_levels(encoded(levels, "TIFF"))
    levels[0, 0] = level
    np.testing.assert_array_equal(read_levels(encoded(levels, "TIFF")), expected)


def test_a_rotated_picture_is_read_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    image = Image.fromarray(np.rot90(LEVELS))
    upright = read_levels(encoded(image, "JPEG", exif=exif, quality=100))
    np.testing.assert_allclose(upright.astype(int), LEVELS, atol=2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"seven\n", "PNG, JPEG, WebP, TIFF, BMP or GIF"),
        (of_size(10_000, 1 + MAX_PIXELS // 10_000), "pixels"),
        (of_size(10_000, MAX_PIXELS // 10_000), "damaged"),
        (of_size(10_000, 1 + MAX_PIXELS // 20_000, np.uint16), "pixels"),
        (of_size(10_000, MAX_PIXELS // 20_000, np.uint16), "damaged"),
    ],
)
def test_a_file_that_is_no_picture_is_refused_with_its_name_the_problem_and_the_remedy(
    tmp_path, content, reason
):
    path = tmp_path / "seven\nis \x1b[31mred.png"
    path.write_bytes(content)
    problem, _, remedy = refusal(path).partition("; ")
    assert problem.startswith(f"{tmp_path}/seven\\nis \\x1b[31mred.png: ")
    assert reason in problem
    assert remedy
    assert reason in refusal(content)


def test_strokes_of_several_shades_on_nothing_get_white_paper():
    levels = np.tile(np.linspace(0, 100, 40).astype(np.uint8), (40, 1))
    strokes = np.dstack([levels, levels, levels, np.zeros_like(levels)])
    strokes[10:20, :, 3] = 255
    assert read_levels(encoded(strokes))[0, 0] == 255
