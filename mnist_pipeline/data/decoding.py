"""Decode picture files of any origin into upright grey levels, within limits of size and effort."""

import io
import os
import stat
import struct
import threading
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.utils.blocks import slices

Grey = NDArray[np.floating[Any]]

# Pillow imports all of its forty readers unless the requested ones are loaded already.
FORMATS = ("PNG", "JPEG", WebPImagePlugin.WebPImageFile.format, TiffImagePlugin.TiffImageFile.format, "BMP", "GIF")
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"II*\0", b"MM\0*", b"BM", b"GIF8")
MAX_PIXELS = 50_000_000
MAX_SIDE = 30_000
MAX_RATIO = 200  # of the sides
MAX_STRIPS = 100_000  # of a TIFF; Pillow takes microseconds for each
MAX_SCANS = 40  # of a progressive JPEG; encoders write about ten, and each takes the time of a whole picture
MAX_METADATA = 20  # compressed texts and profiles of a PNG; Pillow inflates each to up to 1 MB
METADATA = (b"iCCP", b"zTXt", b"iTXt")
STRIP_TAGS = (273, 279, 324, 325)  # of the offsets and lengths of strips and tiles
BLOCK_ROWS = 256  # blended with paper at a time


class _LimitError(Exception):
    """A picture that would take too much time or memory; the message is the problem and the remedy."""


def read(source: Path | bytes) -> NDArray[np.uint8] | Grey:
    """Read a picture, a file or its content, as upright grey levels (rows, columns).

    They are uint8, or float32 in [0, 255] if the file has more than eight bits per pixel. The format is PNG, JPEG,
    WebP, TIFF, BMP or GIF. Of several pictures in a file, the first is read. Transparent areas count as paper.

    Raises an ImageError if the file does not exist, is not a picture in one of these formats, is damaged, or exceeds 50
    megapixels or 30,000 pixels on a side. A small file can take much time and memory all the same; see `workers`.
    """
    if isinstance(source, bytes):
        return _decoded(io.BytesIO(source), "the picture: ", len(source))[0]
    with _opened(source) as file:
        return _decoded(file, f"{source}: ", os.fstat(file.fileno()).st_size)[0]


def decode(content: bytes) -> tuple[NDArray[np.uint8] | Grey, str]:
    """As `read` does for the content of a file, with Pillow's mode of the picture; errors do not name the picture."""
    return _decoded(io.BytesIO(content), "", len(content))


def _opened(path: Path) -> BinaryIO:
    """Open a regular file; refuse anything else without blocking."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError as error:
        raise ImageError(f"{path}: does not exist; check the name") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: can't be opened ({reason}); check the name and the permissions") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise ImageError(f"{path}: is a directory; name the pictures in it")
    raise ImageError(f"{path}: is not a regular file; save the picture as one")


_pillow = threading.Lock()  # warning filters are shared by all threads


def _decoded(file: BinaryIO, name: str, size: int) -> tuple[NDArray[np.uint8] | Grey, str]:
    """The grey levels of a picture, and its mode; every error of the decoders becomes an ImageError."""
    if size == 0:
        raise ImageError(f"{name}is empty; save or copy the picture again")
    with _pillow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_structure(file)
            with Image.open(file, formats=FORMATS) as image:
                _check_limits(image, file)
                mode = image.mode
                image.draft("L", None)  # a JPEG then decodes its brightness only
                image.load()
                return grey_levels(_upright(image)), mode
        except Exception as error:  # decoders raise anything from IndexError to struct.error
            raise ImageError(f"{name}{_complaint(error, file)}") from error


def _check_limits(image: Image.Image, file: BinaryIO) -> None:
    """Refuse a picture by its header, before its pixels take time and memory."""
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    if max(image.size) > min(MAX_SIDE, MAX_RATIO * min(image.size)):
        raise _LimitError(
            f"has {image.width:,} × {image.height:,} pixels; cut out the digits, so that no side is longer than "
            f"{MAX_SIDE:,} pixels, or {MAX_RATIO} times the other"
        )
    if image.format == "JPEG":
        file.seek(0)
        if file.read().count(b"\xff\xda") > MAX_SCANS:
            raise _LimitError(f"has more than {MAX_SCANS} scans; save the picture again")


def check_structure(file: BinaryIO) -> None:
    """Refuse a file before Pillow reads its header: a TIFF with too many strips or tiles, a PNG with too much metadata.

    Raises any exception if the file is damaged.
    """
    header = file.read(8)
    if header.startswith((b"II*\0", b"MM\0*")):
        order = "<" if header.startswith(b"II") else ">"
        file.seek(*struct.unpack(f"{order}I", header[4:]))
        (num_fields,) = struct.unpack(f"{order}H", file.read(2))
        fields = struct.iter_unpack(f"{order}HHII", file.read(12 * num_fields))
        if any(tag in STRIP_TAGS and count > MAX_STRIPS for tag, _, count, _ in fields):
            raise _LimitError(f"has more than {MAX_STRIPS:,} strips; save the picture again")
    if header.startswith(b"\x89PNG"):
        content = file.read()
        if sum(map(content.count, METADATA)) > MAX_METADATA:
            raise _LimitError(f"has more than {MAX_METADATA} texts and profiles; save the picture again")
    file.seek(0)


def _complaint(error: Exception, file: BinaryIO) -> str:
    """The problem with a file that did not decode, and the remedy."""
    if isinstance(error, _LimitError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {MAX_PIXELS // 1_000_000} megapixels; reduce the picture, or cut out the digits"
    if isinstance(error, MemoryError):
        return "takes too much memory; reduce the picture"
    file.seek(0)
    if not file.read(16).startswith(SIGNATURES):
        return "is not a PNG, JPEG, WebP, TIFF, BMP or GIF picture; convert it to one of these"
    reason = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
    return f"is damaged or cut off{reason}; save or copy the picture again"


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation; ignore malformed EXIF data."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # malformed EXIF data raises arbitrary errors
        return image


def grey_levels(image: Image.Image) -> NDArray[np.uint8] | Grey:
    """Grey levels of a decoded picture, in [0, 255]."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32) / 257
    if image.mode in ("I", "F"):
        return _stretched(np.asarray(image, np.float64))
    if image.mode in ("RGBa", "La") or image.has_transparency_data:
        return _on_paper(image if image.mode in ("LA", "RGBA") else image.convert("RGBA"))
    if image.mode == "LAB":
        return np.asarray(image.getchannel(0))
    return np.asarray(image if image.mode == "L" else image.convert("RGB").convert("L"))


def _stretched(levels: NDArray[np.float64]) -> Grey:
    """Scale levels without a nominal range to [0, 255]; replace values that are not finite by the median."""
    finite = np.isfinite(levels)
    if not finite.any():
        return np.zeros(levels.shape, np.float32)
    low, high = levels[finite].min(), levels[finite].max()
    levels = np.where(finite, levels, np.median(levels[finite]))
    return (255 * (levels - low) / max(high - low, 1e-300)).astype(np.float32)


def _on_paper(image: Image.Image) -> NDArray[np.uint8]:
    """Blend a picture with transparency onto paper that suits its opaque part.

    Strokes on a transparent background get paper of the opposite brightness. An opaque card, for example one with round
    corners, is paper already; its own colour continues.
    """
    grey, opacity = np.asarray(image.convert("L")), np.asarray(image.getchannel("A"))
    opaque = opacity > 127
    if not opaque.any():
        return np.full(grey.shape, 255, np.uint8)
    levels = grey[opaque]
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
    low, middle, high = np.percentile(levels, (1, 50, 99))
    is_card = levels.size > 0.6 * area and high - low > 50
    paper = middle if is_card else 255.0 if levels.mean() < 128 else 0.0
    blended = np.empty_like(grey)
    for block in slices(len(grey), BLOCK_ROWS):
        share = opacity[block].astype(np.float32) / 255
        blended[block] = np.rint(grey[block] * share + np.float32(paper) * (1 - share))
    return blended
