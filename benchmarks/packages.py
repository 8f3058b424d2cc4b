"""Sets of real pictures, from packages of Debian: fonts-noto-color-emoji oxygen-icon-theme
pysolfc pysolfc-cardsets tuxpaint-stamps-default unicode-data.

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
SUBJECTS = (
    *("animals", "clothes", "food", "household", "people"),
    *("plants", "seasonal", "town", "vehicles"),
)
PURPOSES = ("actions", "apps", "devices", "mimetypes", "places", "status")
SUITS = {"a": "first suit", "b": "second suit", "c": "third suit", "z": "honour"}
PER_CLASS = 110
EMOJI_SIZE = 109  # the only size of the pictures in the font
LARGEST_SIDE = 128  # pixels of a stored picture


def write(name: str, directory: Path) -> Path:
    """Write a set into a folder of its name, with a folder of files per class."""
    root = directory / name
    for number, (kind, group, picture) in enumerate(SETS[name]()):
        folder = root / kind / group
        folder.mkdir(parents=True, exist_ok=True)
        small = picture.convert("RGBA")
        small.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        small.save(folder / f"{number:04}.png")
    return root


def stamps() -> Labelled:
    """Photographs and cartoons for children. The stamps of a thing are a group."""
    for subject in SUBJECTS:
        for path in _files(f"tuxpaint/stamps/{subject}"):
            yield subject, path.stem.split("_")[0], Image.open(path)


def icons() -> Labelled:
    """Icons of a desktop by purpose."""
    for purpose in PURPOSES:
        for path in _drawn(_files(f"icons/oxygen/base/48x48/{purpose}")):
            yield purpose, "", Image.open(path)


def tiles() -> Labelled:
    """Two tiles of each kind from sets of mahjongg."""
    for i, description in enumerate(_files("games/pysolfc", "cardset-*/config.txt")):
        deck = description.parent
        fields = description.read_text("utf-8", errors="replace").split(";", 4)
        if fields[3] != "4":  # mahjongg
            continue
        for suit, name in SUITS.items():
            for number in ("02", "06"):
                for path in deck.glob(f"{number}{suit}.[gp][in][fg]"):
                    if not path.is_symlink():
                        yield name, f"set {i}", Image.open(path)


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


SETS = {"stamps": stamps, "icons": icons, "tiles": tiles, "emoji": emoji}


def _files(folder: str, pattern: str = "**/*.png") -> list[Path]:
    """The files in a folder of a package, each once."""
    paths = [path for path in sorted((ROOT / folder).glob(pattern)) if not path.is_symlink()]
    if not paths:
        raise BenchmarkError(f"{ROOT / folder} is absent; see benchmarks/packages.py")
    return paths


def _drawn(items: list[Any]) -> list[Any]:
    """At most `PER_CLASS` of these, at random."""
    return sorted(items, key=lambda item: hashlib.sha256(str(item).encode()).digest())[:PER_CLASS]
