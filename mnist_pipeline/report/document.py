"""Every number of the report as one JSON document."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline import pca, robustness
from mnist_pipeline.data.catalogue import MNIST, DataSet
from mnist_pipeline.evaluation import Champion, Comparison, Evaluation
from mnist_pipeline.harris import Place
from mnist_pipeline.models import MODELS
from mnist_pipeline.report.words import comparison_in_words, disturbance_in_words, robustness_in_words
from mnist_pipeline.utils.stored_types import stored_as_files

SHARES = (0.8, 0.9, 0.95)
NUM_EIGENVECTORS = 20
NUM_NEIGHBORS_SHOWN = 3
PAGE_END = "\n<!-- report.json: SHA-256 {} -->\n"
PAGE_END_PATTERN = re.compile(r"\n<!-- report\.json: SHA-256 [0-9a-f]{64} -->\n\Z")
NUM_SCATTERED = 150  # of each class: more would cover each other


@stored_as_files("report.json", "index.html")
class Report(NamedTuple):
    """The page, and the JSON document of every number on it."""

    html: str
    document: dict[str, Any]

    def to_files(self) -> dict[str, bytes]:
        """Both as files; the last line of the page names the checksum of the document that belongs to it."""
        document = (json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
        page = (self.html + PAGE_END.format(hashlib.sha256(document).hexdigest())).encode()
        return {"report.json": document, "index.html": page}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Report:
        """The report that `to_files` was called on."""
        return cls(PAGE_END_PATTERN.sub("", files["index.html"].decode()), json.loads(files["report.json"]))


class Images(NamedTuple):
    """The arrays that are drawn.

    Attributes
    ----------
    train, test : ndarrays of shape (n, 28, 28), uint8
    digits : ndarray of shape (n_classes, 28, 28), uint8
        One of each class.
    class_means : ndarray of shape (n_classes, 28, 28), float
    mean : ndarray of shape (784,), float
    covariance : ndarray of shape (784, 784), float
    eigenvectors : ndarray of shape (784, n), float
        As columns.
    reconstructions : ndarray of shape (n_k, n_classes, 28, 28), float
    corners : ndarray of shape (n_classes, 28, 28), bool
    templates : ndarray of shape (n_classes, 784), float
        Softmax weights, each times its pixel's deviation.
    kernels : ndarray of shape (n_kernels, 5, 5), float
    """

    train: np.ndarray
    test: np.ndarray
    digits: np.ndarray
    class_means: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    eigenvectors: np.ndarray
    reconstructions: np.ndarray
    corners: np.ndarray
    templates: np.ndarray
    kernels: np.ndarray


class Facts(NamedTuple):
    """What the numbers of the report are made from.

    Attributes
    ----------
    run : mapping
        `id`, `started` (ISO 8601), `source` (the data set), `canonical` (whether that is MNIST).
    data_set : DataSet
        What the classes are called, and what the images show.
    files : sequence of mappings
        The raw files: `name`, `size`, `sha256`.
    train_labels, test_labels : ndarrays of shape (n,), uint8
    mean : ndarray of shape (784,), float64
    eigenvalues : ndarray of shape (784,), float64
    scatter : mapping of columns
        `index` into the training images, their `label`, `x` and `y`: the first two components.
    reconstruction : mapping of columns
        `k`, `explained_share`, `test_rmse`.
    harris : mapping of columns
        A row a digit: `corners`, `difference` of M from GᵀG, `centering_change`.
    places : mapping from "corner", "edge", "flat" to Place
        On the digit of class `place_digit`.
    place_digit : int
    num_neighbors : int
    neighbors, neighbor_labels, squared_distances : ndarrays of shape (n_test, n_kept)
    accuracy_by_k : mapping of columns
        `k`, and the accuracy under each tie rule.
    curves : mapping from model to mapping from name to list of float
        `loss` and accuracies by epoch.
    gradient_error : float
        Of the softmax gradient from finite differences, relative.
    layers : mapping from network to sequence of mappings
        `layer`, `output`, `parameters`.
    predictions : mapping from model to ndarray of shape (n_test,)
    probabilities : mapping from model to ndarray of shape (n_test, n_classes)
        Of the models that give them.
    evaluations : mapping from model to Evaluation
    comparison : Comparison
    robustness : mapping of columns
        As `robustness.measure` gives them.
    champion : Champion
    across : mapping of columns, or None
        A row a model on a data set: `data_set`, `title`, `model`, `accuracy`, `interval_low`, `interval_high`,
        `errors`, `total`; None where data sets are not compared.
    seconds : mapping from model to float or None
        Training and prediction.
    assets : mapping from asset to its provenance
    versions : mapping from library to version
    machine : mapping
    """

    run: Mapping[str, Any]
    data_set: DataSet
    files: Sequence[Mapping[str, Any]]
    train_labels: np.ndarray
    test_labels: np.ndarray
    mean: np.ndarray
    eigenvalues: np.ndarray
    scatter: Mapping[str, Sequence[float]]
    reconstruction: Mapping[str, Sequence[float]]
    harris: Mapping[str, Sequence[float]]
    places: Mapping[str, Place]
    place_digit: int
    num_neighbors: int
    neighbors: np.ndarray
    neighbor_labels: np.ndarray
    squared_distances: np.ndarray
    accuracy_by_k: Mapping[str, Sequence[float]]
    curves: Mapping[str, Mapping[str, Sequence[float]]]
    gradient_error: float
    layers: Mapping[str, Sequence[Mapping[str, Any]]]
    predictions: Mapping[str, np.ndarray]
    probabilities: Mapping[str, np.ndarray]
    evaluations: Mapping[str, Evaluation]
    comparison: Comparison
    robustness: Mapping[str, Sequence[Any]]
    champion: Champion
    across: Mapping[str, Sequence[Any]] | None
    seconds: Mapping[str, float | None]
    assets: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]


def scattered(labels: np.ndarray, per_class: int = NUM_SCATTERED) -> np.ndarray:
    """Indices, ascending, of the first so many images of each class.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    per_class : int, default=150
    """
    return np.sort(np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in np.unique(labels)]))


def compose(facts: Facts) -> dict[str, Any]:
    """Every number of the report as plain JSON values."""
    seconds = [origin["seconds"] for origin in facts.assets.values() if origin["seconds"] is not None]
    return {
        "run": {**facts.run, "seconds": round(sum(seconds), 3), "assets": len(facts.assets)},
        "files": list(facts.files),
        "data": _data(facts),
        "pca": _pca(facts),
        "harris": _harris(facts),
        "knn": _knn(facts),
        "softmax": {**facts.curves["softmax"], "gradient_error": facts.gradient_error},
        "networks": {
            name: {**facts.curves[name], "layers": list(layers), "parameters": sum(row["parameters"] for row in layers)}
            for name, layers in facts.layers.items()
        },
        "models": {
            model: {**dataclasses.asdict(evaluation), "seconds": facts.seconds[model]}
            for model, evaluation in facts.evaluations.items()
        },
        "errors": {model: _errors(facts, model) for model in facts.evaluations},
        "comparison": _comparison(facts),
        "robustness": _robustness(facts),
        "champion": {
            "model": facts.champion.model,
            "accuracy": facts.champion.accuracy,
            "errors": facts.champion.errors,
        },
        "across": _across(facts.across),
        "notebook": _notebook() if _about_digits(facts) else {},
        "assets": dict(facts.assets),
        "versions": dict(facts.versions),
        "machine": dict(facts.machine),
    }


def _data(facts: Facts) -> dict[str, Any]:
    splits = {"train": facts.train_labels, "test": facts.test_labels}
    names = facts.data_set.class_names
    return {
        **{split: len(labels) for split, labels in splits.items()},
        "class_names": list(names),
        "class_counts": {split: np.bincount(labels, minlength=len(names)).tolist() for split, labels in splits.items()},
        "mean_grey_level": float(facts.mean.mean()),
        "never_inked": int(np.count_nonzero(facts.mean == 0)),
        **{name: getattr(facts.data_set, name) for name in ("heading", "noun", "nouns", "handwritten")},
    }


def _pca(facts: Facts) -> dict[str, Any]:
    values = facts.eigenvalues
    ks = [str(k) for k in facts.reconstruction["k"]]
    shares = pca.explained_share(values)
    enough = {f"{share:g}": pca.components_for_share(values, share) for share in SHARES}
    return {
        "eigenvalues": values.tolist(),
        "total_variance": float(values.sum()),
        "explained_share": dict(zip(ks, facts.reconstruction["explained_share"])),
        "test_rmse": dict(zip(ks, facts.reconstruction["test_rmse"])),
        "share_of_component": (values[:NUM_EIGENVECTORS] / values.sum()).tolist(),
        "share_of_two": float(shares[1]),
        "components_for_share": enough,
        "at_component": {
            share: {
                "share_of_next": float(values[count] / values.sum()) if count < len(values) else 0.0,
                "times_smaller_than_first": float(values[0] / values[count - 1]),
                "left": len(values) - count,
            }
            for share, count in enough.items()
        },
        "scatter": {name: list(column) for name, column in facts.scatter.items()},
    }


def _harris(facts: Facts) -> dict[str, Any]:
    corners = facts.harris["corners"]
    return {
        "digits": {name: list(column) for name, column in facts.harris.items()},
        "num_corners": int(sum(corners)),
        "max_relative_difference": max(facts.harris["difference"]),
        "centering_change": float(np.median(facts.harris["centering_change"])),
        "place_digit": facts.place_digit,
        "places": {
            name: {
                "row": place.row,
                "column": place.column,
                "eigenvalues": place.eigenvalues.tolist(),
                "eigenvectors": place.eigenvectors.tolist(),
                "gradients": place.gradients.tolist(),
                "response": place.response,
            }
            for name, place in facts.places.items()
        },
    }


def _knn(facts: Facts) -> dict[str, Any]:
    wrong = np.flatnonzero(facts.predictions["knn"] != facts.test_labels)
    nearest = slice(0, NUM_NEIGHBORS_SHOWN)
    return {
        "num_neighbors": facts.num_neighbors,
        "accuracy_by_k": {name: list(values) for name, values in facts.accuracy_by_k.items()},
        "misled": {
            "index": wrong.tolist(),
            "neighbors": facts.neighbors[wrong, nearest].tolist(),
            "neighbor_labels": facts.neighbor_labels[wrong, nearest].tolist(),
            "distances": np.sqrt(facts.squared_distances[wrong, nearest]).round(1).tolist(),
        },
    }


def _errors(facts: Facts, model: str) -> list[dict[str, Any]]:
    """What a model gets wrong, in the order of the test images; with probabilities where it gives them."""
    predicted = facts.predictions[model]
    wrong = np.flatnonzero(predicted != facts.test_labels)
    probabilities = facts.probabilities.get(model)
    return [
        {
            "index": index,
            "true_label": int(facts.test_labels[index]),
            "predicted_label": int(predicted[index]),
            **(
                {}
                if probabilities is None
                else {
                    "probability": float(probabilities[index, predicted[index]]),
                    "true_probability": float(probabilities[index, facts.test_labels[index]]),
                }
            ),
        }
        for index in wrong.tolist()
    ]


def _comparison(facts: Facts) -> dict[str, Any]:
    compared = dataclasses.asdict(facts.comparison)
    missed = facts.comparison.missed_by_all
    for pair, words in zip(compared["pairs"], comparison_in_words(facts.comparison)):
        pair["in_words"] = words
    compared["missed_by_all_said"] = {
        model: facts.predictions[model][missed].tolist() for model in facts.comparison.models
    }
    compared["missed_by_all_labels"] = facts.test_labels[missed].tolist()
    return compared


def _robustness(facts: Facts) -> dict[str, Any]:
    curves = robustness.curves(facts.robustness)
    models = {model: _under_disturbances(curves, model) for model in facts.evaluations}
    return {
        "num_images": int(facts.robustness["count"][0]),
        "num_disturbances": sum(len(curve.amounts) - 1 for curve in curves.values()),
        "disturbances": {
            name: {
                **curve._asdict(),
                "small": list(robustness.DISTURBANCES[name].small),
                "in_words": disturbance_in_words(curve, facts.data_set.nouns),
            }
            for name, curve in curves.items()
        },
        "models": models,
        "in_words": robustness_in_words(models),
    }


def _across(columns: Mapping[str, Sequence[Any]] | None) -> dict[str, Any]:
    """By data set its title, and what ranks each model on it; empty unless there are several."""
    found: dict[str, Any] = {}
    for row in zip(*columns.values(), strict=True) if columns else ():
        name, title, model, accuracy, low, high, errors, total = row
        of_set = found.setdefault(name, {"title": title, "models": {}})
        of_set["models"][model] = {"accuracy": accuracy, "interval": [low, high], "errors": errors, "total": total}
    return found if len(found) > 1 else {}


def _about_digits(facts: Facts) -> bool:
    """Whether the report is the one that the course notebook on MNIST grew into."""
    return facts.data_set.name == MNIST.name


def _notebook() -> dict[str, Any]:
    """What the course notebook of 2019 printed for the models that it had."""
    return {name: dataclasses.asdict(model.notebook) for name, model in MODELS.items() if model.notebook}


def _under_disturbances(curves: Mapping[str, robustness.Curves], model: str) -> dict[str, float]:
    """Accuracy of a model undisturbed, at least under small disturbances, and on average and at least under all."""
    disturbed, small = [], []
    for name, curve in curves.items():
        for amount, share in zip(curve.amounts, curve.accuracies[model], strict=True):
            if amount == curve.neutral:
                undisturbed = share
            else:
                disturbed.append(share)
                small += [share] if robustness.is_small(name, amount) else []
    return {
        "undisturbed": undisturbed,
        "small_least": min(small),
        "mean": float(np.mean(disturbed)),
        "least": min(disturbed),
    }
