"""Take the pictures of the README from a finished run: `python docs/screenshots.py http://127.0.0.1:3000`.

Start `mnist-pipeline ui` first, or leave out the address for the pictures of the report only; needs Chromium and the
test extra. Pages show the path of the results, so choose one that readers may see, such as
MNIST_PIPELINE_STORAGE=/srv/mnist.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from mnist_pipeline.recognition import contact_sheet
from mnist_pipeline.runtime.storage import storage

HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SETTLE = 4_000  # milliseconds that a page gets to load and lay out
BACKFILL_MILLISECONDS = 300_000
NUM_COLORS = 192
SHEET_SEED = 3
NUM_MISREAD = 5
# Strokes of a 4, a 7 and a 2, as shares of the sheet.
DRAWN = (
    ((0.17, 0.22), (0.09, 0.5), (0.28, 0.52)),
    ((0.24, 0.24), (0.21, 0.78)),
    ((0.4, 0.25), (0.58, 0.22), (0.53, 0.42), (0.47, 0.78)),
    ((0.7, 0.36), (0.73, 0.25), (0.81, 0.21), (0.88, 0.28), (0.87, 0.4), (0.79, 0.6), (0.7, 0.76), (0.93, 0.73)),
)


def main(address: str | None) -> None:
    """Write the pictures of the UI, where an address is given, and of the report next to this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        if address:
            take_ui(browser, address)
        take_report(browser)
        browser.close()
    draw_sheet()


def take_ui(browser: Browser, address: str) -> None:
    """lineage, asset, checks, model-card, automation, history, draw and backfill, all as PNG."""
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.goto(f"{address}/asset-groups")
    page.wait_for_timeout(SETTLE)
    save(page, "lineage")
    page.goto(f"{address}/assets/eigendecomposition?view=events")
    page.get_by_text("[Show Markdown]").first.click()
    page.wait_for_timeout(SETTLE)
    save(page, "asset")
    page.goto(f"{address}/assets/eigendecomposition?view=checks")
    page.wait_for_timeout(SETTLE)
    save(page, "checks")
    page.goto(f"{address}/assets/model_card?view=events")
    page.get_by_text("[Show Markdown]").first.click()
    page.wait_for_timeout(SETTLE)
    save(page, "model-card")
    page.goto(f"{address}/automation")
    page.wait_for_timeout(SETTLE)
    save(page, "automation")
    page.goto(f"{address}/assets/champion?view=events")  # after mnist-pipeline restore
    page.wait_for_timeout(SETTLE)
    save(page, "history")
    take_drawing(browser, address)
    take_backfill(browser, address)


def take_drawing(browser: Browser, address: str) -> None:
    """draw.png: three digits, drawn by mouse."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/draw")
    page.get_by_text("Draw a digit with mouse").wait_for()
    sheet = page.locator("canvas").bounding_box()
    assert sheet
    for stroke in DRAWN:
        for place, (x, y) in enumerate(stroke):
            page.mouse.move(sheet["x"] + sheet["width"] * x, sheet["y"] + sheet["height"] * y, steps=8)
            if place == 0:
                page.mouse.down()
        page.mouse.up()
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLE)
    save(page, "draw")


def take_backfill(browser: Browser, address: str) -> None:
    """backfill.png: the trials of a sweep while a backfill runs. It needs a storage without trials."""
    page = browser.new_page(viewport={"width": 1400, "height": 700})
    page.goto(f"{address}/assets/experiment_trials?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name="All", exact=True).click()
    page.get_by_role("button", name="Launch backfill").click()
    page.get_by_text("Materialized (4)").wait_for(timeout=BACKFILL_MILLISECONDS)
    stored = sorted(storage.current().published.keys())
    done = next(key.partition("-")[2] for key in stored if key.startswith("experiment_trials-"))
    page.get_by_text(done).first.click()
    page.wait_for_timeout(SETTLE)
    save(page, "backfill")


def draw_sheet() -> None:
    """sheet.png: synthetic pictures, two without a digit. misread.png: misread digits in handwriting fonts."""
    sys.path += [str(HERE.parent), str(HERE.parent / "tests")]
    from support import reading

    from generators import handwriting, other_hands

    rng = np.random.default_rng(SHEET_SEED)
    written = {
        "line.jpg": handwriting.page_picture([[3, 1, 4, 1, 5]], rng)[0],
        "seven.png": handwriting.digit_picture(7, rng),
        "scribble.png": handwriting.scribble_picture(rng),
        "letter-A.png": handwriting.letter_picture("A", rng),
    }
    recognizer = storage.read("recognizer")
    pictures = [reading.grey(picture) for picture in written.values()]
    pages = map(contact_sheet.Page, written, pictures, recognizer.read(pictures))
    (HERE / "sheet.png").write_bytes(contact_sheet.draw(list(pages), recognizer))
    misread = []
    for example in other_hands.single_digits(1, SHEET_SEED, other_hands.installed()):
        picture = reading.grey(example.picture)
        (found,) = recognizer.read([picture])
        if [each.recognition.digit for each in found] != list(example.digits):
            misread.append(contact_sheet.Page(f"a written {example.digits[0]}", picture, found))
    rows = [page for page in misread if page.readings][:NUM_MISREAD]
    (HERE / "misread.png").write_bytes(contact_sheet.draw(rows, recognizer))


def take_report(browser: Browser) -> None:
    """report.png, report-pca.png, report-confused.png, and, of a phone in its dark theme, report-phone.png."""
    address = f"file://{storage.current().path('evaluation_report')}"
    page = browser.new_page(viewport={"width": 1120, "height": 1000}, reduced_motion="reduce")
    page.goto(address)
    save(page, "report")
    page.locator("#figure-scatter").evaluate("figure => figure.scrollIntoView()")
    page.locator("#figure-scatter .plot").focus()
    page.keyboard.press("ArrowRight")
    save(page, "report-pca")
    page.locator('.confusion[data-model="knn"] button').last.scroll_into_view_if_needed()
    page.locator('.confusion[data-model="knn"] button[data-true="4"][data-predicted="9"]').click()
    save(page, "report-confused")
    phone = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark", reduced_motion="reduce")
    phone.goto(address)
    phone.locator("#figure-reconstructions").evaluate("figure => figure.scrollIntoView()")
    save(phone, "report-phone")


def save(page: Page, name: str) -> None:
    """A screenshot with few enough colours to be small."""
    path = HERE / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(NUM_COLORS).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
