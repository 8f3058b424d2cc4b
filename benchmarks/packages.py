"""Sets of real pictures, from packages of Debian: adwaita-icon-theme-legacy
elementary-xfce-icon-theme faenza-icon-theme fonts-adobe-sourcesans3 fonts-inter
fonts-jetbrains-mono fonts-lato fonts-montserrat fonts-noto-color-emoji fonts-open-sans
gnome-human-icon-theme gnome-icon-theme lxde-icon-theme mate-icon-theme moka-icon-theme
openclipart-png oxygen-icon-theme pysolfc pysolfc-cardsets tango-icon-theme
tuxpaint-stamps-default unicode-data wesnoth-1.18-data.

Each function yields the class, the group and the picture. A group, such as the cards of a deck, is
for training or for testing as a whole; an empty text leaves a picture on its own.
"""

import hashlib
import re
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
FRENCH, MAHJONGG = "1", "4"  # kinds of decks
SUITS = {"a": "first suit", "b": "second suit", "c": "third suit", "z": "honour"}
# Folders of icons, by the family of the theme: related themes share pictures.
FAMILIES = {
    "gnome/32x32": "gnome",
    "mate/32x32": "gnome",
    "AdwaitaLegacy/32x32": "gnome",
    "gnome-human/32x32": "gnome",
    "Tango/32x32": "tango",
    "nuoveXT2/32x32": "nuove",
    "oxygen/base/32x32": "oxygen",
    "Moka/48x48": "moka",
    "Faenza": "faenza",
    "elementary-xfce": "elementary",
}
PER_FAMILY = 12  # icons of a concept in a folder of a theme
CONCEPTS = ("document", "edit", "folder", "go", "media", "user", "view", "weather")
SUBJECTS_OF_CLIPART = (
    *("animals", "buildings", "computer", "food"),
    *("people", "plants", "recreation", "transportation"),
)
CARDS = {"c": "clubs", "d": "diamonds", "h": "hearts", "s": "spades"}
RACES = (
    "drakes",
    "dwarves",
    "elves-wood",
    "human-loyalists",
    "orcs",
    "saurians",
    "undead-skeletal",
)
LANDS = ("forest", "frozen", "grass", "hills", "mountains", "sand", "swamp", "water")
WEIGHTS = ("Light", "Regular", "SemiBold", "Black")
FONTS = (
    *("Inter", "InterDisplay", "JetBrainsMono", "Lato", "Montserrat"),
    *("MontserratAlternates", "OpenSans", "SourceSans3"),
)
LETTERS = "adegnorstuw"
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
    yield from _of_decks(MAHJONGG, SUITS, ("02", "06"), "set")


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


def clipart() -> Labelled:
    """Drawings by subject."""
    for subject in SUBJECTS_OF_CLIPART:
        small = [
            path for path in _files(f"openclipart/png/{subject}") if path.stat().st_size < 50_000
        ]
        for path in _drawn(small):
            yield subject, "", Image.open(path)


def concepts() -> Labelled:
    """Icons by the first word of their name. The icons of a family of themes are a group."""
    for concept in CONCEPTS:
        for folder, family in FAMILIES.items():
            icons = {path.name: path for path in _files(f"icons/{folder}")}
            names = [name for name in icons if name.startswith(f"{concept}-")]
            for name in _drawn(names)[:PER_FAMILY]:
                yield concept, family, Image.open(icons[name])


def cards() -> Labelled:
    """Two cards of each suit from decks of playing cards."""
    yield from _of_decks(FRENCH, CARDS, ("05", "12"), "deck")


def _of_decks(kind: str, suits: dict[str, str], numbers: tuple[str, str], group: str) -> Labelled:
    """Pictures of two numbers of each suit. A deck is a group."""
    for i, description in enumerate(_files("games/pysolfc", "cardset-*/config.txt")):
        deck = description.parent
        fields = description.read_text("utf-8", errors="replace").split(";", 4)
        if fields[3] != kind:
            continue
        for suit, name in suits.items():
            for number in numbers:
                for path in deck.glob(f"{number}{suit}.[gp][in][fg]"):
                    if not path.is_symlink():
                        yield name, f"{group} {i}", Image.open(path)


def races() -> Labelled:
    """Figures of a game by their people. The poses of a figure are a group."""
    yield from _of_game("units", RACES)


def lands() -> Labelled:
    """Terrain of a game. The pieces of a kind are a group."""
    yield from _of_game("terrain", LANDS)


def _of_game(folder: str, kinds: tuple[str, ...]) -> Labelled:
    for kind in kinds:
        for path in _drawn(_files(f"games/wesnoth/1.18/data/core/images/{folder}/{kind}")):
            yield kind, re.split(r"[-0-9+]", path.stem)[0], Image.open(path)


def weights() -> Labelled:
    """Letters by the weight of their font. The letters of a typeface are a group."""
    files = {path.stem: path for path in _files("fonts", "**/*.[ot]tf")}
    for typeface in FONTS:
        for weight in WEIGHTS:
            path = next(
                files[f"{typeface}-{name}"]
                for name in (weight, weight.capitalize(), "ExtraBold")
                if f"{typeface}-{name}" in files
            )
            font = ImageFont.truetype(path, 64)
            for letter in LETTERS:
                picture = Image.new("RGBA", (80, 80), "white")
                ImageDraw.Draw(picture).text((40, 60), letter, "black", font, anchor="ms")
                yield weight, typeface, picture


SETS = {
    "stamps": stamps,
    "icons": icons,
    "tiles": tiles,
    "emoji": emoji,
    "clipart": clipart,
    "concepts": concepts,
    "cards": cards,
    "races": races,
    "lands": lands,
    "weights": weights,
}


def _files(folder: str, pattern: str = "**/*.png") -> list[Path]:
    """The files in a folder of a package, each once."""
    paths = [path for path in sorted((ROOT / folder).glob(pattern)) if not path.is_symlink()]
    if not paths:
        raise BenchmarkError(f"{ROOT / folder} is absent; see benchmarks/packages.py")
    return paths


def _drawn(items: list[Any]) -> list[Any]:
    """At most `PER_CLASS` of these, at random."""
    return sorted(items, key=lambda item: hashlib.sha256(str(item).encode()).digest())[:PER_CLASS]
