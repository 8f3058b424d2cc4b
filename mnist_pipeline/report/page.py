"""The HTML page, with everything it shows inside it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

import jinja2
from latex2mathml.converter import convert
from markupsafe import Markup

from mnist_pipeline.models import MODELS, number_in_words
from mnist_pipeline.report import charts, pictures, words
from mnist_pipeline.report.document import Images
from mnist_pipeline.report.figures import are_long

TITLES = {model.name: model.title for model in MODELS.values()}
NUM_MISLED_SHOWN = 12
NUM_EIGENVECTORS_SHOWN = 20
# A page needs no namespace. A matrix gets its brackets from the style, since not every font has tall ones.
MATHML = {
    ' xmlns="http://www.w3.org/1998/Math/MathML"': "",
    "<mo>&#x00028;</mo><mtable>": '<mtable class="matrix">',
    "</mtable><mo>&#x00029;</mo>": "</mtable>",
    "<mi>&#x02032;</mi>": "<mo>&#x02032;</mo>",
}
FILTERS = {
    "percent": words.percent,
    "count": words.count,
    "in_words": number_in_words,
    "seconds": words.seconds,
    "power": words.power,
    "probability": words.probability,
    "with_article": words.with_article,
    "distinct_if": lambda values, long: dict.fromkeys(values) if long else list(values),
}


def render(document: Mapping[str, Any], images: Images) -> str:
    """The page of a document as `document.compose` gives it, and of the arrays that it draws."""
    misread = {error["index"] for errors in document["errors"].values() for error in errors}
    test_atlas = pictures.Atlas(images.test, sorted(misread))
    train_atlas = pictures.Atlas(images.train, document["pca"]["scatter"]["index"])
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            **document,
            titles=TITLES,
            sections=_sections(document),
            best=next(iter(document["comparison"]["models"])),
            long_names=are_long(document["data"]["class_names"]),
            charts={name: Markup(svg) for name, svg in charts.draw(document, images).items()},
            pictures=_pictures(document, images),
            atlases={"test": test_atlas, "train": train_atlas},
            script_data=_script_data(document, test_atlas, train_atlas),
        )
    )


def _sections(document: Mapping[str, Any]) -> dict[str, str]:
    """The sections of the page in their order, with their titles; each has a template of its name."""
    found = {"data": "The data", "pca": "Principal components", "harris": "Harris corners"}
    found |= {model.section: model.section_title for model in MODELS.values()}
    found["comparison"] = "Comparison"
    if document["across"]:
        found["across"] = "Across data sets"
    return {**found, "lineage": "Where it comes from"}


def num_outside_references(page: str) -> int:
    """How many references of a page point outside of it: not into it, and not to data it carries."""
    inside = r"(?![\"']?(?:#|data:))"
    attributes = "src|srcset|href|poster|action"
    pattern = rf"\b(?:{attributes})\s*=\s*{inside}|\burl\(\s*{inside}|@import|https?://"
    carried = re.compile("base64,[A-Za-z0-9+/=]*")  # half of the page, in which nothing refers to anything
    return len(re.findall(pattern, carried.sub("", page), re.IGNORECASE))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(
        tex=_tex, breakable=_breakable, sprite_place=_sprite_place, include_text=functools.partial(_text, environment)
    )
    return environment


def _tex(formula: str, display: str = "inline") -> Markup:
    """A formula in LaTeX as MathML."""
    converted = convert(formula, display=display)
    for written, meant in MATHML.items():
        converted = converted.replace(written, meant)
    return Markup(converted)


def _breakable(name: str) -> Markup:
    """A name that may go on in the next line after a slash."""
    return Markup("/<wbr>").join(str(name).split("/"))


def _text(environment: jinja2.Environment, name: str) -> Markup:
    """A file of the page as it is: style, script."""
    source, _, _ = environment.loader.get_source(environment, name)  # type: ignore[union-attr]
    return Markup(source)


def _sprite_place(atlas: pictures.Atlas, index: int) -> str:
    """Where an image lies in its atlas, as CSS's background position."""
    row, column = divmod(atlas.indices.index(index), atlas.columns)
    return f"{100 * column / (atlas.columns - 1):.4f}% {100 * row / (atlas.rows - 1):.4f}%"


def _pictures(document: Mapping[str, Any], images: Images) -> dict[str, Any]:
    side = images.digits.shape[-1]
    misled = document["knn"]["misled"]
    return {
        "digits": [pictures.grey(image) for image in images.digits],
        "class_means": [pictures.grey(image) for image in images.class_means],
        "eigenvectors": [
            pictures.diverging(vector.reshape(side, side)) for vector in images.eigenvectors.T[:NUM_EIGENVECTORS_SHOWN]
        ],
        "originals": pictures.strip(images.digits),
        "reconstructions": [pictures.strip(row) for row in images.reconstructions],
        "corners": [
            [{"row": int(row), "column": int(column)} for row, column in zip(*found.nonzero())]
            for found in images.corners
        ],
        "templates": [pictures.diverging(weights.reshape(side, side)) for weights in images.templates],
        "kernels": [pictures.diverging(kernel) for kernel in images.kernels],
        "misled": [pictures.strip(images.train[neighbors]) for neighbors in misled["neighbors"][:NUM_MISLED_SHOWN]],
    }


def _script_data(document: Mapping[str, Any], test: pictures.Atlas, train: pictures.Atlas) -> Markup:
    """What the script looks up: where the misread and the scattered digits are, and what was said of them."""
    data = {
        "errors": {
            model: [
                [error["index"], error["true_label"], error["predicted_label"], error.get("probability")]
                for error in errors
            ]
            for model, errors in document["errors"].items()
        },
        "titles": TITLES,
        "names": document["data"]["class_names"],
        "scatter": {name: document["pca"]["scatter"][name] for name in ("index", "label")},
        "atlases": {
            name: {"indices": atlas.indices, "columns": atlas.columns, "rows": atlas.rows}
            for name, atlas in (("test", test), ("train", train))
        },
    }
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
