"""The headless Chromium that the tests of pages drive, and the accessibility checker that they run in it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync")
AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = {"serious", "critical"}

needs_axe = pytest.mark.skipif(
    not AXE.exists() and not os.environ.get("CI"), reason="no axe-core; make test installs it with npm"
)


def serious_findings(page: Page) -> list[tuple[str, str, str]]:
    """What axe-core finds wrong, and finds serious: rule, impact, the first element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    assert len(found["passes"]) > 10, "it did look"
    return [
        (violation["id"], violation["impact"], violation["nodes"][0]["html"][:120])
        for violation in found["violations"]
        if violation["impact"] in SERIOUS
    ]
