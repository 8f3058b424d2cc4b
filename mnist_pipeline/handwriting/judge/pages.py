"""Pages with digits among other ink, drawn at random, with the truth about each digit.

A kind of page is a function in `KINDS` that writes on a `Sheet`. Add a line there when a kind of
picture is read badly. The digits are training digits, strokes of this project and print; nothing
comes from test digits or from the pictures of the benchmarks.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.handwriting.judge.classes import OTHER, PART
from mnist_pipeline.handwriting.judge.photograph import photographed
from mnist_pipeline.handwriting.judge.sheet import (
    FINE,
    Digit,
    Sheet,
    cropped,
    digit_of,
    draw_print,
    fonts,
    handwritten,
    letter,
    scribble,
    sign,
    some_label,
)

# Symmetric digits stay digits when they are turned or mirrored.
UPSIDE_DOWN = (3, 4, 7)
MIRRORED = (3, 4, 6, 7, 9)
ON_ITS_SIDE = (2, 3, 4, 5, 7)


def write_line(
    sheet: Sheet, x: float, y: float, height: float, items: str, gap: float, printed: bool = False
) -> float:
    """Write a row of items on a base line at y, and return its end.

    Of `items`, "d" is a digit, "l" a letter, "s" a sign, "o" an operator, "/" a slash, "(" and ")"
    brackets, "," a comma, "." a dot, "-" a dash and " " a space.
    """
    random = sheet.random
    wobble = 0.0 if printed else 0.06
    slope = 0.0 if printed else random.normal(0, 0.02)
    start = x
    for item in items:
        if item == " ":
            x += 0.5 * height
            continue
        own = height * (1 + random.normal(0, wobble))
        label = OTHER
        lowered = 0.0
        if item == "d":
            label = some_label(random)
            ink = digit_of(sheet, label, own, printed)
        elif printed and item == "l":
            text = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüéß&@%"
            ink = draw_print(str(random.choice([*text])), own, sheet.font)
        elif printed:
            ink = draw_print(item if item in "/(),.-" else "+", own, sheet.font)
        elif item == "l":
            ink = letter(sheet, own)
        elif item == "o":
            ink = sign(sheet, 0.6 * own, ("plus", "minus", "equals", "times", "divide"))
            lowered = -0.2 * own
        elif item == "/":
            ink = sign(sheet, random.uniform(0.9, 1.4) * own, ("slash",))
        elif item in "()":
            ink = sign(
                sheet, 1.2 * own, ("open", "bracket", "brace") if item == "(" else ("close",)
            )
        elif item == ",":
            ink = sign(sheet, 0.3 * own, ("slash",))
            lowered = 0.15 * own
        elif item == ".":
            side = max(2, round(1.3 * sheet.pen * own))
            ink = np.ones((side, side), np.float32)
        elif item == "-":
            ink = sign(sheet, 0.4 * own, ("minus",))
            lowered = -0.45 * own
        else:
            ink = sign(sheet, own)
        if not printed:
            lowered += own * random.normal(0, 0.04)
        sheet.put(ink, x, y - ink.shape[0] + lowered + slope * (x - start), label)
        x += ink.shape[1] + gap * height * (1 if printed else random.uniform(0.6, 1.6))
    return x


def _height(sheet: Sheet) -> float:
    """A height of digits that suits the sheet."""
    rows, _ = sheet.shape
    return float(np.clip(rows * sheet.random.uniform(0.08, 0.4), 16, 150))


def _lines(sheet: Sheet, patterns: Sequence[str], printed: bool = False) -> None:
    """Fill the sheet with lines of such patterns."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet) * (0.6 if printed else 1)
    y = height * random.uniform(1.2, 1.8)
    gap = 0.12 if printed else random.uniform(0.1, 0.35)
    while y < rows - 0.2 * height:
        x = random.uniform(0.2, 1.0) * height
        while x < columns - height:
            pattern = str(random.choice(patterns))
            x = write_line(sheet, x, y, height, pattern, gap, printed) + 0.6 * height
            if random.random() < 0.3:
                break
        y += height * random.uniform(1.5, 2.4)
        if random.random() < 0.25:
            break


def numbers(sheet: Sheet) -> None:
    """Rows of handwritten numbers."""
    _lines(sheet, ["d", "dd", "ddd", "dddd", "ddddd", "d.dd", "d,dd", "dd-dd"])


def sums(sheet: Sheet) -> None:
    """Handwritten sums, dates and brackets."""
    patterns = [
        "dodod",
        "ddodd",
        "dd/dd/dd",
        "d/d",
        "(ddd)",
        "dd.dd",
        "(d)",
        "d o d",
        "s dd",
        "ddd s",
    ]
    _lines(sheet, patterns)


def words(sheet: Sheet) -> None:
    """Handwritten words, with some numbers."""
    _lines(sheet, ["lll", "llll", "lllll", "ll", "lllllll", "ld", "dd", "l", "ll ddd"])


def letters_alone(sheet: Sheet) -> None:
    """Handwritten letters and signs without any digit."""
    _lines(sheet, ["lll", "llll", "lllll", "s", "s s", "l"])


def printed_text(sheet: Sheet) -> None:
    """Print, with numbers among the words."""
    _lines(
        sheet, ["llll", "lllllll", "lll", "ll", "dd", "ddd", "d.dd", "dd/dd", "l.", "(ddd)"], True
    )


def printed_words(sheet: Sheet) -> None:
    """Print without digits."""
    _lines(sheet, ["llll", "lllllll", "lll", "ll", "l,", "lllll."], True)


def mixed(sheet: Sheet) -> None:
    """A printed form that somebody filled in by hand."""
    rows, columns = sheet.shape
    middle = int(rows * sheet.random.uniform(0.3, 0.7))
    upper = Sheet(columns, middle, sheet.examples, sheet.random)
    printed_words(upper) if sheet.random.random() < 0.5 else printed_text(upper)
    lower = Sheet(columns, rows - middle, sheet.examples, sheet.random)
    numbers(lower) if sheet.random.random() < 0.7 else words(lower)
    parts = [(upper, 0), (lower, middle)]
    if sheet.random.random() < 0.5:
        parts = [(lower, 0), (upper, rows - middle)]
    for part, top in parts:
        sheet.put(part.ink, 0, top)
        sheet.digits += [
            digit._replace(box=(digit.box[0], digit.box[1] + top, *digit.box[2:]))
            for digit in part.digits
        ]


def scattered(sheet: Sheet) -> None:
    """Digits, letters and signs anywhere, in several sizes."""
    random = sheet.random
    rows, columns = sheet.shape
    share = random.uniform(0, 1)
    taken = np.zeros((rows, columns), bool)
    for _ in range(int(random.integers(3, 16))):
        height = _height(sheet)
        label = some_label(random) if random.random() < share else OTHER
        if label != OTHER:
            ink = handwritten(sheet, label, height)
        else:
            of = letter if random.random() < 0.4 else sign
            ink = of(sheet, height, alone=True)
        x, y = random.uniform(0, columns - 10), random.uniform(0, rows - 10)
        area = taken[
            max(0, int(y) - 4) : int(y) + ink.shape[0] + 4,
            max(0, int(x) - 4) : int(x) + ink.shape[1] + 4,
        ]
        if not area.any():
            area[:] = True
            sheet.put(ink, x, y, label)


def one_digit(sheet: Sheet) -> None:
    """One large digit."""
    random = sheet.random
    rows, columns = sheet.shape
    height = min(rows, columns) * random.uniform(0.35, 0.85)
    if random.random() < 0.5:
        sheet.pen = random.uniform(0.05, 0.3)
    label = int(random.integers(10))
    ink = digit_of(sheet, label, height, random.random() < 0.2)
    sheet.put(
        ink,
        (columns - ink.shape[1]) * random.random(),
        (rows - ink.shape[0]) * random.random(),
        label,
    )


def drawn(sheet: Sheet) -> None:
    """Up to five digits, letters, signs or scribbles in a row or two, drawn on a screen."""
    random = sheet.random
    sheet.on_screen = True
    sheet.source = "strokes"
    rows, columns = sheet.shape
    num_rows = int(random.choice([1, 1, 2]))
    digits = random.choice([0.0, 0.8, 1.0])  # the share of digits among what is drawn
    for row in range(num_rows):
        count = int(random.integers(1, 6))
        height = min(rows / num_rows, 1.6 * columns / count) * random.uniform(0.35, 0.8)
        for index in range(count):
            own = height * random.uniform(0.85, 1.15)
            label = some_label(random) if random.random() < digits else OTHER
            if label != OTHER:
                ink = handwritten(sheet, label, own)
            else:
                of = (letter, sign)[random.integers(2)]
                ink = scribble(sheet, own) if random.random() < 0.5 else of(sheet, own, alone=True)
            x = columns * (index + 0.5 + random.uniform(-0.1, 0.1)) / count - ink.shape[1] / 2
            y = rows * (row + 0.5 + random.uniform(-0.05, 0.05)) / num_rows - ink.shape[0] / 2
            sheet.put(ink, x, y, label)


def one_sign(sheet: Sheet) -> None:
    """One large sign."""
    random = sheet.random
    rows, columns = sheet.shape
    ink = sign(sheet, min(rows, columns) * random.uniform(0.3, 0.8), alone=True)
    sheet.put(
        ink, (columns - ink.shape[1]) * random.random(), (rows - ink.shape[0]) * random.random()
    )


def strokes_only(sheet: Sheet) -> None:
    """Tallies, bars, ticks, brackets, slashes and Roman numerals."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet)
    kind = random.choice(["tally", "numerals", "ticks", "hatch", "comb"])
    y = height * 1.4
    while y < rows:
        x = height * 0.5
        while x < columns - height:
            if kind == "tally":
                ink = sign(sheet, height, ("tally", "bars"))
            elif kind == "numerals":
                text = str(
                    random.choice(["I", "II", "III", "IV", "VI", "VII", "IX", "XI", "XII", "XIV"])
                )
                ink = draw_print(text, height, sheet.font)
            elif kind == "ticks":
                ink = sign(sheet, height, ("slash", "minus", "check", "open", "close", "bracket"))
            else:
                bar = max(2, round(sheet.pen * height))
                ink = np.ones((round(height * random.uniform(0.6, 1)), bar), np.float32)
            sheet.put(ink, x, y - ink.shape[0])
            x += ink.shape[1] + height * (
                0.25 if kind in ("hatch", "comb") else random.uniform(0.3, 1)
            )
        y += height * random.uniform(1.3, 2)
    if random.random() < 0.3:
        write_line(sheet, height, rows - 0.3 * height, 0.8 * height, "dd", 0.2)


def gratings(sheet: Sheet) -> None:
    """Parallel bars, grids, railings and rows of strokes at any angle."""
    random = sheet.random
    rows, columns = sheet.shape
    side = float(np.hypot(rows, columns))
    image = Image.new("L", (columns, rows))
    pencil = ImageDraw.Draw(image)
    middle = np.array([columns, rows]) / 2
    angle = random.choice([np.pi / 2, random.uniform(0, np.pi)])
    spacing = random.uniform(0.03, 0.2) * side
    width = max(1, round(spacing * random.uniform(0.08, 0.5)))
    # A bar is whole, or in pieces with gaps between them.
    piece, gap = random.choice([(1.0, 0.0), (random.uniform(0.08, 0.3), random.uniform(0.02, 0.1))])
    turns = [0.0, np.pi / 2] if random.random() < 0.3 else [0.0]
    for turn in turns:
        along = np.array([np.cos(angle + turn), np.sin(angle + turn)])
        across = np.array([-along[1], along[0]])
        offset = random.uniform(0, spacing)
        for shift in np.arange(offset - side / 2, side / 2, spacing):
            start = -side / 2 + random.uniform(0, gap + 0.001) * side
            while start < side / 2:
                end = start + piece * side * random.uniform(0.9, 1)
                ends = [tuple(middle + at * along + shift * across) for at in (start, end)]
                pencil.line(ends, 255, width)
                start = end + max(gap, 0.01) * side
    sheet.put(np.asarray(image, np.float32) / 255, 0, 0)


def dial(sheet: Sheet) -> None:
    """A clock or a gauge: ticks around, with or without numbers."""
    random = sheet.random
    rows, columns = sheet.shape
    radius = 0.46 * min(rows, columns)
    middle = np.array([columns, rows]) / 2
    num_ticks = int(random.choice([8, 10, 12, 24, 30, 60]))
    first, last = (0.0, 2 * np.pi) if random.random() < 0.6 else (np.pi * 0.8, np.pi * 2.2)
    image = Image.new("L", (FINE * columns, FINE * rows))
    pencil = ImageDraw.Draw(image)
    inner = random.uniform(0.75, 0.93)
    width = max(1, round(FINE * radius * random.uniform(0.012, 0.05)))
    numbered = random.random() < 0.5
    for index in range(num_ticks):
        angle = first + (last - first) * index / num_ticks
        way = np.array([np.cos(angle), np.sin(angle)])
        ends = [tuple(FINE * (middle + share * radius * way)) for share in (inner, 1)]
        pencil.line(ends, 255, width)
    for angle in random.uniform(0, 2 * np.pi, int(random.integers(0, 3))):
        end = middle + radius * random.uniform(0.4, 0.7) * np.array([np.cos(angle), np.sin(angle)])
        pencil.line([tuple(FINE * middle), tuple(FINE * end)], 255, width * 2)
    if random.random() < 0.4:
        box = [*(FINE * (middle - radius)), *(FINE * (middle + radius))]
        pencil.ellipse(box, outline=255, width=width)
    sheet.put(np.asarray(image.reduce(FINE), np.float32) / 255, 0, 0)
    if numbered:
        for number in range(12):
            angle = 2 * np.pi * number / 12
            x, y = middle + (inner - 0.17) * radius * np.array([np.cos(angle), np.sin(angle)])
            label = int(random.integers(10))
            ink = digit_of(sheet, label, 0.16 * radius, random.random() < 0.8)
            sheet.put(ink, x - ink.shape[1] / 2, y - ink.shape[0] / 2, label)


def badges(sheet: Sheet) -> None:
    """Light digits, letters or signs in dark shapes: discs, plates, pins."""
    random = sheet.random
    rows, columns = sheet.shape
    count = int(random.integers(1, 6))
    side = min(0.85 * rows, columns / (count + 0.3)) * random.uniform(0.6, 0.95)
    kind = random.choice(["disc", "plate", "round", "pin"])
    bold = [path for path in fonts() if "Bold" in path]
    for index in range(count):
        size = int(side * FINE)
        image = Image.new("L", (size, int(1.4 * size)))
        pencil = ImageDraw.Draw(image)
        if kind == "plate":
            pencil.rectangle((0, 0, size - 1, size - 1), 255)
        elif kind == "round":
            pencil.rounded_rectangle((0, 0, size - 1, size - 1), size * 0.25, 255)
        else:
            pencil.ellipse((0, 0, size - 1, size - 1), 255)
        if kind == "pin":
            pencil.polygon(
                [(size * 0.08, size * 0.7), (size * 0.92, size * 0.7), (size / 2, size * 1.35)], 255
            )
        shape = np.asarray(image.reduce(FINE), np.float32) / 255
        label = int(random.integers(10)) if random.random() < 0.7 else OTHER
        height = side * random.uniform(0.4, 0.66)
        if label == OTHER:
            inside = (sign if random.random() < 0.5 else letter)(sheet, height, alone=True)
        elif random.random() < 0.5:
            inside = draw_print(str(label), height, str(random.choice(bold)))
        else:
            inside = handwritten(sheet, label, height)
        x = columns / 2 + (index - count / 2) * 1.12 * side
        y = (rows - side) / 2 + random.normal(0, 0.02) * rows
        own = Sheet(shape.shape[1], shape.shape[0], sheet.examples, random)
        own.put(inside, (side - inside.shape[1]) / 2, (side - inside.shape[0]) / 2, label)
        sheet.put(shape * (1 - own.ink), x, y)
        for digit in own.digits:
            left, top, width, height = digit.box
            sheet.digits.append(
                Digit(digit.label, (left + round(x), top + round(y), width, height))
            )


def plates(sheet: Sheet) -> None:
    """A number plate or a house number: print in a frame, light on dark or dark on light."""
    random = sheet.random
    rows, columns = sheet.shape
    height = rows * random.uniform(0.35, 0.6)
    sheet.font = str(random.choice([path for path in fonts() if "Bold" in path or "Mono" in path]))
    pattern = str(
        random.choice(["ll ddd", "lll dddd", "l dd", "ddd", "dd ll dd", "dddd", "lld dll"])
    )
    write_line(sheet, 0.12 * columns, rows / 2 + height / 2, height, pattern, 0.15, True)
    edge = random.uniform(0.02, 0.08) * rows + 1
    width = int(random.integers(1, 2 + round(0.05 * rows)))
    y, x = np.mgrid[:rows, :columns]
    far = np.minimum(np.minimum(x, columns - 1 - x), np.minimum(y, rows - 1 - y))
    is_frame = (far >= edge) & (far < edge + width)
    sheet.ink[is_frame] = 1
    if random.random() < 0.5:
        sheet.ink[far < edge] = random.uniform(0.3, 1)
    sheet.digits = [
        digit for digit in sheet.digits if digit.box[0] + digit.box[2] < columns - edge - width
    ]


def ringed(sheet: Sheet) -> None:
    """Digits and letters in circles, boxes and underlined."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet)
    x, y = height, height * 1.8
    while y < rows - 0.5 * height:
        label = some_label(random) if random.random() < 0.7 else OTHER
        is_digit = label != OTHER
        ink = handwritten(sheet, label, height) if is_digit else letter(sheet, height, alone=True)
        sheet.put(ink, x, y - ink.shape[0], label)
        around = ("circle", "box", "square", "underline")[random.integers(4)]
        mark = sign(sheet, height * random.uniform(1.5, 1.9), (around,))
        if around == "underline":
            sheet.put(mark, x - height * 0.3, y + 0.15 * height)
        else:
            mark_y = y - ink.shape[0] / 2 - mark.shape[0] / 2
            sheet.put(mark, x + ink.shape[1] / 2 - mark.shape[1] / 2, mark_y)
        x += 2.6 * height
        if x > columns - 2 * height:
            x, y = height, y + 2.4 * height


def touching(sheet: Sheet) -> None:
    """Digits that touch: two or three in a row, moved together until their ink meets."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet)
    x, y = height * 0.5, height * 1.4
    while y < rows:
        inks: list[NDArray[np.floating]] = []
        lefts: list[int] = []
        labels = [some_label(random) for _ in range(int(random.choice([1, 2, 2, 2, 3])))]
        for label in labels:
            ink = handwritten(sheet, label, height * random.uniform(0.85, 1.1))
            left = 0
            if inks:
                left = lefts[-1] + _meeting(inks[-1], ink) - int(random.uniform(0, 0.08) * height)
            inks.append(ink)
            lefts.append(left)
        if x + lefts[-1] + inks[-1].shape[1] > columns and x > height:
            x, y = height * 0.5, y + 1.6 * height
            continue
        for ink, left, label in zip(inks, lefts, labels):
            sheet.put(ink, x + left, y - ink.shape[0], label)
        x += lefts[-1] + inks[-1].shape[1] + height * random.uniform(0.4, 1.2)


def _meeting(first: NDArray[np.floating], second: NDArray[np.floating]) -> int:
    """How far right of the first ink, on the same base line, the second starts if they just
    touch.
    """
    rows = min(len(first), len(second))
    upper, lower = first[-rows:] > 0.4, second[-rows:] > 0.4
    reach = np.where(upper.any(axis=1), first.shape[1] - upper[:, ::-1].argmax(axis=1), -np.inf)
    start = np.where(lower.any(axis=1), lower.argmax(axis=1), np.inf)
    farthest = (reach - start).max()
    return int(farthest) if np.isfinite(farthest) else first.shape[1]


def joined(sheet: Sheet) -> None:
    """Digits that touch or cross each other, are struck out or written over."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet)
    x, y = height * 0.5, height * 1.4
    while y < rows:
        label = some_label(random)
        first = handwritten(sheet, label, height)
        sheet.put(first, x, y - height, label)
        way = random.random()
        if way < 0.5:
            label = some_label(random)
            second = handwritten(sheet, label, height * random.uniform(0.8, 1.1))
            overlap = random.uniform(-0.1, 0.35) if way < 0.35 else 1.0
            sheet.put(second, x + first.shape[1] * (1 - overlap), y - height, label)
        elif way < 0.75:
            mark = sign(
                sheet,
                height * random.uniform(0.9, 1.3),
                ("slash", "times", "minus", "zigzag", "loops"),
            )
            middle = x + first.shape[1] / 2 - mark.shape[1] / 2
            sheet.put(mark, middle, y - height / 2 - mark.shape[0] / 2)
            if mark.sum() > 0.25 * first.sum() and sheet.digits:
                sheet.digits[-1] = sheet.digits[-1]._replace(label=PART)
        x += first.shape[1] + height * random.uniform(0.8, 1.6)
        if x > columns - height:
            x, y = height * 0.5, y + 1.8 * height


def turned(sheet: Sheet) -> None:
    """Digits that are upside down, mirrored or on their side, which are none."""
    random = sheet.random
    rows, columns = sheet.shape
    height = _height(sheet)
    way = random.choice(["upside down", "mirrored", "left", "right"])
    x, y = height * 0.5, height * 0.5
    while y < rows - height:
        labels = {"upside down": UPSIDE_DOWN, "mirrored": MIRRORED}.get(str(way), ON_ITS_SIDE)
        ink = handwritten(sheet, int(random.choice(labels)), height)
        if way == "upside down":
            ink = ink[::-1, ::-1]
        elif way == "mirrored":
            ink = ink[:, ::-1]
        else:
            ink = np.rot90(ink, 1 if way == "left" else -1)
        sheet.put(np.ascontiguousarray(ink), x, y)
        x += ink.shape[1] + height * random.uniform(0.2, 0.6)
        if x > columns - height:
            x, y = height * 0.5, y + 1.6 * height


def textures(sheet: Sheet) -> None:
    """Wood, fabric, bars, dots, grass and tiles, which may lie below a number."""
    random = sheet.random
    rows, columns = sheet.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    period = random.uniform(0.03, 0.15) * min(rows, columns) + 4
    noise = scipy.ndimage.gaussian_filter(random.normal(size=(rows, columns)), period / 2)
    noise /= max(float(np.abs(noise).max()), 1e-9)
    kind = random.choice(
        ["wood", "fabric", "bars", "dots", "grass", "tiles", "clouds", "code", "rings", "threads"]
    )
    if kind == "wood":
        ink = np.sin(2 * np.pi * (x / period + 3 * noise + 0.1 * np.sin(y / period)))
    elif kind == "fabric":
        ink = np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period)
    elif kind == "bars":
        edges = np.cumsum(random.uniform(0.3, 1.5, 400) * period / 2)
        ink = np.where(np.searchsorted(edges, x[0]) % 2, 1.0, -1.0)[np.newaxis] + 0 * y
        ink[(y < rows * random.uniform(0, 0.3)) | (y > rows * random.uniform(0.6, 1))] = -1
    elif kind == "dots":
        ink = (
            np.cos(2 * np.pi * x / period) + np.cos(2 * np.pi * y / period) - random.uniform(0, 1.2)
        )
    elif kind == "tiles":
        line = random.uniform(0.05, 0.2)
        shifted = x + period * 2 * (np.floor(y / (2 * period)) % 2)
        ink = np.where(
            ((shifted / (4 * period)) % 1 < line / 2) | ((y / (2 * period)) % 1 < line), 1, -1
        )
    elif kind == "code":
        cells = random.random((int(rows / period) + 2, int(columns / period) + 2)) < 0.5
        ink = np.where(cells[(y / period).astype(int), (x / period).astype(int)], 1, -1)
    elif kind == "rings":
        far = np.hypot(x - columns * random.random(), y - rows * random.random())
        ink = np.sin(2 * np.pi * (far / period + noise))
    elif kind == "grass":
        blades = scipy.ndimage.gaussian_filter(
            random.normal(size=(rows, columns)), (period / 2, period / 12)
        )
        ink = blades / max(float(np.abs(blades).max()), 1e-9) * 3 - random.uniform(0, 0.5)
    elif kind == "threads":
        ink = 2 * _threads(sheet) - 1
    else:
        ink = noise * 3
    smooth = np.clip(0.5 + np.asarray(ink) * random.uniform(0.6, 4), 0, 1).astype(np.float32)
    np.maximum(sheet.ink, smooth * random.uniform(0.3, 1), out=sheet.ink)
    if random.random() < 0.25:
        sheet.ink *= random.uniform(0.15, 0.3)
        numbers(sheet)


def _threads(sheet: Sheet) -> NDArray[np.floating]:
    """Hairs, needles, scratches or threads that lie across each other: their ink on a sheet."""
    random = sheet.random
    rows, columns = sheet.shape
    side = min(rows, columns)
    image = Image.new("L", (columns, rows))
    pencil = ImageDraw.Draw(image)
    length = side * np.exp(random.uniform(np.log(0.08), np.log(1.2)))
    bend = random.choice([0.0, 0.3, 1.0, 2.5])  # radians from end to end, about
    width = max(1, round(side * np.exp(random.uniform(np.log(0.004), np.log(0.04)))))
    count = int(np.exp(random.uniform(np.log(8), np.log(150))))
    along = np.linspace(0, 1, 24)
    for _ in range(count):
        own = length * random.uniform(0.4, 1.2)
        turns = random.normal(0, bend, (2, 1)) * [along, np.sin(2 * np.pi * along)]
        angle = random.uniform(0, 2 * np.pi) + turns.sum(axis=0)
        steps = own / len(along) * np.array([np.cos(angle), np.sin(angle)])
        path = random.uniform(-0.1, 1.1, 2) * [columns, rows] + steps.cumsum(axis=1).T
        level = int(random.integers(120, 256))
        pencil.line([tuple(point) for point in path], level, width, "curve")
    return np.asarray(image, np.float32) / 255


def objects(sheet: Sheet) -> None:
    """Pens, cups, hands, shadows and holes, on some pages with numbers."""
    random = sheet.random
    rows, columns = sheet.shape
    if random.random() < 0.6:
        numbers(sheet)
    image = Image.new("L", (columns, rows))
    pencil = ImageDraw.Draw(image)
    for _ in range(int(random.integers(1, 5))):
        x, y = random.uniform(0, columns), random.uniform(0, rows)
        size = random.uniform(0.1, 0.5) * min(rows, columns)
        kind = random.integers(5)
        if kind == 0:
            angle = random.uniform(0, np.pi)
            end = (x + 3 * size * np.cos(angle), y + 3 * size * np.sin(angle))
            pencil.line(
                [(x, y), end],
                int(random.integers(120, 256)),
                max(2, round(size * random.uniform(0.03, 0.2))),
            )
        elif kind == 1:
            level = int(random.integers(120, 256))
            pencil.ellipse(
                (x - size, y - size, x + size, y + size),
                outline=level,
                width=max(2, round(size * random.uniform(0.05, 0.3))),
            )
        elif kind == 2:
            pencil.ellipse(
                (x - size, y - size / 2, x + size, y + size / 2), int(random.integers(100, 256))
            )
        elif kind == 3:
            points = [
                (
                    x + size * np.cos(a) * random.uniform(0.4, 1),
                    y + size * np.sin(a) * random.uniform(0.4, 1),
                )
                for a in np.linspace(0, 6, 9)
            ]
            pencil.polygon(points, int(random.integers(100, 256)))
        else:
            side = size * random.uniform(0.1, 0.4)
            pencil.rectangle(
                (x, y, x + side, y + side * random.uniform(0.3, 4)), int(random.integers(120, 256))
            )
    things = np.asarray(image, np.float32) / 255
    covered = things > 0.3
    np.maximum(sheet.ink, things, out=sheet.ink)
    kept = []
    for digit in sheet.digits:
        x, y, width, height = map(round, digit.box)
        part = covered[y : y + height, x : x + width]
        if not part.any():
            kept.append(digit)
        elif part.mean() < 0.3:
            kept.append(digit._replace(label=PART))
    sheet.digits = kept


def scribbles(sheet: Sheet) -> None:
    """Random curves, straight strokes and parts of digits."""
    random = sheet.random
    rows, columns = sheet.shape
    for _ in range(int(random.integers(2, 9))):
        height = _height(sheet)
        if random.random() < 0.6:
            ink = scribble(sheet, height)
        else:
            ink = handwritten(sheet, int(random.integers(10)), height)
            cut = random.uniform(0.35, 0.65)
            at = int(cut * ink.shape[0])
            ink = ink[:at] if random.random() < 0.5 else ink[at:]
        sheet.put(ink, random.uniform(0, columns - 10), random.uniform(0, rows - 10))


def figures(sheet: Sheet) -> None:
    """Diagrams, maps and plots: axes, curves, arrows and boxes, with a few printed numbers."""
    random = sheet.random
    rows, columns = sheet.shape
    image = Image.new("L", (columns, rows))
    pencil = ImageDraw.Draw(image)
    width = int(random.integers(1, 5))
    left, top = int(0.1 * columns), int(0.9 * rows)
    if random.random() < 0.6:
        pencil.line([(left, int(0.05 * rows)), (left, top), (int(0.95 * columns), top)], 255, width)
        for share in np.linspace(0.1, 0.9, int(random.integers(3, 10))):
            x, y = left + share * 0.85 * columns, top - share * 0.85 * rows
            pencil.line([(x, top), (x, top + 0.02 * rows + 3)], 255, width)
            pencil.line([(left - 0.02 * columns - 3, y), (left, y)], 255, width)
            if random.random() < 0.5:
                label = int(random.integers(10))
                ink = draw_print(str(label), 0.05 * rows + 8, sheet.font)
                sheet.put(ink, x - ink.shape[1] / 2, top + 0.035 * rows + 3, label)
    for _ in range(int(random.integers(1, 5))):
        steps = random.normal(0, 1, (60, 2)).cumsum(axis=0)
        smooth = scipy.ndimage.gaussian_filter1d(steps, random.uniform(1, 6), axis=0)
        smooth = (smooth - smooth.min(axis=0)) / np.maximum(np.ptp(smooth, axis=0), 1e-9)
        scale = random.uniform(0.1, 0.8, 2)
        offset = random.uniform(0, 1 - scale)
        path = [tuple(point) for point in (smooth * scale + offset) * [columns, rows]]
        pencil.line(path, 255, width, "curve")
    sheet.put(np.asarray(image, np.float32) / 255, 0, 0)
    for _ in range(int(random.integers(0, 5))):
        sheet.put(sign(sheet, 0.15 * rows), random.uniform(0, columns), random.uniform(0, rows))


def ruled(sheet: Sheet) -> None:
    """Numbers on ruled or squared paper, in tables and forms."""
    random = sheet.random
    rows, columns = sheet.shape
    spacing = random.uniform(0.08, 0.3) * rows + 12
    width = int(random.integers(1, 4))
    offset = random.uniform(0, spacing)
    for y in np.arange(offset, rows, spacing):
        sheet.printed[int(y) : int(y) + width] = 1
    if random.random() < 0.5:
        for x in np.arange(offset, columns, spacing * random.choice([1, 1, 2, 3])):
            sheet.printed[:, int(x) : int(x) + width] = 1
    sheet.printed *= random.uniform(0.2, 1)
    height = spacing * random.uniform(0.45, 0.85)
    for y in np.arange(offset, rows, spacing):
        if y < height or random.random() < 0.2:
            continue
        pattern = str(random.choice(["dddd", "dd", "d d d", "lll dd", "llll", "d.dd", "dodod"]))
        write_line(
            sheet,
            random.uniform(0.3, 2) * height,
            y - random.uniform(0.05, 0.15) * spacing,
            height,
            pattern,
            0.3,
        )


Kind = Callable[[Sheet], None]
# How often each kind is drawn.
KINDS: dict[Kind, float] = {
    numbers: 4,
    sums: 2,
    words: 2,
    letters_alone: 1,
    printed_text: 2,
    printed_words: 1,
    mixed: 1,
    scattered: 2,
    one_digit: 6,
    drawn: 5,
    one_sign: 3,
    strokes_only: 1.5,
    gratings: 1.2,
    dial: 0.7,
    badges: 1.5,
    plates: 0.7,
    ringed: 1,
    joined: 1.2,
    touching: 1.5,
    turned: 1,
    textures: 1.8,
    objects: 1.5,
    scribbles: 1.5,
    figures: 1,
    ruled: 1.5,
}
KIND_NAMES = [kind.__name__ for kind in KINDS]


def draw_page(digits: DigitSet, seed: Sequence[int]) -> tuple[NDArray[np.uint8], list[Digit], str]:
    """A page in grey levels, uint8 (rows, columns), its digits, and the name of its kind."""
    random = np.random.default_rng(seed)
    shares = np.array([*KINDS.values()])
    kind = [*KINDS][random.choice(len(KINDS), p=shares / shares.sum())]
    rows = int(np.exp(random.uniform(np.log(90), np.log(520))))
    columns = int(np.clip(rows * np.exp(random.uniform(-0.4, 0.9)), 90, 800))
    sheet = Sheet(columns, rows, digits, random)
    kind(sheet)
    if sheet.digits and random.random() < 0.12:
        sheet = cropped(sheet)
    return photographed(sheet), sheet.digits, kind.__name__
