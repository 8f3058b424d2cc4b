"""Sets of real pictures, from packages of Debian: fonts-noto-color-emoji openclipart-png
oxygen-icon-theme pysolfc pysolfc-cardsets tuxpaint-stamps-default unicode-data.

Each function yields the class, the group and the picture. A group, such as the cards of a deck, is
for training or for testing as a whole; an empty text leaves a picture on its own.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from benchmarks.bench import BenchmarkError

ROOT = Path("/usr/share")
Labelled = Iterator[tuple[str, str, Image.Image]]
STAMPS = [
    "animals",
    "clothes",
    "food",
    "household",
    "people",
    "plants",
    "seasonal",
    "town",
    "vehicles",
]
CLIP_ART = ["animals", "buildings", "food", "office", "people", "plants", "tools", "transportation"]
ICONS = ["actions", "apps", "devices", "mimetypes", "places", "status"]
SUITS = {"c": "clubs", "d": "diamonds", "h": "hearts", "s": "spades"}
MAHJONGG = {"a": "first suit", "b": "second suit", "c": "third suit", "z": "honour"}
PER_CLASS = 110
LARGEST_FILE = 200_000  # bytes; some drawings have a hundred megapixels
EMOJI_SIZE = 109  # the only size of the pictures in the font


def stamps() -> Labelled:
    """Photographs and cartoons for children. The stamps of a thing are a group."""
    for subject in STAMPS:
        for path in _files(f"tuxpaint/stamps/{subject}"):
            yield subject, path.stem.split("_")[0], Image.open(path)


def clip_art() -> Labelled:
    """Drawings by subject."""
    for subject in CLIP_ART:
        paths = _files(f"openclipart/png/{subject}")
        small = [path for path in paths if path.stat().st_size < LARGEST_FILE]
        for path in _drawn(small):
            yield subject, "", Image.open(path)


def icons() -> Labelled:
    """Icons of a desktop by purpose."""
    for purpose in ICONS:
        for path in _drawn(_files(f"icons/oxygen/base/48x48/{purpose}")):
            yield purpose, "", Image.open(path)


def cards() -> Labelled:
    """The sevens of decks with French suits, by suit."""
    for suit, name in SUITS.items():
        yield from ((name, deck, Image.open(path)) for deck, path in _cards(1, f"07{suit}"))


def tiles() -> Labelled:
    """Two tiles of each kind from sets of mahjongg."""
    for suit, name in MAHJONGG.items():
        for number in ("02", "06"):
            found = _cards(4, f"{number}{suit}")
            yield from ((name, deck, Image.open(path)) for deck, path in found)


def emoji() -> Labelled:
    """The emoji of one code point, by group of the standard."""
    font = ImageFont.truetype(ROOT / "fonts/truetype/noto/NotoColorEmoji.ttf", EMOJI_SIZE)
    symbols: dict[str, list[str]] = {}
    for line in (ROOT / "unicode/emoji/emoji-test.txt").read_text("utf-8").splitlines():
        if line.startswith("# group: "):
            group = symbols.setdefault(line.removeprefix("# group: "), [])
        points, _, status = line.partition(";")
        if status.startswith(" fully-qualified") and len(points.split()) == 1:
            group.append(chr(int(points, 16)))
    del symbols["Flags"]  # nearly all of them take two code points
    for name, listed in symbols.items():
        for symbol in _drawn(listed):
            picture = Image.new("RGBA", (136, 128))
            ImageDraw.Draw(picture).text((0, 0), symbol, font=font, embedded_color=True)
            yield name, "", picture


SETS = {
    "stamps": stamps,
    "clip art": clip_art,
    "icons": icons,
    "cards": cards,
    "tiles": tiles,
    "emoji": emoji,
}


def _files(folder: str) -> list[Path]:
    """The pictures in a folder of a package, each once."""
    paths = [path for path in sorted((ROOT / folder).rglob("*.png")) if not path.is_symlink()]
    if not paths:
        raise BenchmarkError(f"{ROOT / folder} is absent; benchmarks/pictures names the packages")
    return paths


def _drawn(items: list[Any]) -> list[Any]:
    """At most `PER_CLASS` of these, at random."""
    return sorted(items, key=lambda item: hashlib.sha256(str(item).encode()).digest())[:PER_CLASS]


def _cards(kind: int, name: str) -> Iterator[tuple[str, Path]]:
    """The decks of a kind, by the number in their description, and their card with this name."""
    for description in sorted((ROOT / "games/pysolfc").glob("cardset-*/config.txt")):
        deck = description.parent
        fields = description.read_text("utf-8", errors="replace").split(";", 4)
        if fields[3] == str(kind):
            for suffix in ("gif", "png"):
                path = deck / f"{name}.{suffix}"
                if path.is_file() and not path.is_symlink():
                    yield deck.name, path
