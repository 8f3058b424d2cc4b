"""Take the pictures of the README from a finished run: `python docs/screenshots.py http://127.0.0.1:3000`.

Start `mnist-pipeline ui` first; needs Chromium and the test extra.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from assets import storage

HERE = Path(__file__).parent
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SETTLE = 4_000  # milliseconds that a page gets to load and lay out
NUM_COLORS = 192


def main(address: str) -> None:
    """Write lineage.png, asset.png, checks.png, automation.png and report.png beside this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
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
        page.goto(f"{address}/automation")
        page.wait_for_timeout(SETTLE)
        save(page, "automation")
        page.set_viewport_size({"width": 1000, "height": 1100})
        page.goto(f"file://{storage.current().path('evaluation_report')}")
        page.wait_for_timeout(SETTLE)
        save(page, "report")
        browser.close()


def save(page: Page, name: str) -> None:
    """A screenshot with few enough colours to be small."""
    path = HERE / f"{name}.png"
    page.screenshot(path=path)
    Image.open(path).convert("RGB").quantize(NUM_COLORS).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
