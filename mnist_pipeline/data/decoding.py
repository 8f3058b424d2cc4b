"""Decode picture files of any origin into upright pictures, and these into grey levels."""

import io
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import (
    ROWSPERSTRIP,
    STRIPBYTECOUNTS,
    TILEBYTECOUNTS,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)
from PIL.WebPImagePlugin import WebPImageFile

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.utils import directories

Grey = NDArray[np.floating[Any]]
Levels = NDArray[np.uint8] | Grey
Draft = tuple[str | None, tuple[int, int] | None]  # a mode, and the least size

# Pillow imports all of its forty readers unless the requested ones are loaded already.
FORMATS = ("PNG", "JPEG", WebPImageFile.format, TiffImageFile.format, "BMP", "GIF")
FILE_NAME = re.compile(r"(?i).+\.(png|jpe?g|webp|bmp|tiff?|gif|hei[cf])")
OPEN_PIPES = ("/dev/stdin", "/dev/fd/")  # pipes that a shell opened; a program writes to them
WHOLE: Draft = (None, None)
GREY: Draft = ("L", None)  # the brightness only
SMALL: Draft = (None, (560, 560))  # at least 20 pixels for each pixel of 28
LONGEST_SIDE = 20_000  # a picture of few pixels may be long, and its sides take time and memory
MAX_PIXELS = 8_192 * 6_144  # of large photos of phones; they take up to 12 bytes each
MAX_BYTES = 2**30  # of a file; its pixels take fewer, and whatever else is in it is not needed
# How a scan of a JPEG begins: marker, length, number of components. In other data, such as the
# video in a phone's picture, the marker alone occurs by chance.
SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
MAX_SCANS = 100  # as in libtiff; encoders write about ten
# Each scan takes time for all pixels, also if it is a few bytes: so many, two seconds.
MAX_SCANNED_PIXELS = 20 * MAX_PIXELS
TOO_LARGE = (
    f"has too many pixels, or a side of more than {LONGEST_SIDE:,}; reduce the picture, or cut out "
    "the part that matters"
)


@contextmanager
def opened(source: Path | bytes) -> Iterator[bytes]:
    """The content of a picture; an ImageError in this context gets the picture's name."""
    name = "the picture" if isinstance(source, bytes) else source
    try:
        yield source if isinstance(source, bytes) else read_content(source)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error


def read_content(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a file or of standard input, at most `max_bytes`.

    Other pipes and devices are not opened: they may never end.

    An ImageError does not name the file.
    """
    too_large = ImageError(f"has more than {max_bytes:,} bytes; name a smaller file")
    try:
        status = path.stat()
        is_file = stat.S_ISREG(status.st_mode)
        if not (is_file or str(path).startswith(OPEN_PIPES)):
            raise ImageError("can't be opened: it is a directory, a pipe or a device; name a file")
        # A file of the kernel such as /proc/kmsg has the size 0, and may never end.
        size = status.st_size if is_file else max_bytes + 1
        if is_file and size > max_bytes:
            raise too_large
        with path.open("rb") as file:
            content = file.read(size)
    except OSError as error:
        raise ImageError(
            f"can't be opened ({error.strerror}); check the name and the permissions"
        ) from error
    if len(content) > max_bytes:
        raise too_large
    return content


def decode(source: Path | bytes, draft: Draft = WHOLE) -> tuple[Image.Image, str]:
    """The `upright` picture of a file or its content, and its format, such as `640×480 RGB`.

    The file is PNG, JPEG, WebP, TIFF, BMP or GIF. Of a file with several pictures, the first is
    read. A draft of a JPEG takes less time.

    Raises an ImageError, which does not name the picture, if the file does not exist, is a pipe or
    a device, has another format, is damaged, has too many pixels, or is a JPEG of many scans.
    """
    content = source if isinstance(source, bytes) else read_content(source)
    if not content:
        raise ImageError("is empty; save or copy the picture again")
    formats = _formats(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(content), formats=formats) as image:
                _check_size(image, content)
                kind = f"{image.width}×{image.height} {image.mode}"
                image.draft(*draft)
                image.load()
                return upright(image), kind
        except ImageError:
            raise
        except Image.DecompressionBombError as error:
            raise ImageError(TOO_LARGE) from error
        except MemoryError as error:
            raise ImageError(
                "needs more memory than there is; reduce the picture, or close other programs"
            ) from error
        except UnidentifiedImageError as error:
            raise ImageError(
                "is not a PNG, JPEG, WebP, TIFF, BMP or GIF picture, or is damaged; convert it to "
                "one of these"
            ) from error
        except Exception as error:  # decoders raise anything from IndexError to struct.error
            raise ImageError(
                f"is damaged or cut off ({error}); save or copy the picture again"
            ) from error


def _check_size(image: Image.Image, content: bytes) -> None:
    """Raise an ImageError for a picture that takes too much memory or time to decode."""
    num_pixels = image.width * image.height
    at_once = _pixels_at_once(image, len(content))
    # WebP, and levels of more than eight bits, take twice as many bytes.
    is_heavy = image.format == "WEBP" or image.mode.startswith(("I", "F"))
    num_held = max(num_pixels, at_once) * (1 + is_heavy)
    if max(image.size) > LONGEST_SIDE or num_held > MAX_PIXELS:
        raise ImageError(TOO_LARGE)
    # A TIFF may consist of JPEGs, one for each tile or strip.
    max_scans = MAX_SCANNED_PIXELS // at_once
    if image.format in ("JPEG", "MPO"):
        max_scans = min(max_scans, MAX_SCANS)
    elif image.format != TiffImageFile.format:
        return
    if (num_scans := len(SCAN.findall(content))) > max_scans:
        raise ImageError(
            f"is a JPEG of {num_scans:,} scans, which take too long; save it again as a PNG"
        )


def _pixels_at_once(image: Image.Image, num_bytes: int) -> int:
    """The number of pixels that are decoded at once: those of a tile or strip of a TIFF, and all
    of another picture. A tile may be larger than the picture.
    """
    width, height = image.size
    if not isinstance(image, TiffImageFile):
        return width * height
    tags = image.tag_v2
    rows = min(tags.get(ROWSPERSTRIP, height), height)
    size = tags.get(TILEWIDTH, width) * tags.get(TILELENGTH, rows)
    # Parts that share their bytes are decoded as often as they occur.
    are_shared = sum(tags.get(TILEBYTECOUNTS, tags.get(STRIPBYTECOUNTS, ()))) > num_bytes
    return max(size, width * height) if are_shared else size


def decode_array(image: NDArray[np.uint8], _draft: Draft = WHOLE) -> tuple[Image.Image, str]:
    """The picture in an array (rows, columns[, channels]), and its format, as `decode` returns."""
    picture = Image.fromarray(image if image.shape[2:] != (1,) else image[..., 0])
    return upright(picture), f"{picture.width}×{picture.height} {picture.mode}"


def _formats(content: bytes) -> tuple[str, ...]:
    """The formats that a file may have; an optional library reads HEIC, what iPhones write."""
    if content[4:10] not in (b"ftyphe", b"ftypmi"):
        return FORMATS
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            "is a HEIC picture, which the extra heic reads; install it with "
            f"{directories.pip_install('pillow-heif')}"
        ) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def upright(image: Image.Image) -> Image.Image:
    """A picture of any mode, turned as its file says: RGB, RGBA, or L and F for grey levels in
    [0, 255].
    """
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I;16"):
        return Image.fromarray(np.asarray(image).astype(np.float32) / 257)
    if image.mode in ("I", "F"):
        return Image.fromarray(_stretched(np.array(image, np.float64)))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode == "L" else image.convert("L" if image.mode == "1" else "RGB")


def grey_levels(image: Image.Image) -> Levels:
    """The grey levels of an `upright` picture; transparent areas count as paper."""
    if image.mode == "RGBA":
        return _on_paper(image)
    return np.asarray(image.convert("L") if image.mode == "RGB" else image)


def _stretched(levels: NDArray[np.float64]) -> Grey:
    """Scale levels without a nominal range to [0, 255], in the same array; NaN and infinite
    levels count as 0.
    """
    np.nan_to_num(levels, copy=False, posinf=0, neginf=0)
    levels -= levels.min()
    levels *= 255 / max(levels.max(), 1e-300)
    return levels.astype(np.float32)


def _on_paper(image: Image.Image) -> NDArray[np.uint8]:
    """Blend a picture with transparency onto paper that suits its opaque part.

    Strokes on a transparent background get paper of the opposite brightness. An opaque card, for
    example one with round corners, is paper already; its own colour continues.
    """
    grey, opacity = image.convert("L"), image.getchannel("A")
    opaque = np.asarray(opacity) > 127
    if not opaque.any():
        return np.full(opaque.shape, 255, np.uint8)
    levels = np.asarray(grey)[opaque]
    low, middle, high = np.percentile(levels, (1, 50, 99))
    is_card = opaque.mean() > 0.6 and high - low > 50
    opposite = 255.0 if levels.mean() < 128 else 0.0
    paper = middle if is_card else opposite
    ground = Image.new("L", image.size, round(paper))
    return np.asarray(Image.composite(grey, ground, opacity))
