"""Figures as bytes: PNG, a small preview, and SVG for a page."""

import functools
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from PIL import Image

from mnist_pipeline.report.figures import style

# Colours of a page follow the reader's theme: its style sheet defines these variables.
PAGE_COLORS = {style.INK: "var(--ink)", style.SOFT: "var(--soft)", style.GRID: "var(--line)"}
PAGE_COLORS |= {color: f"var(--series-{index})" for index, color in enumerate(style.COLORS)}
FONT = "DejaVu Sans"  # Matplotlib's own
PNG_EFFORT = 3  # of 9: files a tenth larger in half the time
PREVIEW_WIDTHS = (480, 400, 320, 240, 160)
PREVIEW_BYTES = 16_000  # Dagster stores several copies of metadata
PREVIEW_COLORS = 48


def svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element to embed in a page; its text and lines follow the page's theme.

    `name` is the prefix of the element's identifiers, so that they are unique on the page.
    """
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_visible(False)
    with _drawing(figure, {"svg.fonttype": "none", "svg.hashsalt": name}):
        # savefig would draw everything twice.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=no_metadata)  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    unused = r' (?:width|height)="[\d.]+pt"| xmlns(?::xlink)?="[^"]*"| version="1.1"'
    text = re.sub(unused, "", text, count=5)
    text = re.sub(r" font-family: [^;\"]*;", "", text)  # the page's own font
    coordinates = r'(?<= )(?:d|x|y)="[^"]*"'
    text = re.sub(coordinates, lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'\b(?:xlink:)?href="#', f'href="#{name}-', text)
    text = text.replace("url(#", f"url(#{name}-")
    width = re.findall(r'viewBox="0 0 ([\d.]+)', text)[0]  # points; all charts have the same scale
    text = text.replace("<svg", f'<svg style="--width: {width}"', 1)
    for color, variable in PAGE_COLORS.items():
        text = text.replace(color, variable)
    return text


@functools.cache
def fallback_fonts(characters: frozenset[str]) -> tuple[list[str], str]:
    """The families of fonts that have such characters, and the characters that no font has.

    Matplotlib then finds the fonts by their families, even if somebody installed them after
    Matplotlib stored its list of fonts.
    """
    default = FT2Font(findfont(FONT))
    missing = {character for character in characters if not default.get_char_index(ord(character))}
    families = []
    paths = findSystemFonts() if missing else []
    for path in sorted(paths, key=lambda path: ("Noto" not in path, path)):  # others may be fancy
        try:
            font = FT2Font(path)
            found = {character for character in missing if font.get_char_index(ord(character))}
            if found:
                fontManager.addfont(path)
                families.append(fontManager.ttflist[-1].name)
        except Exception:  # Matplotlib can't use the font, for example one of bitmaps
            continue
        missing -= found
    return families, "".join(sorted(missing))


@contextmanager
def _drawing(figure: Any, settings: Any) -> Iterator[None]:
    """The style, and fonts for all characters of a figure, while it is drawn.

    `inspect` warns once of characters that no font has; Matplotlib warns at each of them.
    """
    texts = [text for text in figure.findobj(Text) if not text.get_text().isascii()]
    characters = frozenset("".join(text.get_text() for text in texts)) - {"\n"}
    families, _ = fallback_fonts(characters)
    for text in texts:
        text.set_family([FONT, *families])
    with mpl.rc_context({**style.STYLE, **settings}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


def rendered(figure: Figure) -> Image.Image:
    """The figure as pixels."""
    canvas: Any = FigureCanvasAgg(figure)
    with _drawing(figure, {"text.hinting": "none"}):
        canvas.draw()  # savefig would draw everything twice
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def encoded(image: Image.Image) -> bytes:
    """Pixels as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=PNG_EFFORT)
    return buffer.getvalue()


def preview(picture: Image.Image) -> bytes:
    """A small PNG file: at most 480 pixels wide, 48 colours, and if possible 16 kB."""
    for width in PREVIEW_WIDTHS:
        width = min(width, picture.width)
        height = round(picture.height * width / picture.width)
        small = picture.resize((width, height), Image.Resampling.BOX)
        small = small.quantize(PREVIEW_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        small.save(buffer, "png")
        if buffer.tell() <= PREVIEW_BYTES:
            break
    return buffer.getvalue()
