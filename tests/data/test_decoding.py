"""Reading picture files: what is not a picture of a sensible size is refused at once."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from support.sources import encoded

from mnist_pipeline.data.decoding import LONGEST_SIDE, MAX_SCANS, read
from mnist_pipeline.data.errors import ImageError


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["a pipe", "a device"]
)
def test_special_files_are_refused_without_opening_them(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "7.png"
    make(path)
    with pytest.raises(ImageError, match=str(path)):
        read(path)


def test_a_pipe_that_a_shell_opened_is_read() -> None:
    end, start = os.pipe()
    os.write(start, encoded(np.zeros((2, 3), np.uint8)))
    os.close(start)
    assert read(Path(f"/dev/fd/{end}")).shape == (2, 3)
    os.close(end)


def test_a_picture_with_a_very_long_side_is_refused_before_it_is_decoded() -> None:
    assert read(encoded(np.zeros((1, LONGEST_SIDE), np.uint8))).shape == (1, LONGEST_SIDE)
    with pytest.raises(ImageError, match=f"{LONGEST_SIDE:,}"):
        read(encoded(np.zeros((LONGEST_SIDE + 1, 1), np.uint8)))


def test_a_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    stored = io.BytesIO()
    Image.fromarray(np.eye(64, dtype=np.uint8)).save(stored, "JPEG", progressive=True)
    picture = stored.getvalue()
    start, end = picture.rindex(b"\xff\xda"), len(picture) - 2
    repeated = picture[:end] + picture[start:end] * (MAX_SCANS - picture.count(b"\xff\xda"))
    video = b"\xff\xda" * MAX_SCANS  # phones append one
    assert read(repeated + picture[end:] + video).shape == (64, 64)
    with pytest.raises(ImageError, match=f"{MAX_SCANS} scans"):
        read(repeated + picture[start:])


def test_heic_is_read_upright(tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    levels = np.zeros((60, 90), np.uint8)
    levels[:, 60:] = 255
    stored = io.BytesIO()
    Image.fromarray(levels).convert("RGB").save(stored, "HEIF", exif=exif.tobytes(), quality=90)
    path = tmp_path / "1.HEIC"
    path.write_bytes(stored.getvalue())
    np.testing.assert_allclose(read(path), np.rot90(levels, -1), atol=16)


def test_the_error_of_a_heic_picture_without_its_library_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"extra heic.*pip install"):
        read(b"\0\0\0\x18ftypheic")
