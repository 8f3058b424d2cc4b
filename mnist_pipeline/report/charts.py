"""The charts of the page, drawn from the numbers of its document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnist_pipeline import pca
from mnist_pipeline.evaluation import Calibration, Evaluation
from mnist_pipeline.harris import Place
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.document import Images
from mnist_pipeline.robustness import Curves

SCATTER = (5.6, 5.4)
LONG_LEGEND = 0.5  # inches, for the further lines of a legend of long names
COMPACT = (5.2, 2.6)


def draw(document: Mapping[str, Any], images: Images) -> dict[str, str]:
    """Every chart by name, as SVG to be put into the page."""
    drawn = {**_overview(document), **_pca(document, images), **_harris(document), **_models(document)}
    drawn |= {**_robustness(document), **_across(document)}
    return {name: figures.svg(figure, name) for name, figure in drawn.items()}


def _overview(document: Mapping[str, Any]) -> dict[str, Figure]:
    ranked = document["comparison"]["models"]
    scores = {MODELS[model].title: _evaluation(document["models"][model]) for model in ranked}
    return {
        "accuracies": figures.side_by_side(figures.accuracies_panel(scores), size=COMPACT, left=figures.NAMES_WIDTH)
    }


def _pca(document: Mapping[str, Any], images: Images) -> dict[str, Figure]:
    values = np.array(document["pca"]["eigenvalues"])
    scatter = document["pca"]["scatter"]
    points = np.stack([scatter["x"], scatter["y"]], axis=1)
    names = document["data"]["class_names"]
    panel = figures.glyph_scatter_panel(points, np.array(scatter["label"]), names)
    width, height = SCATTER
    more = LONG_LEGEND if figures.are_long(names) else 0.0
    return {
        "mean": figures.mean_image(images.mean, images.digits.shape[-1]),
        "covariance": figures.matrix(images.covariance, "Covariance of the pixels", "covariance (grey levels²)"),
        "eigenvalues_linear": figures.side_by_side(figures.eigenvalue_panel(values)),
        "eigenvalues_logarithmic": figures.side_by_side(figures.eigenvalue_panel(values, logarithmic=True)),
        "share": figures.side_by_side(figures.share_panel(pca.explained_share(values))),
        "scatter": figures.side_by_side(panel, size=(width, height + more), below=0.56 + more),
    }


def _harris(document: Mapping[str, Any]) -> dict[str, Figure]:
    places = {name: _place(place) for name, place in document["harris"]["places"].items()}
    return {
        f"gradients_{name}": figures.side_by_side(panel, size=figures.SQUARE)
        for name, panel in figures.gradients(places).items()
    }


def _models(document: Mapping[str, Any]) -> dict[str, Figure]:
    votes = document["knn"]["accuracy_by_k"]
    rules = {told: votes[rule] for rule, told in figures.TIE_RULES.items()}
    drawn = {"votes": figures.votes_panel(votes["k"], rules), **_learning("softmax", document["softmax"])}
    for name, network in document["networks"].items():
        drawn |= _learning(name, network)
    reliability = {}
    for model in document["models"]:
        measured = document["models"][model]["calibration"]
        if measured:
            figure = figures.reliability(Calibration(**measured), MODELS[model].title)
            reliability[f"reliability_{model}"] = figure
    return {name: figures.side_by_side(panel) for name, panel in drawn.items()} | reliability


def _robustness(document: Mapping[str, Any]) -> dict[str, Figure]:
    return {
        f"robustness_{name}": figures.side_by_side(
            figures.robustness_panel(Curves(**{field: found[field] for field in Curves._fields}))
        )
        for name, found in document["robustness"]["disturbances"].items()
    }


def _across(document: Mapping[str, Any]) -> dict[str, Figure]:
    if not document["across"]:
        return {}
    scores = {
        found["title"]: {model: (score["accuracy"], *score["interval"]) for model, score in found["models"].items()}
        for found in document["across"].values()
    }
    return {"across": figures.across(scores)}


def _learning(name: str, curves: Mapping[str, Any]) -> dict[str, figures.Panel]:
    model = MODELS[name]
    title = model.title if model.section == model.name else model.short_title
    accuracies = {
        told: np.array(curves[key])
        for key, told in (("accuracy", "training"), ("held_out_accuracy", "held-out"))
        if curves.get(key)
    }
    return {
        f"{name}_loss": figures.loss_panel(np.array(curves["loss"]), title),
        f"{name}_accuracy": figures.accuracy_panel(accuracies, title),
    }


def _evaluation(measured: Mapping[str, Any]) -> Evaluation:
    return Evaluation(**{name: value for name, value in measured.items() if name != "seconds"})


def _place(found: Mapping[str, Any]) -> Place:
    gradients, eigenvalues, eigenvectors = (np.array(found[name]) for name in Place._fields[2:5])
    return Place(found["row"], found["column"], gradients, eigenvalues, eigenvectors, found["response"])
