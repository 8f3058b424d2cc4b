"""Fonts of this machine for characters that Matplotlib's own font lacks, such as 猫."""

import functools

from matplotlib.font_manager import findfont, findSystemFonts, fontManager, ttfFontProperty
from matplotlib.ft2font import FT2Font

DEFAULT = "DejaVu Sans"


@functools.cache
def fallback_fonts(characters: frozenset[str]) -> tuple[list[str], str]:
    """The families of fonts that have such characters, and the characters that no font has.

    Matplotlib then finds the fonts by their families, even if somebody installed them after
    Matplotlib stored its list of fonts.
    """
    default = FT2Font(findfont(DEFAULT))
    missing = {character for character in characters if not default.get_char_index(ord(character))}
    covered = dict[str, set[str]]()
    for path in findSystemFonts() if missing else []:
        try:
            font = FT2Font(path)
            ttfFontProperty(font)
        except Exception:  # Matplotlib can't use the font, for example one of bitmaps
            continue
        covered[path] = {c for c in missing if font.get_char_index(ord(c))}
    families = []
    while missing and covered:
        path = max(covered, key=lambda path: (len(covered[path] & missing), _is_plain(path)))
        found = covered.pop(path) & missing
        if not found:
            break
        fontManager.addfont(path)
        families.append(fontManager.ttflist[-1].name)
        missing -= found
    return families, "".join(sorted(missing))


def _is_plain(path: str) -> int:
    """Other fonts may be bold or calligraphic."""
    return ("Noto" in path) + ("Regular" in path)
