"""Every number of the report as one JSON document."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mnist_pipeline.data.held_out import held_out_size, split
from mnist_pipeline.data.records import (
    Corners,
    DigitSet,
    Fitted,
    Predictions,
    RawData,
    Reconstructions,
)
from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.champion import Champion
from mnist_pipeline.evaluation.scores import (
    Comparison,
    Evaluation,
    accuracy,
    misclassified,
    most_frequent_share,
    wilson_interval,
)
from mnist_pipeline.methods import harris, pca
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN, accuracy_by_k
from mnist_pipeline.methods.networks.method import weights_of
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.methods.table import MODELS, model_seconds
from mnist_pipeline.report import figures
from mnist_pipeline.report.words import disturbance_in_words, recipe_in_words, robustness_in_words
from mnist_pipeline.utils import machine
from mnist_pipeline.utils.stored_types import stored_type

if TYPE_CHECKING:
    import pandas as pd

    from mnist_pipeline.handwriting.recognizer import Recognizer

SHARES = (0.8, 0.9, 0.95)
SIGNIFICANCE = 0.05
NETWORKS = ("mlp", "cnn")


@stored_type
class Report(NamedTuple):
    """The page, and the JSON document of every number on it."""

    html: str
    document: dict[str, Any]

    @property
    def address(self) -> str:
        """The directory of the storage in which people always find the latest report."""
        return "report"

    def to_files(self) -> dict[str, bytes]:
        """The files of the page and of the document."""
        document = json.dumps(self.document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return {"report.json": document.encode(), "index.html": self.html.encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Report:
        """The inverse of `to_files`."""
        return cls(files["index.html"].decode(), json.loads(files["report.json"]))


class Values(NamedTuple):
    """What the report shows: the values of assets by their names, of models by theirs, and what the
    run knows.
    """

    raw_mnist: RawData
    train_digits: DigitSet
    test_digits: DigitSet
    digit_images: np.ndarray
    data_mean: np.ndarray
    covariance: np.ndarray
    eigendecomposition: Eigendecomposition
    projections: np.ndarray
    reconstructions: Reconstructions
    harris_corners: Corners
    model_comparison: Comparison
    robustness: pd.DataFrame
    champion: Champion
    recognizer: Recognizer
    models: Mapping[str, Fitted]
    predictions: Mapping[str, Predictions]
    evaluations: Mapping[str, Evaluation]
    # id, started (ISO 8601), source (title of the data set), canonical (whether it is MNIST)
    run: Mapping[str, Any]
    assets: Mapping[str, Mapping[str, Any]]  # the provenance of each asset
    # See `versions.compare`; None if there was no run before the last.
    since_last_run: Mapping[str, Any] | None = None


def compose(values: Values) -> dict[str, Any]:
    """Every number of the report as plain JSON values."""
    seconds = sum(origin["seconds"] or 0.0 for origin in values.assets.values())
    softmax = values.models["softmax"]
    return {
        "run": {**values.run, "seconds": round(seconds, 3), "assets": len(values.assets)},
        "files": [file._asdict() for file in values.raw_mnist.files],
        "data": _data(values),
        "pca": _pca(values),
        "harris": _harris(values),
        "knn": _knn(values),
        "softmax": {**_curves(softmax), "gradient_error": float(softmax["gradient_error"])},
        "networks": {name: _network(values, name) for name in NETWORKS},
        "models": {name: _model(values, name) for name in values.evaluations},
        "errors": {name: _errors(values, name) for name in values.evaluations},
        "comparison": _comparison(values),
        "robustness": _robustness(values),
        "champion": {
            **{name: getattr(values.champion, name) for name in ("model", "accuracy", "errors")},
            "reason": values.assets.get("champion", {}).get("reason"),
            "num_held_out": values.champion.num_held_out,
            "surely_better_than_guessing": _surely_better_than_guessing(values),
        },
        "since_last_run": values.since_last_run,
        "notebook": _notebook(values),
        "assets": dict(values.assets),
        "versions": machine.library_versions(),
        "machine": machine.describe(),
    }


def _surely_better_than_guessing(values: Values) -> bool:
    """Whether the held-out images show that the champion does more than guess."""
    champion, labels = values.champion, values.train_digits.labels
    right = champion.num_held_out - champion.held_out_errors
    low, _ = wilson_interval(right, champion.num_held_out)
    return low > most_frequent_share(labels[split(labels)[1]])


def _notebook(values: Values) -> dict[str, Any]:
    """The results of the course notebook that the project grew from; it was on MNIST."""
    if not values.raw_mnist.data_set.is_mnist:
        return {}
    results = {name: MODELS[name].notebook for name in values.models}
    return {name: dataclasses.asdict(result) for name, result in results.items() if result}


def _model(values: Values, name: str) -> dict[str, Any]:
    assets = MODELS[name].model_asset, MODELS[name].predictions_asset
    return {
        **dataclasses.asdict(values.evaluations[name]),
        "accuracy_without_doubted": _accuracy_without_doubted(values, name),
        "seconds": model_seconds(values.assets, name),
        "settings": recipe_in_words([values.assets[asset] for asset in assets]),
    }


def _data(values: Values) -> dict[str, Any]:
    splits = {"train": values.train_digits.labels, "test": values.test_digits.labels}
    data_set = values.raw_mnist.data_set
    num_classes = len(data_set.class_names)
    return {
        **{split: len(labels) for split, labels in splits.items()},
        "held_out": held_out_size(values.train_digits.labels),
        "class_names": list(data_set.class_names),
        "class_counts": {
            split: np.bincount(labels, minlength=num_classes).tolist()
            for split, labels in splits.items()
        },
        "mean_grey_level": float(values.data_mean.mean()),
        "largest_mean": float(values.data_mean.max()),
        "never_inked": int(np.count_nonzero(values.data_mean == 0)),
        "doubted_labels": list(data_set.doubted_labels),
        "heading": data_set.heading,
        "noun": data_set.noun,
        "nouns": data_set.nouns,
        "handwritten": data_set.handwritten,
    }


def _accuracy_without_doubted(values: Values, model: str) -> float:
    labels = values.test_digits.labels
    kept = np.setdiff1d(np.arange(len(labels)), values.raw_mnist.data_set.doubted_labels)
    return accuracy(labels[kept], values.predictions[model].labels[kept])


def _pca(values: Values) -> dict[str, Any]:
    eigenvalues = values.eigendecomposition.eigenvalues
    total = eigenvalues.sum()
    next_shares = np.append(eigenvalues / total, 0.0)
    ks = list(map(str, values.reconstructions.num_components))
    components = {f"{share:g}": pca.components_for_share(eigenvalues, share) for share in SHARES}
    labels = values.train_digits.labels
    scattered = figures.scattered(labels)
    x, y = values.projections[scattered, :2].T
    differences = values.reconstructions.images[-1] - values.digit_images  # from most components
    errors = np.sqrt(np.mean(differences**2, axis=(1, 2)))  # (n_digits,)
    return {
        "eigenvalues": eigenvalues.tolist(),
        "total_variance": float(total),
        "explained_share": dict(zip(ks, values.reconstructions.explained_share.tolist())),
        "test_rmse": dict(zip(ks, values.reconstructions.test_rmse.tolist())),
        "worst_digit": {"class": int(errors.argmax()), "rmse": float(errors.max())},
        "largest_covariance": float(np.abs(values.covariance).max()),
        "share_of_component": (eigenvalues[: figures.NUM_EIGENVECTORS] / total).tolist(),
        "share_of_two": float(pca.explained_share(eigenvalues)[1]),
        "components_for_share": components,
        "at_component": {
            share: {
                "share_of_next": float(next_shares[count]),
                "times_smaller_than_first": float(eigenvalues[0] / eigenvalues[count - 1]),
                "left": len(eigenvalues) - count,
            }
            for share, count in components.items()
        },
        "scatter": {
            "index": scattered.tolist(),
            "label": labels[scattered].tolist(),
            "x": x.tolist(),
            "y": y.tolist(),
        },
    }


def _harris(values: Values) -> dict[str, Any]:
    corners = values.harris_corners
    place_digit, places = harris.clearest_places(values.digit_images, corners.response)
    return {
        "digits": {
            "corners": np.count_nonzero(corners.corners, axis=(1, 2)).tolist(),
            "difference": corners.gram_difference.tolist(),
            "centering_change": corners.centering_change.tolist(),
        },
        "num_corners": int(np.count_nonzero(corners.corners)),
        "max_relative_difference": float(corners.gram_difference.max()),
        "centering_change": float(np.median(corners.centering_change)),
        "place_digit": place_digit,
        "places": {
            name: {field: np.asarray(value).tolist() for field, value in place._asdict().items()}
            for name, place in places.items()
        },
    }


def _knn(values: Values) -> dict[str, Any]:
    predictions = values.predictions["knn"]
    is_wrong = predictions.labels != values.test_digits.labels
    nearest = predictions.nearest
    return {
        "num_neighbors": int(values.models["knn"]["num_neighbors"]),
        "accuracy_by_k": accuracy_by_k(nearest["labels"], values.test_digits.labels),
        "misled": {
            "neighbors": nearest["indices"][is_wrong, :NUM_NEIGHBORS_SHOWN].tolist(),
            "neighbor_labels": nearest["labels"][is_wrong, :NUM_NEIGHBORS_SHOWN].tolist(),
        },
    }


def _curves(model: Fitted) -> dict[str, Any]:
    """Loss and accuracies per epoch, without the held-out accuracy if nothing was held out."""
    curves = {"loss": model["loss"].tolist(), "accuracy": model["accuracy"].tolist()}
    held_out_accuracy = model.get("validation_accuracy")
    if held_out_accuracy is not None and not np.isnan(held_out_accuracy).any():
        curves["held_out_accuracy"] = held_out_accuracy.tolist()
    return curves


def _network(values: Values, name: str) -> dict[str, Any]:
    # Imported here, because torch is slow to import.
    from mnist_pipeline.methods.networks import modules

    model = values.models[name]
    curves = _curves(model)
    labels = values.train_digits.labels
    num_held_out = held_out_size(labels) if "held_out_accuracy" in curves else 0
    layers = modules.layer_rows(modules.of_weights(name, weights_of(model)))
    return {
        **curves,
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
        "trained_on": len(labels) - num_held_out,
    }


def _errors(values: Values, model: str) -> list[dict[str, Any]]:
    """The wrong predictions in the order of the test images."""
    predictions = values.predictions[model]
    columns = misclassified(
        values.test_digits.labels, predictions.labels, predictions.probabilities
    )
    order = columns["index"].argsort()
    rows = zip(*(column[order].tolist() for column in columns.values()))
    return [dict(zip(columns, row)) for row in rows]


def _comparison(values: Values) -> dict[str, Any]:
    compared = dataclasses.asdict(values.model_comparison)
    missed = values.model_comparison.missed_by_all
    # Several pairs are tested, so the level is divided by their number (Bonferroni's correction).
    level = SIGNIFICANCE / max(1, len(compared["pairs"]))
    for pair in compared["pairs"]:
        pair["significant"] = pair["p_value"] < level
    compared["by_class"] = _by_class(values)
    compared["missed_by_all_said"] = {
        model: values.predictions[model].labels[missed].tolist()
        for model in values.model_comparison.models
    }
    compared["missed_by_all_labels"] = values.test_digits.labels[missed].tolist()
    return compared


def _by_class(values: Values) -> dict[str, Any]:
    """The share of each class that each model misreads; means; hardest and easiest class."""
    models = values.model_comparison.models
    shares = {name: 1 - np.array(values.evaluations[name].recall) for name in models}
    mean = np.mean(list(shares.values()), axis=0)
    return {
        "models": {name: share.tolist() for name, share in shares.items()},
        "mean": mean.tolist(),
        "hardest": int(mean.argmax()),
        "easiest": int(mean.argmin()),
    }


def _robustness(values: Values) -> dict[str, Any]:
    measured: Any = values.robustness.to_dict("list")
    count = int(values.robustness["count"].iloc[0])
    champion_answers = robustness.answers(measured, values.champion.model)
    curves = robustness.curves(measured)
    models = {model: robustness.summary(curves, model) for model in values.evaluations}
    shown = robustness.sample(len(values.test_digits.labels), count)[: robustness.SHOWN]
    return {
        "num_images": count,
        "num_disturbances": sum(len(curve.amounts) - 1 for curve in curves.values()),
        "disturbances": {
            name: {
                **curve._asdict(),
                "small": list(robustness.DISTURBANCES[name].small),
                "like_training": robustness.LIKE_TRAINING.get(robustness.CORRUPTED.get(name, "")),
                "answers": [champion_answers[name, amount] for amount in curve.amounts],
                "in_words": disturbance_in_words(curve, values.raw_mnist.data_set.nouns),
            }
            for name, curve in curves.items()
        },
        "shown": {"indices": shown.tolist(), "labels": values.test_digits.labels[shown].tolist()},
        "models": models,
        "in_words": robustness_in_words(models, count),
    }
