"""Take the pictures of the documentation anew, from runs made for them: `make pictures`.

Names of pictures, such as `play draw`, take only these. Chromium must be installed.
"""

import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Locator, Page

DOCS = Path(__file__).parent
PROJECT = DOCS.parent
sys.path.insert(0, str(PROJECT / "tests"))
from support.browser import launch_browser  # noqa: E402
from support.served import served_ui  # noqa: E402
from support.servers import until  # noqa: E402

BIN = Path(sys.executable).parent
COLORS = 256
LEARNED = 5_000  # digits, before the training in the picture stops
GAP = 20  # pixels between the pieces of a picture
WIDTH = 790  # pixels of a column of pieces
GROUPS = ("digits", "pca", "harris")  # in a picture of the graph
# Whether nothing on a page moves.
SETTLED = "document.getAnimations().every(({ playState }) => playState !== 'running')"
Points = list[tuple[float, float]]


def arc(x: float, y: float, radius: float, start: int, end: int) -> Points:
    """Points of an arc; angles are in degrees, clockwise from the right."""
    angles = [math.radians(angle) for angle in range(start, end, 15)]
    return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]


# Strokes of digits in shares of the height of a sheet.
THREE = [[*arc(0.17, 0.17, 0.15, -150, 90), *arc(0.17, 0.5, 0.18, -90, 145)]]
SEVEN = [[(0.02, 0.04), (0.36, 0.04), (0.24, 0.3), (0.16, 0.68)], [(0.1, 0.34), (0.32, 0.34)]]
TWO = [[*arc(0.18, 0.18, 0.16, -170, 45), (0.03, 0.67), (0.37, 0.67)]]


def save(image: Image.Image, name: str) -> None:
    """Save a picture of the documentation with few colours."""
    image.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(
        DOCS / f"{name}.png", optimize=True
    )
    print(f"docs/{name}.png: {image.width}×{image.height}")


def shot(target: Page | Locator) -> Image.Image:
    """What a page or an element shows."""
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        target.screenshot(path=file.name)
        return Image.open(file.name).copy()


def command(*words: str | Path, **variables: str | Path) -> None:
    """Run a command of the environment."""
    environment = os.environ | {name: str(value) for name, value in variables.items()}
    cwd = environment.pop("CWD", str(PROJECT))
    program = [BIN / words[0], *words[1:]]
    subprocess.run(program, check=True, env=environment, cwd=cwd, stdout=subprocess.DEVNULL)


def draw(page: Page, canvas: Locator, digits: list[list[Points]]) -> None:
    """Draw digits next to each other on a sheet."""
    box = canvas.bounding_box()
    assert box
    size = min(box["height"], box["width"] / (0.55 * len(digits) + 0.1))
    left = box["x"] + (box["width"] - (0.55 * len(digits) - 0.17) * size) / 2
    top = box["y"] + (box["height"] - 0.68 * size) / 2
    for index, strokes in enumerate(digits):
        for stroke in strokes:
            points = [(left + (x + 0.55 * index) * size, top + y * size) for x, y in stroke]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point, steps=8)
            page.mouse.up()


def columns(*pieces: list[Image.Image]) -> Image.Image:
    """Pieces of a picture in columns."""
    heights = [sum(piece.height + GAP for piece in column) - GAP for column in pieces]
    picture = Image.new("RGB", ((WIDTH + GAP) * len(pieces) - GAP, max(heights)), "white")
    for index, column in enumerate(pieces):
        top = 0
        for piece in column:
            picture.paste(piece, (index * (WIDTH + GAP), top))
            top += piece.height + GAP
    return picture


def take_play(browser: Browser, address: str) -> None:
    """Five pieces of the report, after a reader has drawn and played."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/report")
    page.locator("#figure-draw .hint").wait_for()
    sheet, scores = page.locator("#figure-draw canvas.sheet"), page.locator("#figure-scores")
    page.locator("#figure-draw .clear").click()
    draw(page, sheet, [THREE])
    neighbors, kernels = page.locator("#figure-neighbors"), page.locator("#figure-kernels")
    scores.locator(".train").scroll_into_view_if_needed()  # which starts the training
    learned = scores.locator(".learned b").first
    until(lambda: int((learned.text_content() or "0").replace(",", "")) > LEARNED)
    scores.get_by_role("button", name="Stop").click()
    kernels.scroll_into_view_if_needed()
    kernels.locator(".slide").get_by_text("Slide").wait_for()
    page.evaluate("document.querySelector('nav').style.display = 'none'")
    pieces = [shot(page.locator("#figure-draw")), shot(scores)]
    pieces += [shot(neighbors), shot(kernels), shot(page.locator("#figure-rebuild"))]
    pieces = [piece.resize((WIDTH, round(piece.height * WIDTH / piece.width))) for piece in pieces]
    save(columns(pieces[:2], pieces[2:]), "play")


def take_draw(browser: Browser, address: str) -> None:
    """The drawing page with three digits."""
    page = browser.new_page(viewport={"width": 1280, "height": 940})
    page.goto(f"{address}/draw")
    draw(page, page.locator("canvas"), [THREE, SEVEN, TWO])
    page.locator(".number").get_by_text("372").wait_for()
    page.mouse.move(0, 0)
    save(shot(page), "draw")


def take_ui(browser: Browser, address: str) -> None:
    """Pages of Dagster's UI."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    expanded = ",".join(f"global@global:{group}" for group in GROUPS)
    selection = " or ".join(f'group:"{group}"' for group in GROUPS)

    def take(path: str, awaited: str, name: str) -> None:
        page.goto(f"{address}/{path}")
        page.get_by_text(awaited, exact=True).last.wait_for()
        page.wait_for_load_state("networkidle")
        if name == "asset":
            page.get_by_text("[Show Markdown]").first.click()
            page.locator("[role=dialog] img").first.wait_for()
        until(lambda: bool(page.evaluate(SETTLED)))
        save(shot(page), name)

    page.goto(f"{address}/asset-groups")
    page.get_by_text("Hide navigation").click()  # and it stays hidden
    take("asset-groups", "serving", "lineage")
    page.set_viewport_size({"width": 1700, "height": 1100})
    graph = f"asset-groups~{quote(selection, safe='')}/?expanded={expanded}"
    take(graph, "covariance", "asset-graph")
    page.set_viewport_size({"width": 1500, "height": 900})
    take("assets/eigendecomposition?view=checks", "orthonormal", "checks")
    take("assets/eigendecomposition?view=events", "eigenvalues", "asset")


def take_experiments(storage: Path) -> None:
    """The figure of the default sweep."""
    variables = {"MNIST_PIPELINE_STORAGE": storage}
    command("mnist-pipeline", "run", "--select", "group:experiments", **variables)
    figures = (storage / "experiment_summary").glob("*/figures/*.png")
    save(Image.open(max(figures, key=lambda path: path.stat().st_mtime)), "accuracy-by-size")


SERVED: dict[str, Callable[[Browser, str], None]] = {
    "play": take_play,
    "draw": take_draw,
    "ui": take_ui,
}


def main(*names: str) -> None:
    """Take the pictures of these names, or all."""
    chosen = set(names or [*SERVED, "experiments"])
    with tempfile.TemporaryDirectory() as directory, launch_browser() as browser:
        scratch = Path(directory)
        storage = scratch / "storage"
        data = PROJECT / "data"
        command("mnist-pipeline", "run", MNIST_PIPELINE_STORAGE=storage)
        if "experiments" in chosen:
            take_experiments(storage)
        if chosen & set(SERVED):
            with served_ui(data, storage) as address:
                for name in sorted(chosen & set(SERVED)):
                    SERVED[name](browser, address)


if __name__ == "__main__":
    main(*sys.argv[1:])
