"""The charts of the page, drawn from the numbers of its document."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnist_pipeline import pca
from mnist_pipeline.evaluation import Calibration
from mnist_pipeline.harris import Place
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.document import Values
from mnist_pipeline.robustness import Curves


def draw(document: Mapping[str, Any], values: Values) -> dict[str, str]:
    """Every chart by name, as SVG to embed in the page."""
    drawn = {**_pca(document, values), **_harris(document), **_models(document), **_comparison(document)}
    return {name: figures.svg(figure, name) for name, figure in drawn.items()}


def _pca(document: Mapping[str, Any], values: Values) -> dict[str, Figure]:
    eigenvalues, scatter = np.array(document["pca"]["eigenvalues"]), document["pca"]["scatter"]
    points, labels = np.stack([scatter["x"], scatter["y"]], axis=1), np.array(scatter["label"])
    return {
        "mean": figures.mean_image(values.data_mean, values.digit_images.shape[-1]),
        "covariance": figures.matrix(values.covariance, "Covariance of the pixels", "covariance (grey levels²)"),
        "eigenvalues_linear": figures.side_by_side(figures.eigenvalue_panel(eigenvalues)),
        "eigenvalues_logarithmic": figures.side_by_side(figures.eigenvalue_panel(eigenvalues, logarithmic=True)),
        "share": figures.side_by_side(figures.share_panel(pca.explained_share(eigenvalues))),
        "scatter": figures.class_scatter(points, labels, document["data"]["class_names"], glyphs=True),
    }


def _harris(document: Mapping[str, Any]) -> dict[str, Figure]:
    places = {}
    for name, place in document["harris"]["places"].items():
        arrays = {field: np.array(place[field]) for field in ("gradients", "eigenvalues", "eigenvectors")}
        places[name] = Place(**place | arrays)
    panels = figures.gradients(places)
    return {f"gradients_{name}": figures.side_by_side(panel, size=figures.SQUARE) for name, panel in panels.items()}


def _models(document: Mapping[str, Any]) -> dict[str, Figure]:
    drawn = {"votes": figures.votes(document["knn"]["accuracy_by_k"])}
    for name, curves in {"softmax": document["softmax"], **document["networks"]}.items():
        model = MODELS[name]
        title = model.title if model.section == model.name else model.short_title
        kinds = {"accuracy": "training", "held_out_accuracy": "held-out"}
        accuracies = {label: np.array(curves[kind]) for kind, label in kinds.items() if curves.get(kind)}
        drawn[f"{name}_loss"] = figures.side_by_side(figures.loss_panel(np.array(curves["loss"]), title))
        drawn[f"{name}_accuracy"] = figures.side_by_side(figures.accuracy_panel(accuracies, title))
    return drawn


def _comparison(document: Mapping[str, Any]) -> dict[str, Figure]:
    models = document["models"]
    drawn = {"accuracies": figures.accuracies({MODELS[name].title: _score(found) for name, found in models.items()})}
    for name, found in models.items():
        if found["calibration"]:
            drawn[f"reliability_{name}"] = figures.reliability(Calibration(**found["calibration"]), MODELS[name].title)
    for name, found in document["robustness"]["disturbances"].items():
        drawn[f"robustness_{name}"] = figures.robustness([Curves(*(found[field] for field in Curves._fields))])
    if document["across"]:
        drawn["across"] = figures.across(
            {
                data_set["title"]: {name: _score(found) for name, found in data_set["models"].items()}
                for data_set in document["across"].values()
            }
        )
    return drawn


def _score(found: Mapping[str, Any]) -> list[float]:
    return [found["accuracy"], *found["interval"]]
