"""The report: one page with everything inside it, and the same numbers as JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline import evaluation, pca, report

MODELS = ("knn", "softmax", "mlp", "cnn")
KS = [2, 3, 5, 10, 20, 50, 100]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURES = [picture for section in report.SECTIONS.values() for picture in section]
VOID_ELEMENTS = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
NUM_TEST = 1_234


class Page(HTMLParser):
    """What a browser would find: elements, references, text; and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID_ELEMENTS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, text: str) -> None:
        if "style" not in self.open:
            self.texts.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, tag: str, name: str) -> list[str]:
        return [found[name] or "" for element, found in self.elements if element == tag and name in found]


@pytest.fixture(scope="module")
def facts() -> report.Facts:
    """As the asset collects them, from made-up predictions."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 10, NUM_TEST).astype(np.uint8)
    predictions, probabilities = {}, {}
    for model, share in zip(MODELS, (0.03, 0.08, 0.02, 0.01)):
        shift = np.where(generator.random(NUM_TEST) < share, generator.integers(1, 10, NUM_TEST), 0)
        predictions[model] = ((true + shift) % 10).astype(np.uint8)
        predictions[model][:2] = (true[:2] + 1) % 10  # missed by all
        probabilities[model] = generator.dirichlet(np.ones(10), NUM_TEST).astype(np.float32)
    evaluations = {model: evaluation.evaluate(true, labels) for model, labels in predictions.items()}
    errors = evaluation.misclassified(true, predictions["cnn"], probabilities["cnn"])
    eigenvalues = np.sort(generator.exponential(1_000, 784))[::-1]
    return report.Facts(
        num_train=60_000,
        num_test=NUM_TEST,
        class_counts={"train": [6_000 + k for k in range(10)], "test": np.bincount(true).tolist()},
        eigenvalues=eigenvalues,
        reconstruction={
            "k": KS,
            "explained_share": pca.explained_share(eigenvalues)[np.array(KS) - 1].tolist(),
            "test_rmse": [70.1, 65.2, 60.3, 50.4, 40.5, 30.6, 20.7],
        },
        num_neighbors=3,
        accuracy_by_k={"k": [1, 2, 3], "nearest": [0.9691, 0.9691, 0.9717], "smallest": [0.9691, 0.9627, 0.9705]},
        harris={"max_relative_difference": 1.3e-16, "centering_change": 0.31, "num_corners": 87},
        evaluations=evaluations,
        comparison=evaluation.compare(true, predictions, evaluations),
        cnn_errors=pd.DataFrame(errors).to_dict("records"),
        seconds={"knn": 4.3, "softmax": 3.5, "mlp": 21.0, "cnn": None},
        assets={
            "raw_mnist": {"run_id": "9" * 36, "data_version": "abcdef" * 10, "code_version": "1", "seconds": 0.37},
            "cnn_model": {"run_id": None, "data_version": None, "code_version": None, "seconds": None},
        },
        versions={"Python": "3.11.7", "numpy": "2.4.6"},
    )


@pytest.fixture(scope="module")
def document(facts: report.Facts) -> dict:
    return report.document(facts)


@pytest.fixture(scope="module")
def html(document: dict) -> str:
    return report.render(document, dict.fromkeys(PICTURES, PIXEL))


# The document


def test_the_document_is_strict_json_and_comes_back_the_same(document: dict) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_document_holds_what_was_promised(document: dict, facts: report.Facts) -> None:
    assert (document["data"]["train"], document["data"]["test"]) == (60_000, NUM_TEST)
    for model in MODELS:
        expected = {**dataclasses.asdict(facts.evaluations[model]), "seconds": facts.seconds[model]}
        assert document["models"][model] == expected
        assert {"accuracy", "errors", "interval", "seconds"} <= expected.keys()
    assert document["pca"]["eigenvalues"] == facts.eigenvalues.tolist()
    assert len(document["pca"]["eigenvalues"]) == 784
    for row, k in enumerate(KS):
        assert document["pca"]["explained_share"][str(k)] == facts.reconstruction["explained_share"][row]
        assert document["pca"]["test_rmse"][str(k)] == facts.reconstruction["test_rmse"][row]
    assert document["harris"]["max_relative_difference"] == 1.3e-16
    assert document["comparison"]["missed_by_all"] == facts.comparison.missed_by_all
    assert list(document["comparison"]["models"]) == list(facts.comparison.models)
    assert len(document["comparison"]["pairs"]) == 6
    assert len(document["cnn_errors"]) == facts.evaluations["cnn"].errors


def test_the_document_has_no_nan_where_a_class_is_never_predicted(facts: report.Facts) -> None:
    one_sided = evaluation.evaluate(np.arange(10), np.zeros(10, int))
    faultless = evaluation.evaluate(np.zeros(5, int), np.zeros(5, int))
    evaluations = {"knn": one_sided, "softmax": one_sided, "mlp": faultless, "cnn": faultless}
    json.dumps(report.document(facts._replace(evaluations=evaluations)), allow_nan=False)


def test_shares_name_the_number_of_components_that_hold_them(document: dict, facts: report.Facts) -> None:
    shares = pca.explained_share(facts.eigenvalues)
    for share, count in document["pca"]["components_for_share"].items():
        assert shares[count - 2] < float(share) <= shares[count - 1]


# The page


def test_the_page_is_well_formed(html: str) -> None:
    page = Page(html)
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert page.attributes("html", "lang") == ["en"]
    assert [tag for tag, _ in page.elements].count("h1") == 1
    identifiers = [found["id"] for _, found in page.elements if "id" in found]
    assert len(identifiers) == len(set(identifiers))


def test_the_page_refers_to_nothing_outside_itself(html: str) -> None:
    page = Page(html)
    references = [
        value or ""
        for _, found in page.elements
        for name, value in found.items()
        if name in {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href"}
    ]
    identifiers = {found["id"] for _, found in page.elements if "id" in found}
    assert references
    for reference in references:
        assert reference.startswith(("data:", "#"))
        if reference.startswith("#"):
            assert reference[1:] in identifiers
    assert not {"script", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))", html)


def test_every_picture_is_inside_the_page_once_with_its_caption_and_a_description(html: str) -> None:
    assert len(set(PICTURES)) == len(PICTURES)
    page = Page(html)
    sources = page.attributes("img", "src")
    assert len(sources) == len(PICTURES)
    for source in sources:
        assert base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True) == PIXEL
    assert page.attributes("img", "alt") == [f"{picture.asset}: {picture.caption}" for picture in PICTURES]
    for picture in PICTURES:
        assert picture.caption in page.text


def test_pictures_that_are_missing_are_left_out(document: dict) -> None:
    assert Page(report.render(document, {})).attributes("img", "src") == []
    some = [PICTURES[0], PICTURES[-1]]
    page = Page(report.render(document, dict.fromkeys(some, PIXEL)))
    assert page.attributes("img", "alt") == [f"{picture.asset}: {picture.caption}" for picture in some]
    assert [tag for tag, _ in page.elements].count("figure") == 2


def test_the_page_tells_the_numbers(html: str, document: dict) -> None:
    text = Page(html).text
    for model, figures in document["models"].items():
        assert report.MODEL_TITLES[model] in text
        assert f"{figures['accuracy']:.2%}" in text
        assert f"{figures['interval'][0]:.2%} – {figures['interval'][1]:.2%}" in text
        for measure in ("precision", "recall", "f1"):
            assert " ".join(f"{value:.1%}" for value in figures[measure]) in text
    for k in KS:
        assert f"{document['pca']['explained_share'][str(k)]:.1%}" in text
        assert f"{document['pca']['test_rmse'][str(k)]:.1f}" in text
    for share, count in document["pca"]["components_for_share"].items():
        assert f"{count} of 784 components hold {float(share):.0%} of the variance" in text
    for number in ("60,000", "1,234", "1.3e-16", "87 pixels are corners", "96.27%", "4.3 s", "0.37", "numpy 2.4.6"):
        assert number in text
    assert "training " + " ".join(f"{count:,}" for count in document["data"]["class_counts"]["train"]) in text
    missed = document["comparison"]["missed_by_all"]
    assert f"{len(missed)} test images are missed by all four models: {', '.join(map(str, missed))}." in text


def test_the_page_leads_with_the_best_model(html: str, document: dict) -> None:
    best, *others = document["comparison"]["models"]
    text = Page(html).text
    lead = text[text.index("The best,") :][:200]
    assert report.MODEL_TITLES[best].lower() in lead
    assert f"{document['models'][best]['accuracy']:.2%}" in lead
    assert not any(report.MODEL_TITLES[other].lower() in lead for other in others)


def test_a_page_can_be_made_from_the_stored_document(html: str, document: dict) -> None:
    stored = json.loads(json.dumps(document))
    assert report.render(stored, dict.fromkeys(PICTURES, PIXEL)) == html


def test_what_is_unknown_or_empty_is_shown_as_such(facts: report.Facts) -> None:
    bare = facts._replace(
        comparison=dataclasses.replace(facts.comparison, missed_by_all=[]),
        cnn_errors=[],
        harris={**facts.harris, "max_relative_difference": 0.0},
        seconds=dict.fromkeys(MODELS),
    )
    text = Page(report.render(report.document(bare), {})).text
    assert "0 test images are missed by all four models." in text
    assert "equal to the last bit" in text
    assert not re.search(r"\d s\b", text)


def test_text_from_outside_cannot_become_markup(facts: report.Facts) -> None:
    hostile = "<script>alert(1)</script>"
    assets = {hostile: {"run_id": hostile, "data_version": hostile, "code_version": None, "seconds": 1.0}}
    page = Page(report.render(report.document(facts._replace(assets=assets, versions={"numpy": hostile})), {}))
    assert "script" not in {tag for tag, _ in page.elements}
    assert hostile in page.text


def test_a_number_that_is_missing_stops_the_page_and_does_not_leave_a_gap(document: dict) -> None:
    import jinja2

    incomplete = {**document, "harris": {}}
    with pytest.raises(jinja2.UndefinedError, match="max_relative_difference"):
        report.render(incomplete, {})


@pytest.mark.parametrize(
    "reference",
    [
        "<img src='https://example.org/x.png'>",
        "<link href=x.css>",
        '<script src = "x.js"></script>',
        '<img srcset="//example.org/x.png 2x">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(x.png) }</style>",
        "<script>fetch('http://example.org')</script>",
    ],
)
def test_a_reference_that_leaves_the_page_is_counted(reference: str) -> None:
    inside = '<a href="#data">x</a><img src="data:image/png;base64,AA=="><link rel="icon" href="data:,">'
    assert report.num_outside_references(inside) == 0
    assert report.num_outside_references(inside + reference) >= 1
