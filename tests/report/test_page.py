"""The page is well formed and accessible, contains all that it needs, and shows no number but those of the document."""

import base64
import dataclasses
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder

import jinja2
import numpy as np
import pytest
from markupsafe import Markup, escape
from PIL import Image

from mnist_pipeline.data import datasets
from mnist_pipeline.data.catalogue import KNOWN, MNIST, DataSet
from mnist_pipeline.data.datasets import CLASS_NAMES
from mnist_pipeline.evaluation import robustness, scores
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import document, page
from mnist_pipeline.report.document import Values
from mnist_pipeline.report.figures.style import COLORS

VOID_ELEMENTS = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
NOT_READ = {"style", "script", "svg", "math", "head", "pre"}
SPOKEN = ("alt", "aria-label", "aria-valuetext", "data-label", "title")
HOSTILE = "<script>alert(1)</script>"
LEARNING = [name for name, model in MODELS.items() if model.has_learning_curves]
CHARTS = (
    *("accuracies", "eigenvalues_linear", "eigenvalues_logarithmic", "share", "scatter"),
    *("gradients_corner", "gradients_edge", "gradients_flat", "votes"),
    *(name for model in LEARNING for name in (f"reliability_{model}", f"{model}_loss", f"{model}_accuracy")),
    *("corruptions", *(f"robustness_{name}" for name in robustness.DISTURBANCES if name not in robustness.CORRUPTED)),
)
# The digits on the page that are not results, each with the text around it.
OWN_NUMBERS = (
    *("28×28 pixels", "0 (paper) to 255 (ink)", "3×3 window", "3 − 5 became 254"),
    *("1. Centre", "2. Covariance", "3. Eigenvalues", "4. Project", "5. Reconstruct", "80% to 95%"),
    *("2019 notebook", "95% interval", "0.05 ÷", "F1", "SHA-256", "a vector with a 1 at", "derivatives are and 1:"),
    "is 1 if and 0 otherwise",
)


class Page(HTMLParser):
    """The page as a tree, in which every element must be closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._tree = TreeBuilder()
        self.feed(html)
        self.close()
        assert self._open == []
        self.root = self._tree.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"<{tag}> repeats an attribute"
        self._tree.start(tag, {name: value or "" for name, value in attrs})
        self._open.append(tag)
        if tag in VOID_ELEMENTS:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._tree.end(tag)

    def handle_data(self, data: str) -> None:
        if self._open:
            self._tree.data(data)

    @property
    def text(self) -> str:
        """The text that can be read, without charts and formulas."""
        return " ".join(" ".join(_read(self.root)).split())

    @property
    def spoken(self) -> str:
        """The text that only a screen reader reads."""
        shown = (element for element in self.root.iter() if element.tag not in NOT_READ)
        return "\n".join(element.attrib[name] for element in shown for name in SPOKEN if name in element.attrib)

    def attributes(self, tag: str | None, name: str) -> list[str]:
        return [element.attrib[name] for element in self.root.iter(tag) if name in element.attrib]

    def of_class(self, tag: str, name: str) -> list[Element]:
        return [element for element in self.root.iter(tag) if name in element.attrib.get("class", "").split()]


def _read(element: Element) -> Iterator[str]:
    if element.tag not in NOT_READ:
        yield element.text or ""
        for child in element:
            yield from _read(child)
    yield element.tail or ""


@pytest.fixture(scope="module")
def html(composed: dict[str, Any], values: Values) -> str:
    return page.render(composed, values)


@pytest.fixture(scope="module")
def found(html: str) -> Page:
    return Page(html)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a page, and has its own tests."""
    monkeypatch.setattr(page, "draw_charts", lambda document, values: dict.fromkeys(CHARTS, "<svg></svg>"))


# Form and accessibility


def test_each_identifier_is_unique_and_each_reference_to_one_finds_it(html: str, found: Page) -> None:
    identifiers = found.attributes(None, "id")
    assert len(identifiers) == len(set(identifiers))
    referred: list[str] = []
    for name, value in ((name, value) for element in found.root.iter() for name, value in element.attrib.items()):
        if name in {"aria-labelledby", "aria-describedby", "for"}:
            referred += value.split()
        elif name in {"href", "xlink:href"} and value.startswith("#"):
            referred.append(value[1:])
        else:
            referred += re.findall(r"url\(#([^)]*)\)", value)
    assert len(referred) > 100
    fetched = re.findall(r'getElementById\("([^"]+)"\)|\[id="([^"$]+)"\]', html)
    assert set(referred) | {first or second for first, second in fetched} <= set(identifiers)


def test_headings_descend_one_level_at_a_time(found: Page) -> None:
    levels = [int(element.tag[1]) for element in found.root.iter() if element.tag in {"h1", "h2", "h3", "h4"}]
    assert levels.count(1) == 1 == levels[0]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_section_is_reached_from_the_contents(found: Page) -> None:
    (contents,) = found.root.iter("nav")
    linked = [link.attrib["href"][1:] for link in contents.iter("a")]
    assert found.attributes("section", "aria-labelledby") == ["summary", *linked]


def test_every_figure_has_a_caption_and_every_chart_a_description(found: Page) -> None:
    for figure in found.root.iter("figure"):
        (caption,) = figure.iter("figcaption")
        assert re.fullmatch(r"[A-Z0-9].{20,}\.", " ".join("".join(caption.itertext()).split()))
    figures = found.of_class("figure", "chart")
    assert {figure.attrib["id"] for figure in figures} == {f"figure-{name}" for name in CHARTS}
    for figure in figures:
        (drawing,) = (element for element in figure.iter("div") if element.attrib.get("class") == "drawing")
        assert drawing.attrib["role"] == "img"
        assert drawing.attrib["aria-label"]
        assert next(drawing.iter("svg")).find(".//path") is not None


def test_every_image_control_and_table_has_a_name_or_headers(found: Page) -> None:
    assert len(found.attributes("img", "alt")) == len(list(found.root.iter("img"))) > 80
    assert all(found.attributes("img", "alt"))
    for sprite in found.of_class("span", "sprite"):
        assert "hidden" in sprite.attrib or sprite.attrib["aria-label"]
    assert found.attributes("input", "id") == ["k"]
    assert "k" in found.attributes("label", "for")
    assert all(button.attrib["aria-label"] for button in found.root.iter("button"))
    for table in found.root.iter("table"):
        assert {header.attrib["scope"] for header in table.iter("th")} <= {"row", "col"}
        assert table.find(".//th") is not None


# Colours

# Of linear RGB: to LMS (B. Ottosson, "Oklab", 2020), and as seen without red and without green cones (G. M. Machado et
# al., 2009). Oklab itself is linear in the cube root of LMS.
LMS = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]])
OKLAB = np.array([[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]])
VISIONS = {
    "all cones": np.eye(3),
    "no red": np.array([[0.15229, 1.05258, -0.20487], [0.11450, 0.78628, 0.09922], [-0.00388, -0.04812, 1.05200]]),
    "no green": np.array([[0.36732, 0.86065, -0.22797], [0.28009, 0.67250, 0.04741], [-0.01182, 0.04294, 0.96888]]),
}


def _least_distance(colors: list[str]) -> float:
    """The distance of the two colours that are hardest to tell apart, in Oklab, with any of the visions."""
    levels = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in colors]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    distances = []
    for vision in VISIONS.values():
        seen = np.cbrt(np.clip(linear @ vision.T, 0, 1) @ LMS.T) @ OKLAB.T
        distances += [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]
    return float(min(distances))


def test_the_colours_of_both_themes_are_told_apart_as_well_as_those_made_for_colour_blind_readers(html: str) -> None:
    found = [color for place in range(len(COLORS)) for color in re.findall(rf"--series-{place}: (#\w{{6}});", html)]
    assert len(found) == 2 * len(COLORS)
    for theme in (found[::2], found[1::2]):
        assert _least_distance(theme) >= _least_distance(COLORS)


# Self-containment and escaping


def test_the_page_refers_to_nothing_outside_itself(html: str, found: Page) -> None:
    assert page.num_outside_references(html) == 0
    names = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href"}
    references = [value for element in found.root.iter() for name, value in element.attrib.items() if name in names]
    assert len(references) > 100
    assert all(reference.startswith(("data:", "#")) for reference in references)
    assert not {"iframe", "object", "embed", "base"} & {element.tag for element in found.root.iter()}
    html = re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))|\bfetch\(|XMLHttpRequest|\bimport\b", html)


@pytest.mark.parametrize(
    "reference",
    [
        '<img src="//example.org/x.png">',
        "<link href=x.css>",
        '<svg><use xlink:href="other.svg#mark"/></svg>',
        '<script src = "x.js"></script>',
        '<img srcset="//example.org/x.png 2x">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(x.png) }</style>",
        '<style>p { background: url( "//example.org/x.png" ) }</style>',
        "<script>fetch('http://example.org')</script>",
    ],
)
def test_a_reference_that_leaves_the_page_is_counted(reference: str) -> None:
    inside = '<a href="#data">x</a><img src="data:image/png;base64,AA=="><p style="fill: url(#a)"><link href="data:,">'
    assert page.num_outside_references(inside) == 0
    assert page.num_outside_references(inside + reference) >= 1


@pytest.mark.usefixtures("without_charts")
def test_names_from_outside_cannot_become_markup(composed: dict[str, Any], values: Values) -> None:
    hostile = composed | {
        "run": {**composed["run"], "source": HOSTILE, "id": HOSTILE},
        "files": [{"name": HOSTILE, "size": 1, "sha256": HOSTILE}],
        "versions": {"numpy": HOSTILE},
        "machine": {**composed["machine"], "processor": HOSTILE, "accelerator": HOSTILE},
    }
    rendered = Page(page.render(hostile, values))
    assert [script.attrib.get("type") for script in rendered.root.iter("script")] == ["application/json", None]
    assert rendered.text.count(HOSTILE) >= 6


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("name", ["</script><b>", "<!-- <script>"])
def test_names_cannot_end_the_data_of_the_script(name: str, values: Values) -> None:
    names = (name, *CLASS_NAMES[1:])
    named = values._replace(data_set=dataclasses.replace(MNIST, class_names=names))
    html = page.render(document.compose(named), values)
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(data)["names"] == list(names)
    assert not re.search(r"<[/!s]", data)
    Page(html)


# Numbers: the same as in the document, and no others


class _Traced:
    """A value of the document that is marked wherever it is written, also after arithmetic."""

    def __html__(self) -> Markup:
        return escape(str(self))


class _TracedInt(_Traced, int):
    def __str__(self) -> str:
        return f"⟦{int(self)}⟧"

    def __format__(self, form: str) -> str:
        return f"⟦{int(self):{form}}⟧"


class _TracedFloat(_Traced, float):
    def __str__(self) -> str:
        return f"⟦{float(self)}⟧"

    def __format__(self, form: str) -> str:
        return f"⟦{float(self):{form}}⟧"


class _TracedStr(_Traced, str):
    def __str__(self) -> str:
        return f"⟦{str.__str__(self)}⟧"

    def __getitem__(self, key: Any) -> str:
        return _TracedStr(super().__getitem__(key))

    def replace(self, *args: Any) -> str:
        return _TracedStr(super().replace(*args))


class _TracedList(list[Any]):
    """A list of the document, whose length is a number of the document."""


class _TracedDict(dict[Any, Any]):
    """A mapping of the document, likewise."""


def _arithmetic(name: str) -> Callable[..., Any]:
    return lambda self, *others: _TracedFloat(getattr(float, name)(float(self), *map(float, others)))


for _name in ("add", "radd", "mul", "rmul", "sub", "rsub", "truediv", "rtruediv"):
    for _kind in (_TracedInt, _TracedFloat):
        setattr(_kind, f"__{_name}__", _arithmetic(f"__{_name}__"))


def _traced(value: Any) -> Any:
    if isinstance(value, dict):
        return _TracedDict({_traced(key): _traced(part) for key, part in value.items()})
    if isinstance(value, list):
        return _TracedList(map(_traced, value))
    if isinstance(value, bool) or value is None or (isinstance(value, str) and not re.search(r"\d", value)):
        return value
    return {int: _TracedInt, float: _TracedFloat, str: _TracedStr}[type(value)](value)


def _tracing(write: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that marks what it writes of a traced value."""
    plain = {_TracedInt: int, _TracedFloat: float}

    def filtered(*args: Any) -> Any:
        written = write(*(plain.get(type(arg), lambda arg: arg)(arg) for arg in args))
        return _TracedStr(written) if any(isinstance(arg, _Traced) for arg in args) else written

    return filtered


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Mark the numbers of the document that the filters of the page write."""
    filters = {name: _tracing(write) for name, write in page.FILTERS.items()}
    filters["format"] = _tracing(lambda form, *args: form % args)
    filters["float"] = lambda value: _TracedFloat(str.__str__(value))
    filters["length"] = lambda value: (_TracedInt if isinstance(value, _TracedList | _TracedDict) else int)(len(value))
    monkeypatch.setattr(page, "FILTERS", filters)
    page._environment.cache_clear()
    yield
    page._environment.cache_clear()


def _own_numbers(text: str) -> list[str]:
    """Digits that do not come from the document, with the text around them."""
    text = re.sub(r"⟦[^⟧]*⟧", "", text)
    for phrase in OWN_NUMBERS:
        text = text.replace(phrase, "")
    return re.findall(r".{,30}\d.{,30}", text)


@pytest.mark.usefixtures("without_charts", "tracing")
@pytest.mark.parametrize("best", MODELS)
def test_every_number_of_the_page_comes_from_the_document(best: str, composed: dict[str, Any], values: Values) -> None:
    scores = composed["comparison"]["models"]
    ranked = {**composed["comparison"], "models": {best: scores[best], **scores}}
    marked = Page(page.render(_traced({**composed, "comparison": ranked}), values))
    assert marked.text.count("⟦") > 500
    assert _own_numbers(marked.text) == []
    numbered = {"eigenvector": 20, "kernel": 32}
    ordinals = [f"{name} {place + 1}" for name, count in numbered.items() for place in range(count)]
    assert _own_numbers(marked.spoken) == ordinals


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize(
    "path",
    [
        ("data", "never_inked"),
        ("harris", "places", "edge", "response"),
        ("models", "cnn", "calibration", "expected_error"),
        ("notebook", "knn", "accuracy"),
    ],
)
def test_a_number_that_is_missing_stops_the_page(
    path: tuple[str, ...], composed: dict[str, Any], values: Values
) -> None:
    incomplete = part = json.loads(json.dumps(composed))
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]
    with pytest.raises((jinja2.UndefinedError, KeyError, TypeError)):
        page.render(incomplete, values)


def test_the_page_shows_the_scores_of_each_model(found: Page, composed: dict[str, Any]) -> None:
    for model, measured in composed["models"].items():
        low, high = (100 * end for end in measured["interval"])
        row = f"{MODELS[model].title} {measured['accuracy']:.2%} {low:.2f}– {high:.2f}% {measured['errors']}"
        assert found.text.count(row) == 1
        for measure in ("precision", "recall", "f1"):
            assert all(f"{100 * value:.1f}" in found.text for value in measured[measure])
    for k, share in composed["pca"]["explained_share"].items():
        assert re.search(rf"k = {k}: {share:.1%}.*{composed['pca']['test_rmse'][k]:.1f}", found.spoken)
    best = MODELS[next(iter(composed["comparison"]["models"]))].title
    assert best.lower() in " ".join(found.of_class("p", "lead")[0].itertext())
    marked = [" ".join(row.itertext()).split() for row in found.of_class("tr", "best")]
    assert [" ".join(row).startswith(best) for row in marked[:2]] == [True, True]


def test_a_cell_of_a_confusion_matrix_opens_as_many_errors_as_it_shows(html: str, found: Page) -> None:
    (data,) = re.findall(r'id="page-data">(.*?)</script>', html, re.DOTALL)
    matrices = {figure.attrib["data-model"]: figure for figure in found.of_class("figure", "confusion")}
    assert set(matrices) == set(MODELS)
    for model, figure in matrices.items():
        buttons = list(figure.iter("button"))
        places = [(int(button.attrib["data-true"]), int(button.attrib["data-predicted"])) for button in buttons]
        cells = {place: int(button.text or "") for place, button in zip(places, buttons)}
        pairs = [(truth, predicted) for _, truth, predicted, _ in json.loads(data)["errors"][model]]
        assert cells == {pair: pairs.count(pair) for pair in pairs}


def test_each_sprite_shows_the_image_that_its_label_names(html: str, found: Page, values: Values) -> None:
    uri, size = re.findall(r'\.sprite\.test { background-image: url\("([^"]*)"\); background-size: (\S+)%', html)[0]
    atlas = _decoded(uri)
    columns, rows = atlas.shape[1] // 28, atlas.shape[0] // 28
    assert int(size) == 100 * columns
    sprites = [sprite for sprite in found.of_class("span", "test") if "style" in sprite.attrib]
    assert len(sprites) > 20
    for sprite in sprites:
        index = int(re.findall(r"test image (\d+)", sprite.attrib["aria-label"])[0])
        x, y = map(float, re.findall(r"([\d.]+)%", sprite.attrib["style"]))
        column, row = round(x / 100 * (columns - 1)), round(y / 100 * (rows - 1))
        shown = atlas[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        np.testing.assert_array_equal(shown, 255 - values.test_digits.images[index])


def test_the_digits_are_in_the_page_to_the_last_grey_level(found: Page, values: Values) -> None:
    sources = [_decoded(source) for source in found.attributes("img", "src")[:20]]
    for drawn in (*values.digit_images, *np.rint(datasets.class_means(values.train_digits))):
        assert any(np.array_equal(source, 255 - drawn) for source in sources)


def _decoded(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_page_can_be_made_from_the_stored_document(html: str, composed: dict[str, Any], values: Values) -> None:
    assert page.render(json.loads(json.dumps(composed)), values) == html


# Other data and missing facts


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_page_of_another_data_set_says_what_its_images_show(known: DataSet, values: Values) -> None:
    composed = document.compose(values._replace(data_set=known))
    assert composed["notebook"] == {}
    found = Page(page.render(composed, values))
    assert next(found.root.iter("h1")).text == known.heading
    assert "notebook" not in found.text
    if known.noun != "digit":
        assert "digit" not in found.text
    if not known.handwritten:
        text = found.text.replace(robustness.DISTURBANCES["stroke"].title, "").lower()
        assert not re.search("stroke|writer|written", text.replace("width of strokes", ""))
    assert all(name in found.text for name in known.class_names)


def test_models_without_an_error_have_a_page(values: Values) -> None:
    labels = values.test_digits.labels
    predictions = {model: found._replace(labels=labels) for model, found in values.predictions.items()}
    perfect = scores.evaluate(labels, labels, 10)
    evaluations = {
        model: dataclasses.replace(perfect, calibration=measured.calibration)
        for model, measured in values.evaluations.items()
    }
    values = values._replace(
        predictions=predictions,
        evaluations=evaluations,
        model_comparison=scores.compare(labels, dict.fromkeys(MODELS, labels), evaluations),
        champion=dataclasses.replace(values.champion, errors=0, accuracy=1.0, labels=labels.tolist()),
    )
    html = page.render(document.compose(values), values)
    found = Page(html)
    assert not found.of_class("figure", "misled")
    assert not any(list(figure.iter("button")) for figure in found.of_class("figure", "confusion"))
    assert not re.search(r"\bnan\b", html)


@pytest.mark.usefixtures("without_charts")
def test_facts_that_are_unknown_or_rare_are_shown_as_such(values: Values, found: Page) -> None:
    unscored = {
        name: model._replace(validation_accuracy=np.full(1, np.nan)) if name in ("mlp", "cnn") else model
        for name, model in values.models.items()
    }
    bare = document.compose(
        values._replace(
            harris_corners=values.harris_corners._replace(gram_difference=np.full(10, 1.3e-16)),
            run={**values.run, "canonical": False},
            models=unscored,
        )
    )
    text = Page(page.render(bare | {"machine": {**bare["machine"], "accelerator": "Loom 3"}}, values)).text
    assert text.count("Loom 3") == 2
    for phrase, times in {"cannot be compared": 1, "none were held out": 2}.items():
        assert text.count(phrase) == times
        assert phrase not in found.text
    assert ("equal to the last bit" in text, "equal to the last bit" in found.text) == (False, True)
