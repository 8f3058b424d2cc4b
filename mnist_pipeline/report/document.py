"""Every number of the report as one JSON document."""

from __future__ import annotations

import dataclasses
import hashlib
import json
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
NUM_SCATTERED = 150  # per class: more would cover each other


@stored_as_files("report.json", "index.html")
class Report(NamedTuple):
    """The page, and the JSON document of every number on it."""

    html: str
    document: dict[str, Any]

    def to_files(self) -> dict[str, bytes]:
        """Both as files; the last line of the page contains the checksum of its document."""
        document = (json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
        page = (self.html + PAGE_END.format(hashlib.sha256(document).hexdigest())).encode()
        return {"report.json": document, "index.html": page}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Report:
        """The inverse of `to_files`."""
        page, _, _ = files["index.html"].decode().rpartition(PAGE_END.partition("{")[0])
        return cls(page, json.loads(files["report.json"]))


class Images(NamedTuple):
    """The arrays that the report draws, in grey levels or signed weights."""

    train: np.ndarray  # (n, 28, 28), uint8
    test: np.ndarray
    digits: np.ndarray  # (n_classes, 28, 28), uint8: one image of each class
    class_means: np.ndarray  # (n_classes, 28, 28)
    mean: np.ndarray  # (784,)
    covariance: np.ndarray  # (784, 784)
    eigenvectors: np.ndarray  # (784, n), as columns
    reconstructions: np.ndarray  # (n_values_of_k, n_classes, 28, 28)
    corners: np.ndarray  # (n_classes, 28, 28), bool
    templates: np.ndarray  # (n_classes, 784): softmax weights times the standard deviation of their pixel
    kernels: np.ndarray  # (n_kernels, 5, 5)


class Facts(NamedTuple):
    """The inputs of the report's numbers; a table is a mapping from column to values."""

    run: Mapping[str, Any]  # id, started (ISO 8601), source (title of the data set), canonical (whether it is MNIST)
    data_set: DataSet
    files: Sequence[Mapping[str, Any]]  # the raw files: name, size, sha256
    train_labels: np.ndarray
    test_labels: np.ndarray
    mean: np.ndarray  # (784,), grey levels
    eigenvalues: np.ndarray  # (784,), in descending order
    scatter: Mapping[str, Sequence[float]]  # index into the training images, label, x and y on two components
    reconstruction: Mapping[str, Sequence[float]]  # k, explained_share, test_rmse
    harris: Mapping[str, Sequence[float]]  # a row per digit: corners, difference of M from GᵀG, centering_change
    places: Mapping[str, Place]  # "corner", "edge" and "flat" on the digit of class `place_digit`
    place_digit: int
    num_neighbors: int
    neighbors: np.ndarray  # (n_test, n_kept): indices of training images, the nearest first
    neighbor_labels: np.ndarray
    squared_distances: np.ndarray
    accuracy_by_k: Mapping[str, Sequence[float]]  # k, and the accuracy under each rule for ties
    curves: Mapping[str, Mapping[str, Sequence[float]]]  # by model: loss and accuracies per epoch
    gradient_error: float  # largest relative difference of the softmax gradient from finite differences
    layers: Mapping[str, Sequence[Mapping[str, Any]]]  # by network: layer, output, parameters
    predictions: Mapping[str, np.ndarray]  # by model: (n_test,)
    probabilities: Mapping[str, np.ndarray]  # by model that computes them: (n_test, n_classes)
    evaluations: Mapping[str, Evaluation]
    comparison: Comparison
    robustness: Mapping[str, Sequence[Any]]  # as `robustness.measure` returns it
    champion: Champion
    # data_set, title, model, accuracy, interval_low, interval_high, errors, total; None if data sets are not compared
    across: Mapping[str, Sequence[Any]] | None
    seconds: Mapping[str, float | None]  # by model: training and prediction
    assets: Mapping[str, Mapping[str, Any]]  # by asset: its provenance
    versions: Mapping[str, str]
    machine: Mapping[str, Any]


def scattered(labels: np.ndarray, per_class: int = NUM_SCATTERED) -> np.ndarray:
    """Indices of the first images of each class, in ascending order."""
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
        "champion": {name: getattr(facts.champion, name) for name in ("model", "accuracy", "errors")},
        "across": _across(facts.across),
        # The course notebook that the project grew from was on MNIST.
        "notebook": {name: dataclasses.asdict(model.notebook) for name, model in MODELS.items() if model.notebook}
        if facts.data_set.name == MNIST.name
        else {},
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
    return {
        "digits": {name: list(column) for name, column in facts.harris.items()},
        "num_corners": int(sum(facts.harris["corners"])),
        "max_relative_difference": max(facts.harris["difference"]),
        "centering_change": float(np.median(facts.harris["centering_change"])),
        "place_digit": facts.place_digit,
        "places": {
            name: {field: np.asarray(value).tolist() for field, value in place._asdict().items()}
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
    """What a model gets wrong, in the order of the test images, with probabilities if it computes them."""
    truth, predicted, probabilities = facts.test_labels, facts.predictions[model], facts.probabilities.get(model)
    errors = []
    for index in np.flatnonzero(predicted != truth).tolist():
        labels = {"true_label": int(truth[index]), "predicted_label": int(predicted[index])}
        error: dict[str, Any] = {"index": index, **labels}
        if probabilities is not None:
            error["probability"] = float(probabilities[index, predicted[index]])
            error["true_probability"] = float(probabilities[index, truth[index]])
        errors.append(error)
    return errors


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
    """The title of each data set and the rank of each model on it; empty unless there are several data sets."""
    found: dict[str, Any] = {}
    for name, title, model, accuracy, low, high, errors, total in zip(*(columns or {}).values(), strict=True):
        models = found.setdefault(name, {"title": title, "models": {}})["models"]
        models[model] = {"accuracy": accuracy, "interval": [low, high], "errors": errors, "total": total}
    return found if len(found) > 1 else {}


def _under_disturbances(curves: Mapping[str, robustness.Curves], model: str) -> dict[str, float]:
    """Accuracy of a model: undisturbed, lowest under small disturbances, mean and lowest under all of them."""
    first = next(iter(curves.values()))
    disturbed = {
        (name, amount): share
        for name, curve in curves.items()
        for amount, share in zip(curve.amounts, curve.accuracies[model], strict=True)
        if amount != curve.neutral
    }
    return {
        "undisturbed": first.accuracies[model][first.amounts.index(first.neutral)],
        "small_least": min(share for place, share in disturbed.items() if robustness.is_small(*place)),
        "mean": float(np.mean(list(disturbed.values()))),
        "least": min(disturbed.values()),
    }
