"""Single functions of the scripts, on a page without anything else, where the whole report would
not show their rule.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import mnist_pipeline
from mnist_pipeline.methods.knn.classifier import KNNClassifier
from mnist_pipeline.report import scripts

REPORT = Path(mnist_pipeline.__file__).parent / "report"
DATA = '<script type="application/json" id="page-data">{}</script>'
Evaluate = Callable[..., Any]


@pytest.fixture(scope="module")
def blank(browser) -> Iterator[Page]:
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body=DATA, content_type="text/html"))
    page.goto("http://digits.example/")
    yield page
    page.close()


@pytest.fixture
def evaluate(blank) -> Evaluate:
    """Evaluate an expression with the names that a script exports; `given` is an argument."""

    def run(script: str, expression: str, given: Any = None) -> Any:
        joined = scripts.join(REPORT / script)
        return blank.evaluate(f"(given) => {{ {joined} return {expression}; }}", given)

    return run


def test_a_number_that_is_rounded_to_zero_has_no_sign(evaluate):
    texts = evaluate(
        "script/numbers.js",
        "[[-0.001], [0, 2, '+'], [-1.5], [1.5, 1, '+']].map((own) => formatNumber(...own))",
    )
    assert texts == ["0.00", "0.00", "−1.50", "+1.5"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://digits.example/", False),
        ("http://localhost:3000/", True),
        ("http://127.0.0.1/report", True),
        ("about:blank", True),  # without a host, as that of a file
    ],
)
def test_a_page_that_nobody_else_can_open_is_local(blank, evaluate, address, expected):
    blank.goto(address)
    blank.set_content(DATA)
    assert evaluate("script/address.js", "isLocal()") == expected


def test_neighbours_at_the_same_distance_come_in_the_order_of_the_training_set(evaluate):
    random = np.random.default_rng(0)
    # With two levels, many distances are equal.
    images = random.integers(0, 2, (60, 9), np.uint8)
    labels = random.integers(0, 4, 60)
    queries = random.integers(0, 2, (20, 9), np.uint8)
    order = random.permutation(60)  # of the training digits on the page
    arrays = {
        "facts": {"sample": 60, "numNeighbors": 5, "smoothing": 0.5},
        "train.indices": order.tolist(),
        "train.labels": labels[order].tolist(),
        "train.images": images[order].ravel().tolist(),
        "softmax.bias": [0] * 4,
    }
    found = evaluate(
        "topics/knn/knn.js",
        """(() => {
          const [arrays, queries] = given;
          arrays["train.images"] = Uint8Array.from(arrays["train.images"]);
          const knn = createKnn(arrays);
          const places = (query) => knn.neighborsOf(query, 5).map(({ position }) => position);
          return queries.map((query) => [places(query), knn.answer(query).label]);
        })()""",
        [arrays, queries.tolist()],
    )
    model = KNNClassifier(5).fit(images, labels)
    _, nearest = model.kneighbors(queries)
    np.testing.assert_array_equal(order[np.array([places for places, _ in found])], nearest)
    np.testing.assert_array_equal([label for _, label in found], model.predict(queries))


def test_a_picture_with_faint_shades_alone_has_no_digit(evaluate):
    """A stroke of 10 grey levels is dirt or shadow; one of 60 is ink."""
    found = evaluate(
        "script/pictures.js",
        """[10, 60].map((contrast) => {
          const grey = new Uint8Array(100 * 100).fill(200);
          for (let y = 20; y < 80; y++) grey.fill(200 - contrast, 100 * y + 45, 100 * y + 55);
          return fitDigit(grey, 100) !== undefined;
        })""",
    )
    assert found == [False, True]
