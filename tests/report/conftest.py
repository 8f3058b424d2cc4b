"""The report of the finished run: the values that it shows, their numbers, the page, and the text
of a page.
"""

import html as markup
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page
from support.browser import open_report

from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.methods.table import assets_of_models
from mnist_pipeline.report import assembly
from mnist_pipeline.report import page as rendering
from mnist_pipeline.report.assembly import reads
from mnist_pipeline.report.content import Values
from mnist_pipeline.runtime.storage.storage import Storage

VIEWS: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "still": {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"},
    "dark phone": {
        "viewport": {"width": 360, "height": 740},
        "color_scheme": "dark",
        "reduced_motion": "reduce",
    },
}
UNKNOWN = dict.fromkeys(
    (
        "run_id",
        "data_version",
        "code_version",
        "seconds",
        "config",
        "seed",
        "recipe",
        "losses",
        "reason",
    )
)
PARTS = [*assets_of_models("model", "predictions"), "champion"]


@pytest.fixture(scope="package")
def values(finished_run) -> Values:
    """The values that the asset collects."""
    read = Storage(str(finished_run[1])).read
    return {
        **{name: read(name) for name in reads()},
        "data_set": MNIST,
        "run": {
            "id": "0f3a" * 9,
            "started": "2026-03-04T05:06:07+00:00",
            "source": "MNIST",
            "canonical": True,
        },
        "origins": dict.fromkeys(PARTS, UNKNOWN),
        **dict.fromkeys(assembly.ON_REQUEST),
    }


@pytest.fixture(scope="package")
def composed(values) -> dict[str, Any]:
    return assembly.merged("numbers", values)


@pytest.fixture(scope="package")
def html(composed, values) -> str:
    return rendering.render(composed, values)


@pytest.fixture
def without_charts(html, monkeypatch) -> None:
    """Drawing takes most of the time of a page, and has its own tests."""
    names = re.findall(r'id="figure-(\w+)"', html)
    monkeypatch.setattr(
        rendering, "draw_charts", lambda document, values: dict.fromkeys(names, "<svg></svg>")
    )


@pytest.fixture(scope="package")
def text_of() -> Callable[[str], str]:
    """The text of a page that can be read or heard, without formulas and code; a chart is its
    description.
    """

    def read(html: str) -> str:
        html = re.sub(r"<(head|style|script|svg|math|pre)\b.*?</\1>", "", html, flags=re.DOTALL)
        html = re.sub(r'<[^>]*\b(?:alt|aria-label|data-label)="([^"]*)"[^>]*>', r" \1 ", html)
        return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", html)).split())

    return read


@pytest.fixture(scope="module")
def address(finished_run) -> str:
    return (finished_run[1] / "report" / "index.html").as_uri()


@pytest.fixture(scope="module")
def page(request, browser, address) -> Iterator[Page]:
    """The page in one of the views, with all its parts open; nothing may be logged while the tests
    use it.
    """
    messages: list[str] = []
    view = VIEWS[getattr(request, "param", "still")]
    page = open_report(browser, address, messages, **view)
    page.locator("details").evaluate_all(
        "all => all.forEach((details) => { details.open = true; })"
    )
    yield page
    assert messages == []
