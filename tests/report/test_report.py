"""The report: one document of every number, and one page with everything inside it that shows no other number."""

from __future__ import annotations

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

from mnist_pipeline import evaluation, harris, models, pca, robustness
from mnist_pipeline.data.catalogue import KNOWN, MNIST, DataSet
from mnist_pipeline.data.datasets import CLASS_NAMES, DigitSet, class_means, first_of_each_class
from mnist_pipeline.report import charts, document, page, words
from mnist_pipeline.report.document import Facts, Images

MODELS = ("knn", "softmax", "mlp", "cnn")
MODEL_TITLES = {model: models.MODELS[model].title for model in MODELS}
KS = [2, 3, 5, 10, 20, 50, 100]
NUM_TRAIN, NUM_TEST = 2_000, 500
VOID_ELEMENTS = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
HIDDEN = {"style", "script", "svg", "math", "head"}
TOLD = ("alt", "aria-label", "aria-valuetext", "data-told", "title")
HEADINGS = ("Centre", "Covariance", "Eigenvalues and eigenvectors", "Project on two components", "Reconstruct")
HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """What a browser would find, as a tree in which every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._tree = TreeBuilder()
        self.feed(html)
        self.close()
        assert self._open == [], f"never closed: {self._open}"
        self.root = self._tree.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attributes}) == len(attributes), f"<{tag}> repeats an attribute"
        self._tree.start(tag, {name: value or "" for name, value in attributes})
        if tag in VOID_ELEMENTS:
            self._tree.end(tag)
        else:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tree.start(tag, {name: value or "" for name, value in attributes})
        self._tree.end(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag
        self._tree.end(tag)

    def handle_data(self, text: str) -> None:
        if self._open:
            self._tree.data(text)

    @property
    def text(self) -> str:
        """What can be read, without charts and formulas."""
        return _squeezed(" ".join(_read(self.root)))

    @property
    def told(self) -> str:
        """What a screen reader says beyond that."""
        shown = (element for element in self.root.iter() if element.tag not in HIDDEN)
        return "\n".join(element.attrib[name] for element in shown for name in TOLD if name in element.attrib)

    def identifiers(self) -> list[str]:
        return [element.attrib["id"] for element in self.root.iter() if "id" in element.attrib]

    def attributes(self, tag: str, name: str) -> list[str]:
        return [element.attrib[name] for element in self.root.iter(tag) if name in element.attrib]


def _read(element: Element) -> Iterator[str]:
    if element.tag not in HIDDEN:
        yield element.text or ""
        for child in element:
            yield from _read(child)
    yield element.tail or ""


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def digits(small_train: DigitSet) -> np.ndarray:
    return first_of_each_class(small_train)


@pytest.fixture(scope="module")
def components(small_train: DigitSet) -> tuple[np.ndarray, np.ndarray, pca.Eigendecomposition]:
    """Mean, covariance and its eigendecomposition."""
    mean = pca.mean(small_train.images)
    covariance = pca.covariance(pca.center(small_train.images, mean))
    return mean, covariance, pca.eigendecomposition(covariance)


def made_up_across() -> dict[str, list[Any]]:
    """Two data sets, as the asset that compares them gives them: the second one harder by a tenth."""
    rows = [
        (name, title, model, errors, 500)
        for name, title, more in (("mnist", "MNIST", 0), ("fashion-mnist", "Fashion-MNIST", 50))
        for model, errors in (("cnn", 5 + more), ("mlp", 9 + more), ("knn", 14 + more), ("softmax", 40 + more))
    ]
    low, high = zip(*(evaluation.wilson_interval(total - errors, total) for *_, errors, total in rows), strict=True)
    names, titles, models, errors, totals = (list(column) for column in zip(*rows, strict=True))
    return {
        "data_set": names,
        "title": titles,
        "model": models,
        "accuracy": [1 - wrong / total for wrong, total in zip(errors, totals, strict=True)],
        "interval_low": list(low),
        "interval_high": list(high),
        "errors": errors,
        "total": totals,
    }


def made_up_robustness() -> dict[str, list[Any]]:
    """Models that read 97% to 100% undisturbed, and less the further an amount is from that."""
    rows = [
        (name, float(amount), model, 1 - 0.01 * place - (0.1 + 0.02 * place) * abs(amount - found.neutral) / width, 250)
        for name, found in robustness.DISTURBANCES.items()
        for width in [max(found.amounts) - min(found.amounts)]
        for place, model in enumerate(reversed(MODELS))
        for amount in found.amounts
    ]
    return dict(zip(("disturbance", "amount", "model", "accuracy", "count"), map(list, zip(*rows))))


@pytest.fixture(scope="module")
def facts(small_train: DigitSet, small_test: DigitSet, digits: np.ndarray, components: tuple[Any, Any, Any]) -> Facts:
    """As the asset collects them, from made-up predictions."""
    generator = np.random.default_rng(0)
    mean, _, (values, vectors) = components
    true = small_test.labels
    predictions, probabilities = {}, {}
    for model, share in zip(MODELS, (0.03, 0.08, 0.02, 0.01)):
        shift = np.where(generator.random(NUM_TEST) < share, generator.integers(1, 10, NUM_TEST), 0)
        predictions[model] = ((true + shift) % 10).astype(np.uint8)
        predictions[model][:2] = (true[:2] + 1) % 10  # missed by all
        sure = generator.uniform(0.55, 1, NUM_TEST)
        probabilities[model] = np.repeat((1 - sure)[:, None] / 9, 10, axis=1)
        probabilities[model][np.arange(NUM_TEST), predictions[model]] = sure
    del probabilities["knn"]
    evaluations = {
        model: evaluation.evaluate(true, labels, 10, probabilities.get(model)) for model, labels in predictions.items()
    }
    comparison = evaluation.compare(true, predictions, evaluations)
    best = next(iter(comparison.models))
    responses = np.stack([harris.corner_response(image) for image in digits])
    corners = np.stack([harris.corners(response) for response in responses])
    neighbors = generator.integers(0, NUM_TRAIN, (NUM_TEST, 10))
    shown = document.scattered(small_train.labels, 20)
    points = pca.project(small_train.images[shown], mean, vectors[:, :2])
    epochs = np.arange(1, 6)
    return Facts(
        run={"id": "0f3a" * 9, "started": "2026-03-04T05:06:07+00:00", "source": "MNIST", "canonical": True},
        files=[{"name": "train-images-idx3-ubyte.gz", "size": 9_912_422, "sha256": "440fcabf" * 8}],
        data_set=MNIST,
        train_labels=small_train.labels,
        test_labels=true,
        mean=mean,
        eigenvalues=values,
        scatter={
            "index": shown.tolist(),
            "label": small_train.labels[shown].tolist(),
            "x": points[:, 0].tolist(),
            "y": points[:, 1].tolist(),
        },
        reconstruction={
            "k": KS,
            "explained_share": pca.explained_share(values)[np.array(KS) - 1].tolist(),
            "test_rmse": [70.1, 65.2, 60.3, 50.4, 40.5, 30.6, 20.7],
        },
        harris={
            "corners": np.count_nonzero(corners, axis=(1, 2)).tolist(),
            "difference": [1.3e-16] * 10,
            "centering_change": [harris.centering_change(*pair) for pair in zip(digits, corners)],
        },
        places=harris.places(digits[4], responses[4]),
        place_digit=4,
        num_neighbors=3,
        neighbors=neighbors,
        neighbor_labels=small_train.labels[neighbors],
        squared_distances=np.sort(generator.integers(1_000_000, 9_000_000, (NUM_TEST, 10)), axis=1),
        accuracy_by_k={"k": [1, 2, 3], "nearest": [0.9691, 0.9691, 0.9717], "smallest": [0.9691, 0.9627, 0.9705]},
        curves={
            "softmax": {"loss": (1 / epochs).tolist(), "accuracy": (1 - 0.1 / epochs).tolist()},
            "mlp": {
                "loss": (0.5 / epochs).tolist(),
                "accuracy": (1 - 0.2 / epochs).tolist(),
                "held_out_accuracy": (1 - 0.3 / epochs).tolist(),
            },
            "cnn": {
                "loss": (0.7 / epochs).tolist(),
                "accuracy": (1 - 0.05 / epochs).tolist(),
                "held_out_accuracy": (1 - 0.1 / epochs).tolist(),
            },
        },
        gradient_error=4.7e-10,
        layers={
            "mlp": [
                {"layer": "Linear", "output": "512", "parameters": 401_920},
                {"layer": "Linear", "output": "10", "parameters": 5_130},
            ],
            "cnn": [{"layer": "Conv2d", "output": "32 × 24 × 24", "parameters": 832}],
        },
        predictions=predictions,
        probabilities=probabilities,
        evaluations=evaluations,
        comparison=comparison,
        robustness=made_up_robustness(),
        champion=evaluation.Champion(
            best, evaluations[best].accuracy, evaluations[best].errors, predictions[best].tolist()
        ),
        across=made_up_across(),
        seconds={"knn": 4.3, "softmax": 3.5, "mlp": 121.0, "cnn": None},
        assets={
            "raw_mnist": {
                "run_id": "9" * 36,
                "data_version": "abcdef" * 10,
                "code_version": "1f" * 8,
                "seconds": 0.375,
                "config": None,
                "seed": None,
            },
            "cnn_model": dict.fromkeys(("run_id", "data_version", "code_version", "seconds", "config", "seed")),
        },
        versions={"dagster": "1.13.2", "numpy": "2.4.6"},
        machine={
            "processor": "Abacus 9000",
            "cores": 6,
            "memory_gb": 12.5,
            "system": "Linux x86_64",
            "python": "3.11.7",
            "accelerator": None,
        },
    )


@pytest.fixture(scope="module")
def images(
    small_train: DigitSet,
    small_test: DigitSet,
    digits: np.ndarray,
    components: tuple[np.ndarray, np.ndarray, pca.Eigendecomposition],
) -> Images:
    mean, covariance, (_, vectors) = components
    projected = pca.project(digits, mean, vectors)
    back = [pca.reconstruct(projected[:, :k], mean, vectors[:, :k]).reshape(digits.shape) for k in KS]
    generator = np.random.default_rng(1)
    return Images(
        train=small_train.images,
        test=small_test.images,
        digits=digits,
        class_means=class_means(small_train),
        mean=mean,
        covariance=covariance,
        eigenvectors=vectors,
        reconstructions=np.stack(back),
        corners=np.stack([harris.corners(harris.corner_response(image)) for image in digits]),
        templates=generator.normal(size=(10, 784)),
        kernels=generator.normal(size=(32, 5, 5)),
    )


@pytest.fixture(scope="module")
def composed(facts: Facts) -> dict[str, Any]:
    return document.compose(facts)


@pytest.fixture(scope="module")
def html(composed: dict[str, Any], images: Images) -> str:
    return page.render(composed, images)


@pytest.fixture(scope="module")
def found(html: str) -> Page:
    return Page(html)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a page, and has its own tests."""
    monkeypatch.setattr(charts, "draw", lambda document, images: dict.fromkeys(CHARTS, "<svg></svg>"))


CHARTS = (
    *("accuracies", "mean", "covariance", "eigenvalues_linear", "eigenvalues_logarithmic", "share", "scatter"),
    *("gradients_corner", "gradients_edge", "gradients_flat", "votes"),
    *(f"{model}_{kind}" for model in ("softmax", "mlp", "cnn") for kind in ("loss", "accuracy")),
    *(f"reliability_{model}" for model in ("softmax", "mlp", "cnn")),
    *(f"robustness_{name}" for name in robustness.DISTURBANCES),
    "across",
)


# The document


def test_the_document_is_strict_json_and_comes_back_the_same(composed: dict[str, Any]) -> None:
    assert json.loads(json.dumps(composed, allow_nan=False)) == composed


def test_the_document_holds_the_figures_of_each_model(composed: dict[str, Any], facts: Facts) -> None:
    assert (composed["data"]["train"], composed["data"]["test"]) == (NUM_TRAIN, NUM_TEST)
    assert list(map(sum, composed["data"]["class_counts"].values())) == [NUM_TRAIN, NUM_TEST]
    for model in MODELS:
        expected = {**dataclasses.asdict(facts.evaluations[model]), "seconds": facts.seconds[model]}
        assert composed["models"][model] == expected
    assert composed["models"]["knn"]["calibration"] is None
    assert sum(composed["models"]["cnn"]["calibration"]["counts"]) == NUM_TEST
    told = {name: value for name, value in dataclasses.asdict(facts.champion).items() if name != "labels"}
    assert composed["champion"] == told
    assert list(composed["comparison"]["models"]) == list(facts.comparison.models)
    assert len(composed["comparison"]["pairs"]) == 6
    assert composed["networks"]["mlp"]["parameters"] == 401_920 + 5_130
    assert composed["softmax"]["gradient_error"] == facts.gradient_error
    assert composed["run"]["seconds"] == 0.375
    assert composed["run"]["assets"] == 2


def test_the_document_holds_the_principal_components(composed: dict[str, Any], facts: Facts) -> None:
    found = composed["pca"]
    assert found["eigenvalues"] == facts.eigenvalues.tolist()
    assert found["total_variance"] == pytest.approx(sum(found["eigenvalues"]))
    assert found["share_of_two"] == pytest.approx(sum(found["share_of_component"][:2]))
    assert list(found["explained_share"]) == list(found["test_rmse"]) == [str(k) for k in KS]
    assert list(found["explained_share"].values()) == facts.reconstruction["explained_share"]
    assert list(found["test_rmse"].values()) == facts.reconstruction["test_rmse"]
    shares = pca.explained_share(facts.eigenvalues)
    for share, count in found["components_for_share"].items():
        assert shares[count - 2] < float(share) <= shares[count - 1]
        at = found["at_component"][share]
        assert at["left"] == 784 - count
        assert at["share_of_next"] == pytest.approx(shares[count] - shares[count - 1])
        assert at["times_smaller_than_first"] == facts.eigenvalues[0] / facts.eigenvalues[count - 1] >= 1


def test_a_share_that_takes_every_component_leaves_nothing(facts: Facts) -> None:
    equal = facts._replace(eigenvalues=np.ones(4))
    at = document.compose(equal)["pca"]["at_component"]["0.95"]
    assert at == {"share_of_next": 0, "times_smaller_than_first": 1, "left": 0}


def test_the_document_holds_the_three_places_of_harris(composed: dict[str, Any], facts: Facts) -> None:
    found = composed["harris"]
    assert found["num_corners"] == sum(facts.harris["corners"])
    assert found["max_relative_difference"] == 1.3e-16
    assert list(found["places"]) == ["corner", "edge", "flat"]
    for name, place in found["places"].items():
        gradients = np.array(place["gradients"])
        assert gradients.shape == (9, 2)
        vectors = np.array(place["eigenvectors"])
        np.testing.assert_allclose(
            vectors @ np.diag(place["eigenvalues"]) @ vectors.T, gradients.T @ gradients, atol=1e-6
        )
        assert (place["row"], place["column"]) == facts.places[name][:2]


@pytest.mark.parametrize("model", MODELS)
def test_the_errors_of_a_model_are_all_that_it_gets_wrong(model: str, composed: dict[str, Any], facts: Facts) -> None:
    errors = composed["errors"][model]
    assert len(errors) == composed["models"][model]["errors"]
    indices = [error["index"] for error in errors]
    assert indices == np.flatnonzero(facts.predictions[model] != facts.test_labels).tolist()
    for error in errors:
        index = error["index"]
        assert error["true_label"] == facts.test_labels[index]
        assert error["predicted_label"] == facts.predictions[model][index]
        assert ("probability" in error) == (model != "knn")
        if model != "knn":
            said = facts.probabilities[model][index]
            assert error["probability"] == said[error["predicted_label"]] == said.max()
            assert error["true_probability"] == said[error["true_label"]]


def test_what_all_models_miss_is_told_with_what_each_said(composed: dict[str, Any], facts: Facts) -> None:
    compared = composed["comparison"]
    assert compared["missed_by_all"][:2] == [0, 1]
    assert list(compared["missed_by_all_said"]) == list(compared["models"])
    for place, index in enumerate(compared["missed_by_all"]):
        assert compared["missed_by_all_labels"][place] == facts.test_labels[index]
        for model, said in compared["missed_by_all_said"].items():
            assert said[place] == facts.predictions[model][index] != facts.test_labels[index]


def test_the_document_holds_what_disturbances_do_to_each_model(composed: dict[str, Any], facts: Facts) -> None:
    found = composed["robustness"]
    assert (found["num_images"], found["num_disturbances"]) == (250, 28)
    assert list(found["disturbances"]) == list(robustness.DISTURBANCES)
    for name, curve in found["disturbances"].items():
        assert curve["amounts"] == list(robustness.DISTURBANCES[name].amounts)
        assert list(curve["accuracies"]) == list(reversed(MODELS))
        neutral = curve["amounts"].index(curve["neutral"])
        assert {shares[neutral] for shares in curve["accuracies"].values()} == {1.0, 0.99, 0.98, 0.97}
    assert set(found["models"]) == set(MODELS)
    for place, model in enumerate(reversed(MODELS)):
        measured = found["models"][model]
        assert measured["undisturbed"] == 1 - 0.01 * place
        # Least at the end of an axis; of small ones, by half a pixel of two more on each side of a stroke.
        assert measured["least"] == pytest.approx(0.9 - 0.03 * place)
        assert measured["least"] < measured["mean"] < measured["small_least"] < measured["undisturbed"]


def test_each_pair_is_told_in_its_own_words(composed: dict[str, Any], facts: Facts) -> None:
    told = [pair["in_words"] for pair in composed["comparison"]["pairs"]]
    assert told == words.comparison_in_words(facts.comparison)
    assert len(set(told)) == 6


def test_the_neighbours_that_misled_are_the_nearest(composed: dict[str, Any], facts: Facts) -> None:
    misled = composed["knn"]["misled"]
    assert misled["index"] == [error["index"] for error in composed["errors"]["knn"]]
    for place, index in enumerate(misled["index"]):
        assert misled["neighbors"][place] == facts.neighbors[index, :3].tolist()
        assert misled["neighbor_labels"][place] == facts.train_labels[misled["neighbors"][place]].tolist()
        expected = np.sqrt(facts.squared_distances[index, :3])
        np.testing.assert_allclose(misled["distances"][place], expected, atol=0.05)


def test_the_document_has_no_nan_where_a_class_is_never_predicted(facts: Facts) -> None:
    one_sided = evaluation.evaluate(np.arange(10), np.zeros(10, int), 10, np.eye(10)[np.zeros(10, int)])
    faultless = evaluation.evaluate(np.zeros(5, int), np.zeros(5, int))
    evaluations = {"knn": one_sided, "softmax": one_sided, "mlp": faultless, "cnn": faultless}
    json.dumps(document.compose(facts._replace(evaluations=evaluations)), allow_nan=False)


def test_the_scatter_takes_as_many_of_each_class_in_ascending_order() -> None:
    labels = np.random.default_rng(0).integers(0, 10, 5_000)
    indices = document.scattered(labels, 30)
    assert np.bincount(labels[indices]).tolist() == [30] * 10
    assert (np.diff(indices) > 0).all()
    for k in range(10):
        assert indices[labels[indices] == k].tolist() == np.flatnonzero(labels == k)[:30].tolist()


def test_the_scatter_takes_all_of_a_class_with_few_images_and_none_of_an_absent_one() -> None:
    labels = np.array([0] * 9 + [2] * 3 + [0] * 9, np.uint8)
    assert document.scattered(labels, 5).tolist() == [0, 1, 2, 3, 4, 9, 10, 11]
    assert np.bincount(labels[document.scattered(labels)]).tolist() == [18, 0, 3]


# The page: its form


def test_the_page_is_well_formed(html: str, found: Page) -> None:
    assert html.startswith("<!DOCTYPE html>")
    assert found.attributes("html", "lang") == ["en"]
    assert len(list(found.root.iter("h1"))) == 1
    assert all("".join(heading.itertext()).strip() for tag in ("h2", "title") for heading in found.root.iter(tag))


def test_each_identifier_is_unique_and_each_reference_to_one_finds_it(html: str, found: Page) -> None:
    identifiers = found.identifiers()
    assert len(identifiers) == len(set(identifiers))
    referred = [
        reference
        for element in found.root.iter()
        for name, value in element.attrib.items()
        for reference in (
            value.split()
            if name in {"aria-labelledby", "aria-describedby", "for"}
            else [value[1:]]
            if name in {"href", "xlink:href"} and value.startswith("#")
            else re.findall(r"url\(#([^)]*)\)", value)
        )
    ]
    assert set(referred) <= set(identifiers)
    assert {"pca", "k", "confused-title", *(name for name in identifiers if name.startswith("clip"))} <= set(referred)
    assert len(referred) > 100
    fetched = re.findall(r'getElementById\("([^"]+)"\)|\[id="([^"$]+)"\]', html)
    assert {first or second for first, second in fetched} <= set(identifiers)


def test_headings_descend_one_level_at_a_time(found: Page) -> None:
    levels = [int(element.tag[1]) for element in found.root.iter() if element.tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_section_is_reached_from_the_contents(found: Page) -> None:
    (contents,) = found.root.iter("nav")
    linked = [link.attrib["href"][1:] for link in contents.iter("a")]
    titled = [section.attrib["aria-labelledby"] for section in found.root.iter("section")]
    assert titled == ["summary", *linked]


def test_every_figure_says_in_a_sentence_what_it_shows(found: Page) -> None:
    figures = list(found.root.iter("figure"))
    for figure in figures:
        (caption,) = figure.iter("figcaption")
        told = _squeezed("".join(caption.itertext()))
        assert re.fullmatch(r"[A-Z0-9].{25,}\.", told), told


def test_every_chart_is_drawn_and_described(found: Page) -> None:
    figures = [figure for figure in found.root.iter("figure") if "chart" in figure.attrib.get("class", "").split()]
    assert {figure.attrib["id"] for figure in figures} == {f"figure-{name}" for name in CHARTS}
    for figure in figures:
        (drawing,) = (element for element in figure.iter("div") if element.attrib.get("class") == "drawing")
        assert drawing.attrib["role"] == "img"
        assert len(drawing.attrib["aria-label"]) > 25
        (drawn,) = drawing.iter("svg")
        assert any(True for _ in drawn.iter("path"))


def test_every_image_has_a_description_of_its_own(found: Page) -> None:
    descriptions = [element.attrib.get("alt", "") for element in found.root.iter("img")]
    assert all(descriptions)
    assert len(descriptions) > 80
    sprites = [element for element in found.root.iter("span") if "sprite" in element.attrib.get("class", "").split()]
    for sprite in sprites:
        assert "hidden" in sprite.attrib or sprite.attrib["aria-label"]


def test_every_control_has_a_name_and_every_table_its_headers(found: Page) -> None:
    (slider,) = found.root.iter("input")
    assert slider.attrib["id"] in found.attributes("label", "for")
    for button in found.root.iter("button"):
        assert button.attrib["aria-label"]
    for table in found.root.iter("table"):
        headers = list(table.iter("th"))
        assert headers
        assert all(header.attrib["scope"] in {"row", "col"} for header in headers)


def test_the_page_refers_to_nothing_outside_itself(html: str, found: Page) -> None:
    assert page.num_outside_references(html) == 0
    names = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction", "xlink:href"}
    references = [value for element in found.root.iter() for name, value in element.attrib.items() if name in names]
    assert len(references) > 100
    assert all(reference.startswith(("data:", "#")) for reference in references)
    assert not {"iframe", "object", "embed", "base"} & {element.tag for element in found.root.iter()}
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))|\bfetch\(|XMLHttpRequest|\bimport\b", html)


@pytest.mark.parametrize(
    "reference",
    [
        "<img src='https://example.org/x.png'>",
        '<img src="//example.org/x.png">',
        "<link href=x.css>",
        '<svg><use xlink:href="other.svg#mark"/></svg>',
        '<script src = "x.js"></script>',
        '<img srcset="//example.org/x.png 2x">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(x.png) }</style>",
        '<style>p { background: url( "x.png" ) }</style>',
        '<style>p { background: url("//example.org/x.png") }</style>',
        "<script>fetch('http://example.org')</script>",
        "<p>https://example.org</p>",
    ],
)
def test_a_reference_that_leaves_the_page_is_counted(reference: str) -> None:
    inside = '<a href="#data">x</a><img src="data:image/png;base64,AA=="><p style="fill: url(#a)"><link href="data:,">'
    assert page.num_outside_references(inside) == 0
    assert page.num_outside_references(inside + reference) >= 1
    assert page.num_outside_references(reference + reference) > page.num_outside_references(reference)


@pytest.mark.usefixtures("without_charts")
def test_names_from_outside_cannot_become_markup(facts: Facts, images: Images) -> None:
    hostile = facts._replace(
        run={**facts.run, "source": HOSTILE, "id": HOSTILE},
        files=[{"name": HOSTILE, "size": 1, "sha256": HOSTILE}],
        versions={"numpy": HOSTILE},
        machine={**facts.machine, "processor": HOSTILE, "accelerator": HOSTILE},
    )
    rendered = Page(page.render(document.compose(hostile), images))
    assert [script.attrib.get("type") for script in rendered.root.iter("script")] == ["application/json", None]
    assert rendered.text.count(HOSTILE) >= 6
    (title,) = rendered.root.iter("title")
    assert title.text == f"Reading handwritten digits: {HOSTILE}"


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("name", ["</script><b>", "<!-- <script>"])
def test_names_cannot_end_or_prolong_the_data_of_the_script(name: str, facts: Facts, images: Images) -> None:
    names = [name, *CLASS_NAMES[1:]]
    named = dataclasses.replace(MNIST, class_names=tuple(names))
    html = page.render(document.compose(facts._replace(data_set=named)), images)
    (data,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert json.loads(data)["names"] == names
    assert not re.search(r"<[/!s]", data)  # "<!--" and "<script" let "</script>" end nothing
    Page(html)


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
def test_the_page_of_another_data_set_says_what_its_images_show(known: DataSet, facts: Facts, images: Images) -> None:
    told = document.compose(facts._replace(data_set=known, across=None))
    assert told["notebook"] == told["across"] == {}
    found = Page(page.render(told, images))
    (heading,) = found.root.iter("h1")
    assert heading.text == known.heading
    assert "notebook" not in found.text
    if known.noun != "digit":
        assert "digit" not in found.text.replace("digit_images", "")
    if not known.handwritten:
        # A disturbance has its name from what it does to a digit.
        text = re.sub("width of strokes", "", found.text, flags=re.IGNORECASE)
        assert not re.search("stroke|writer|written|a hand ", text)
    for name in known.class_names:
        assert name in found.text


def test_the_document_ranks_the_models_on_each_data_set_where_there_are_several(
    composed: dict[str, Any], facts: Facts
) -> None:
    assert list(composed["across"]) == ["mnist", "fashion-mnist"]
    assert list(composed["across"]["mnist"]["models"]) == ["cnn", "mlp", "knn", "softmax"]
    found = composed["across"]["fashion-mnist"]
    assert found["title"] == "Fashion-MNIST"
    score = found["models"]["knn"]
    assert (score["errors"], score["total"], score["accuracy"]) == (64, 500, 1 - 64 / 500)
    assert score["interval"] == list(evaluation.wilson_interval(436, 500))
    one = {name: column[:4] for name, column in (facts.across or {}).items()}
    for across in (None, one, {name: [] for name in one}):
        assert document.compose(facts._replace(across=across))["across"] == {}


# The page: what it tells


class _Traced:
    """A value of the document that leaves marks around itself wherever it is written, also after arithmetic."""

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

    def replace(self, old: str, new: str, count: Any = -1) -> str:
        return _TracedStr(super().replace(old, new, count))


class _TracedList(list[Any]):
    """A list of the document; its length is one of the document's numbers."""


class _TracedDict(dict[Any, Any]):
    """A mapping of the document."""


def _arithmetic(kind: type, name: str) -> Callable[..., Any]:
    plain = getattr(float, name)
    return lambda self, *others: _TracedFloat(plain(float(self), *map(float, others)))


for _name in ("add", "radd", "mul", "rmul", "sub", "rsub", "truediv", "rtruediv"):
    for _kind in (_TracedInt, _TracedFloat):
        setattr(_kind, f"__{_name}__", _arithmetic(_kind, f"__{_name}__"))


def _traced(value: Any) -> Any:
    """The document, each of its values traced."""
    if isinstance(value, dict):
        return _TracedDict({_traced(key): _traced(held) for key, held in value.items()})
    if isinstance(value, list):
        return _TracedList(_traced(held) for held in value)
    if isinstance(value, bool) or value is None or (isinstance(value, str) and not re.search(r"\d", value)):
        return value
    return {int: _TracedInt, float: _TracedFloat, str: _TracedStr}[type(value)](value)


def _tracing(told: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that marks what it writes of a traced value, and writes all else as it is."""

    def filtered(*args: Any) -> Any:
        written = told(*map(_plain, args))
        return _TracedStr(written) if any(isinstance(arg, _Traced) for arg in args) else written

    return filtered


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, _TracedInt) else float(value) if isinstance(value, _TracedFloat) else value


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the filters of the page mark what they write of the document."""
    filters = {name: _tracing(told) for name, told in page.FILTERS.items()}
    filters["format"] = _tracing(lambda form, *args: form % args)
    filters["float"] = lambda value: _TracedFloat(str.__str__(value))
    filters["length"] = lambda held: (_TracedInt if isinstance(held, _TracedList | _TracedDict) else int)(len(held))
    monkeypatch.setattr(page, "FILTERS", filters)
    page._environment.cache_clear()
    yield
    page._environment.cache_clear()


def _own_numbers(text: str) -> list[str]:
    """Where there is a digit that comes from the page and not from the document, with what stands around it."""
    text = re.sub(r"⟦[^⟧]*⟧", "", text)
    for phrase in OWN_NUMBERS:
        text = text.replace(phrase, "")
    return re.findall(r".{,30}\d.{,30}", text)


OWN_NUMBERS = (
    "28×28 pixels",
    "0 (paper) to 255 (ink)",
    *(f"{number}. {heading}" for number, heading in enumerate(HEADINGS, start=1)),
    "80% to 95%",
    "3×3 window",
    "The 2019 notebook",
    "2019 notebook",
    "3 − 5 became 254",
    "95% interval",
    "0.05 ÷",
    "F1",
    "a vector of one 1 and zeros otherwise",
    "is 1 if , else 0:",
    "its derivatives are and 1:",
    "SHA-256",
)


@pytest.mark.usefixtures("without_charts", "tracing")
@pytest.mark.parametrize("best", MODELS)
def test_every_number_of_the_page_comes_from_the_document(best: str, composed: dict[str, Any], images: Images) -> None:
    scores = composed["comparison"]["models"]
    ranked = {**composed["comparison"], "models": {best: scores[best], **scores}}
    marked = Page(page.render(_traced({**composed, "comparison": ranked}), images))
    assert marked.text.count("⟦") > 500
    assert marked.told.count("⟦") > 100
    assert _own_numbers(marked.text) == []
    ordinals = [
        f"{name} {place}" for name, count in (("eigenvector", 20), ("kernel", 32)) for place in range(1, count + 1)
    ]
    assert _own_numbers(marked.told) == ordinals


@pytest.mark.usefixtures("without_charts", "tracing")
def test_a_number_that_the_page_makes_up_is_noticed(
    composed: dict[str, Any], images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = page._environment()
    spoiled = "<p>{{ run.assets }} assets, {{ 41 + 1 }} of them read {{ files | length }} file and 17 others</p>"
    loaders = [jinja2.DictLoader({"lineage.html.j2": spoiled}), environment.loader]
    monkeypatch.setattr(environment, "loader", jinja2.ChoiceLoader(loaders))
    marked = Page(page.render(_traced(composed), images))
    assert re.findall(r"\d+", _own_numbers(marked.text)[-1]) == ["42", "17"]
    assert "⟦2⟧ assets" in marked.text
    assert "⟦1⟧ file" in marked.text


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize(
    "path",
    [
        "run.source",
        "run.seconds",
        "data.never_inked",
        "data.class_counts.test",
        "pca.share_of_two",
        "pca.explained_share.20",
        "pca.components_for_share.0.95",
        "pca.at_component.0.8.left",
        "harris.centering_change",
        "harris.max_relative_difference",
        "harris.places.edge.response",
        "harris.digits.corners",
        "knn.accuracy_by_k.smallest",
        "knn.num_neighbors",
        "softmax.gradient_error",
        "networks.mlp.parameters",
        "models.knn.errors",
        "models.cnn.interval",
        "models.cnn.calibration.expected_error",
        "models.mlp.confusion_matrix",
        "models.softmax.seconds",
        "models.softmax.f1",
        "errors.knn",
        "comparison.pairs",
        "comparison.missed_by_all",
        "comparison.missed_by_all_said",
        "robustness.num_images",
        "robustness.in_words",
        "robustness.models.cnn.small_least",
        "robustness.disturbances.scale.small",
        "robustness.disturbances.noise.in_words",
        "champion.accuracy",
        "notebook.knn.accuracy",
        "assets",
        "machine.cores",
        "versions",
    ],
)
def test_a_number_that_is_missing_stops_the_page_and_does_not_leave_a_gap(
    path: str, composed: dict[str, Any], images: Images
) -> None:
    incomplete = json.loads(json.dumps(composed))
    _removed(incomplete, path)
    with pytest.raises((jinja2.UndefinedError, KeyError, TypeError)):
        page.render(incomplete, images)


def _removed(within: dict[str, Any], path: str) -> None:
    """Take the value at a path away; a key may hold a point itself."""
    for key in within:
        if path == key:
            del within[key]
            break
        if path.startswith(f"{key}."):
            _removed(within[key], path.removeprefix(f"{key}."))
            break
    else:
        pytest.fail(f"the document has no {path}")


def test_the_page_tells_the_numbers(found: Page, composed: dict[str, Any]) -> None:
    text = found.text
    for model, measured in composed["models"].items():
        assert MODEL_TITLES[model] in text
        low, high = (100 * end for end in measured["interval"])
        row = f"{MODEL_TITLES[model]} {measured['accuracy']:.2%} {low:.2f}–{high:.2f}% {measured['errors']}"
        assert text.count(row) == 2
        for measure in ("precision", "recall", "f1"):
            assert " ".join(f"{100 * value:.1f}" for value in measured[measure]) in text
    for k, share in composed["pca"]["explained_share"].items():
        assert f"k = {k}: {share:.1%} of the variance, error {composed['pca']['test_rmse'][k]:.1f}" in found.told
    for share, count in composed["pca"]["components_for_share"].items():
        assert f"{count} of 784 components hold {float(share):.0%} of the variance" in text
    counts = composed["data"]["class_counts"]["train"]
    assert " ".join(["training", *(f"{number:,}" for number in counts), "2,000"]) in text
    for pair in composed["comparison"]["pairs"]:
        assert pair["in_words"] in text
    for number in (
        "1.3·10⁻¹⁶",
        "4.7·10⁻¹⁰",
        "96.27%",
        "4.3 s",
        "121 s",
        "0.38",
        "375 ms in 2 assets",
        "401,920",
        "9,912,422",
        "numpy 2.4.6",
        "2026-03-04 05:06 UTC",
        "Abacus 9000, 6 cores",
        "55.43%",
    ):
        assert number in text, number


def test_the_page_leads_with_the_best_model(found: Page, composed: dict[str, Any]) -> None:
    best, *others = composed["comparison"]["models"]
    lead = found.text[found.text.index("The best,") :][:120]
    assert MODEL_TITLES[best].lower() in lead
    assert f"{composed['models'][best]['accuracy']:.2%}" in lead
    assert not any(MODEL_TITLES[other].lower() in lead for other in others)
    marked = [row for row in found.root.iter("tr") if row.attrib.get("class") == "best"]
    assert [_squeezed("".join(row.itertext())).startswith(MODEL_TITLES[best]) for row in marked] == [True, True]


def test_a_cell_of_a_confusion_matrix_opens_as_many_errors_as_it_says(html: str, found: Page) -> None:
    (data,) = re.findall(r'id="page-data">(.*?)</script>', html, re.DOTALL)
    errors = json.loads(data)["errors"]
    matrices = [figure for figure in found.root.iter("figure") if "data-model" in figure.attrib]
    assert {figure.attrib["data-model"] for figure in matrices} == set(MODELS)
    for figure in matrices:
        opened = errors[figure.attrib["data-model"]]
        cells = {
            (int(b.attrib["data-true"]), int(b.attrib["data-predicted"])): int(b.text) for b in figure.iter("button")
        }
        pairs = [(truth, predicted) for _, truth, predicted, _ in opened]
        assert cells == {pair: pairs.count(pair) for pair in pairs}


def test_each_sprite_shows_the_image_that_it_is_said_to_be(html: str, found: Page, images: Images) -> None:
    uri, size = re.findall(r'\.sprite\.test { background-image: url\("([^"]*)"\); background-size: (\S+)%', html)[0]
    atlas = _decoded(uri)
    columns, rows = atlas.shape[1] // 28, atlas.shape[0] // 28
    assert int(size) == 100 * columns
    sprites = [sprite for sprite in found.root.iter("span") if sprite.attrib.get("class") == "sprite test"]
    assert len(sprites) > 20
    for sprite in sprites:
        index = int(re.match(r"test image (\d+)", sprite.attrib["aria-label"])[1])
        x, y = map(float, re.findall(r"([\d.]+)%", sprite.attrib["style"]))
        column, row = round(x / 100 * (columns - 1)), round(y / 100 * (rows - 1))
        shown = atlas[28 * row : 28 * (row + 1), 28 * column : 28 * (column + 1)]
        np.testing.assert_array_equal(shown, 255 - images.test[index])


def test_the_digits_are_in_the_page_to_the_last_grey_level(found: Page, images: Images) -> None:
    sources = found.attributes("img", "src")
    for drawn in (*images.digits, *np.rint(images.class_means)):
        assert any(np.array_equal(_decoded(source), 255 - drawn) for source in sources[:20])


def _decoded(uri: str) -> np.ndarray:
    content = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_page_can_be_made_from_the_stored_document(html: str, composed: dict[str, Any], images: Images) -> None:
    assert page.render(json.loads(json.dumps(composed)), images) == html


# The page: what is unknown, absent or empty


def test_models_without_an_error_have_a_page(facts: Facts, images: Images) -> None:
    predictions = dict.fromkeys(MODELS, facts.test_labels)
    evaluations = {
        model: evaluation.evaluate(facts.test_labels, facts.test_labels, 10, facts.probabilities.get(model))
        for model in MODELS
    }
    faultless = facts._replace(
        predictions=predictions,
        evaluations=evaluations,
        comparison=evaluation.compare(facts.test_labels, predictions, evaluations),
        champion=evaluation.Champion("knn", 1.0, 0, facts.test_labels.tolist()),
    )
    html = page.render(document.compose(faultless), images)
    shown = Page(html)
    assert "None: every test image is read correctly by at least one model." in shown.text
    assert shown.text.count("nothing tells them apart") == 6
    assert not [figure for figure in shown.root.iter("figure") if "misled" in figure.attrib.get("class", "")]
    assert not list(next(shown.root.iter("main")).iter("button"))
    assert not re.search(r"\bnan\b", html)


@pytest.mark.usefixtures("without_charts")
def test_what_is_unknown_is_shown_as_such(facts: Facts, images: Images) -> None:
    bare = facts._replace(
        harris={**facts.harris, "difference": [0.0] * 10},
        seconds=dict.fromkeys(MODELS),
        run={**facts.run, "canonical": False},
    )
    text = Page(page.render(document.compose(bare), images)).text
    assert "equal to the last bit" in text
    times = text[text.index("95% interval") : text.index("Time of the methods")]
    assert not re.search(r"\d m?s\b", times)
    assert times.count("–") == 8
    assert "the two columns can't be compared" in text


def test_the_two_columns_are_compared_on_mnist(found: Page) -> None:
    assert "can't be compared" not in found.text


@pytest.mark.usefixtures("without_charts")
@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_a_network_for_which_nothing_was_held_out_says_so(network: str, facts: Facts, images: Images) -> None:
    curves = {name: value for name, value in facts.curves[network].items() if name != "held_out_accuracy"}
    composed = document.compose(facts._replace(curves={**facts.curves, network: curves}))
    shown = Page(page.render(composed, images))
    (figure,) = (
        element for element in shown.root.iter("figure") if element.attrib.get("id") == f"figure-{network}_accuracy"
    )
    assert "none were held out" in "".join(figure.itertext())
    assert "figure-mlp_accuracy" in shown.identifiers()


@pytest.mark.usefixtures("without_charts")
def test_an_accelerator_is_named_where_there_is_one(facts: Facts, images: Images) -> None:
    composed = document.compose(facts._replace(machine={**facts.machine, "accelerator": "Loom 3"}))
    assert Page(page.render(composed, images)).text.count("Loom 3") == 2
