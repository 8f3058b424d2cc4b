"""Every number of the report of a finished run, computed again from the stored values by other code.

`tests/test_evaluation.py` does the same for evaluations, which are compared as they are stored.
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.storage import storage

TIMED = "seconds"  # of a model: measured by a stopwatch, and not stored


@pytest.fixture
def document(finished: Path) -> dict[str, Any]:
    document = json.loads((finished / "report" / "report.json").read_text(encoding="utf-8"))
    for network in document["networks"].values():
        network["layers"] = [layer for layer in network["layers"] if layer["parameters"]]
    return document


@pytest.fixture
def again(finished: Path) -> dict[str, Any]:
    """The same sections from the stored values."""
    read = storage.read
    train, test = read("train_digits"), read("test_digits")
    predictions = {model: read(f"{model}_predictions") for model in MODELS}
    return {
        "data": _data(train, test, read("data_mean")),
        "pca": _pca(read, train, test),
        "harris": _harris(read("harris_corners"), read("digit_images")),
        "knn": _knn(predictions["knn"], train, test),
        "softmax": _curves(read("softmax_model")) | {"gradient_error": float(read("softmax_model").gradient_error)},
        "networks": {name: _network(read(f"{name}_model")) for name in ("mlp", "cnn")},
        "models": {model: dataclasses.asdict(read(f"{model}_evaluation")) for model in MODELS},
        "errors": {model: _errors(predictions[model], test.labels) for model in MODELS},
        "comparison": _comparison(read("model_comparison"), predictions, test.labels),
        "robustness": _robustness(read("robustness"), read("champion").model, test.labels),
        "champion": _champion(read("champion").model, predictions, test.labels),
    }


def test_every_number_is_that_of_the_stored_values(document: dict[str, Any], again: dict[str, Any]) -> None:
    shown = dict(_numbers({section: document[section] for section in again}))
    found = dict(_numbers(again))
    assert shown.keys() == found.keys()
    different = [path for path in shown if not math.isclose(shown[path], found[path], rel_tol=1e-6, abs_tol=1e-6)]
    assert different == []
    assert len(shown) > 5_000


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name != TIMED:
                yield from _numbers(part, f"{path}.{name}")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _numbers(part, f"{path}[{place}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def _data(train: Any, test: Any, mean: np.ndarray) -> dict[str, Any]:
    return {
        "train": len(train.images),
        "test": len(test.images),
        "class_counts": {
            split: [int((digits.labels == k).sum()) for k in range(10)]
            for split, digits in (("train", train), ("test", test))
        },
        "mean_grey_level": float(train.images.mean()),
        "largest_mean": float(train.images.mean(axis=0).max()),
        "never_inked": int((train.images.max(axis=0) == 0).sum()),
    }


def _pca(read: Any, train: Any, test: Any) -> dict[str, Any]:
    values, vectors = read("eigendecomposition")
    mean, projections = read("data_mean"), read("projections")
    shares = np.cumsum(values) / values.sum()
    ks = read("reconstructions").num_components.tolist()
    enough = {share: int((shares < float(share)).sum()) + 1 for share in ("0.8", "0.9", "0.95")}
    digits = read("digit_images")
    errors = np.array([_rmse(digit[None], mean, vectors[:, : ks[-1]]) for digit in digits])
    shown = sorted(index for k in range(10) for index in np.flatnonzero(train.labels == k)[:100].tolist())
    return {
        "eigenvalues": values.tolist(),
        "total_variance": float(np.trace(read("covariance"))),
        "explained_share": {str(k): float(shares[k - 1]) for k in ks},
        "test_rmse": {str(k): _rmse(test.images, mean, vectors[:, :k]) for k in ks},
        "worst_digit": {"class": int(errors.argmax()), "rmse": float(errors.max())},
        "largest_covariance": float(read("covariance").max()),
        "share_of_component": (values[:20] / values.sum()).tolist(),
        "share_of_two": float(values[:2].sum() / values.sum()),
        "components_for_share": enough,
        "at_component": {
            share: {
                "share_of_next": float(shares[count] - shares[count - 1]),
                "times_smaller_than_first": float(values[0] / values[count - 1]),
                "left": 784 - count,
            }
            for share, count in enough.items()
        },
        "scatter": {
            "index": shown,
            "label": train.labels[shown].tolist(),
            "x": projections[shown, 0].tolist(),
            "y": projections[shown, 1].tolist(),
        },
    }


def _rmse(images: np.ndarray, mean: np.ndarray, vectors: np.ndarray) -> float:
    rows = images.reshape(len(images), -1) - mean
    return float(np.sqrt(((rows - rows @ vectors @ vectors.T) ** 2).mean()))


def _harris(found: Any, digits: np.ndarray) -> dict[str, Any]:
    digit = int(np.unravel_index(found.response.argmax(), found.response.shape)[0])
    response, tensor = found.response[digit], found.structure_tensor[digit]
    trace = tensor[..., 0, 0] + tensor[..., 1, 1]
    flat = min(zip(*np.nonzero(trace == trace.min())), key=lambda at: math.dist(at, (13.5, 13.5)))
    places = {
        "corner": np.unravel_index(response.argmax(), response.shape),
        "edge": np.unravel_index(response.argmin(), response.shape),
        "flat": flat,
    }
    return {
        "digits": {
            "corners": found.corners.sum(axis=(1, 2)).tolist(),
            "difference": found.gram_difference.tolist(),
            "centering_change": found.centering_change.tolist(),
        },
        "num_corners": int(found.corners.sum()),
        "max_relative_difference": float(found.gram_difference.max()),
        "centering_change": float(np.median(found.centering_change)),
        "place_digit": digit,
        "places": {name: _place(digits[digit], tensor, response, *map(int, at)) for name, at in places.items()},
    }


def _place(image: np.ndarray, tensor: np.ndarray, response: np.ndarray, row: int, column: int) -> dict[str, Any]:
    downwards, rightwards = np.gradient(np.pad(image.astype(float), 1, mode="edge"))
    window = slice(row, row + 3), slice(column, column + 3)  # the padding shifts it by one
    gradients = np.stack([rightwards[window], downwards[window]], axis=-1).reshape(9, 2)
    values, vectors = np.linalg.eigh(tensor[row, column])
    return {
        "row": row,
        "column": column,
        "eigenvalues": values[::-1].tolist(),
        "eigenvectors": vectors[:, ::-1].tolist(),
        "gradients": gradients.tolist(),
        "response": float(response[row, column]),
    }


def _knn(found: Any, train: Any, test: Any) -> dict[str, Any]:
    near = train.labels[found.indices]
    ks = list(range(1, near.shape[1] + 1))
    wrong = [index for index, label in enumerate(found.labels) if label != test.labels[index]]
    return {
        "num_neighbors": int(found.num_neighbors),
        "accuracy_by_k": {
            "k": ks,
            "nearest": [np.mean([_nearest_vote(row[:k]) for row in near] == test.labels).item() for k in ks],
            "smallest": [np.mean([np.bincount(row[:k]).argmax() for row in near] == test.labels).item() for k in ks],
        },
        "misled": {
            "index": wrong,
            "neighbors": found.indices[wrong, :3].tolist(),
            "neighbor_labels": near[wrong, :3].tolist(),
            "distances": [
                [
                    round(float(np.linalg.norm(test.images[index].astype(float) - train.images[other])), 1)
                    for other in found.indices[index, :3]
                ]
                for index in wrong
            ],
        },
    }


def _nearest_vote(labels: np.ndarray) -> int:
    counts = np.bincount(labels)
    return next(int(label) for label in labels if counts[label] == counts.max())


def _curves(model: Any) -> dict[str, Any]:
    return {"loss": model.loss.tolist(), "accuracy": model.accuracy.tolist()}


def _network(model: Any) -> dict[str, Any]:
    sizes: dict[str, int] = {}
    for name, array in model.weights.items():
        layer = name.rpartition(".")[0]
        sizes[layer] = sizes.get(layer, 0) + array.size
    return _curves(model) | {
        "held_out_accuracy": model.validation_accuracy.tolist(),
        "layers": [{"parameters": size} for size in sizes.values()],
        "parameters": sum(sizes.values()),
    }


def _errors(found: Any, labels: np.ndarray) -> list[dict[str, Any]]:
    rows = []
    for index in np.flatnonzero(found.labels != labels).tolist():
        row: dict[str, Any] = {
            "index": index,
            "true_label": int(labels[index]),
            "predicted_label": int(found.labels[index]),
        }
        if hasattr(found, "probabilities"):
            row["probability"] = float(found.probabilities[index].max())
            row["true_probability"] = float(found.probabilities[index, labels[index]])
        rows.append(row)
    return rows


def _comparison(found: Any, predictions: dict[str, Any], labels: np.ndarray) -> dict[str, Any]:
    missed = np.flatnonzero(np.all([each.labels != labels for each in predictions.values()], axis=0))
    wrong = {
        model: [float((predictions[model].labels != labels)[labels == k].mean()) for k in range(10)]
        for model in found.models
    }
    mean = np.mean(list(wrong.values()), axis=0)
    return dataclasses.asdict(found) | {
        "by_class": {
            "models": wrong,
            "mean": mean.tolist(),
            "hardest": int(mean.argmax()),
            "easiest": int(mean.argmin()),
        },
        "missed_by_all": missed.tolist(),
        "missed_by_all_said": {model: predictions[model].labels[missed].tolist() for model in found.models},
        "missed_by_all_labels": labels[missed].tolist(),
    }


def _champion(model: str, predictions: dict[str, Any], labels: np.ndarray) -> dict[str, Any]:
    right = predictions[model].labels == labels
    return {"accuracy": float(right.mean()), "errors": int((~right).sum())}


SMALL = {"shift": (0, 1), "rotation": (0, 10), "scale": (0.9, 1.1), "stroke": (-0.5, 0.5)}
NEUTRAL = {"scale": 1, "contrast": 1, "resolution": 28}


def _robustness(table: pd.DataFrame, champion: str, labels: np.ndarray) -> dict[str, Any]:
    neutral = table["disturbance"].map(lambda name: NEUTRAL.get(name, 0))
    ends = table["disturbance"].map(lambda name: SMALL.get(name, (NEUTRAL.get(name, 0),) * 2))
    disturbed = table[table["amount"] != neutral]
    small = disturbed[
        [low <= amount <= high for amount, (low, high) in zip(disturbed["amount"], ends[disturbed.index])]
    ]
    by_model = {model: disturbed.loc[disturbed["model"] == model, "accuracy"] for model in MODELS}
    corrupted = disturbed[disturbed["disturbance"].str.startswith("corruption_")]
    said = table[table["model"] == champion].set_index(["disturbance", "amount"])["answers"]
    shown = np.random.default_rng(0).permutation(len(labels))[: min(24, table["count"].iloc[0])]
    first = table[table["amount"] == neutral].groupby("model")["accuracy"].first()
    return {
        "num_images": int(table["count"].iloc[0]),
        "num_disturbances": len(disturbed) // len(MODELS),
        "disturbances": {
            name: {
                "neutral": NEUTRAL.get(name, 0),
                "amounts": sorted(set(rows["amount"])),
                "accuracies": {m: rows.loc[rows["model"] == m, "accuracy"].tolist() for m in MODELS},
                "small": list(SMALL.get(name, (NEUTRAL.get(name, 0),) * 2)),
                "answers": [list(map(int, said[name, amount].split())) for amount in sorted(set(rows["amount"]))],
            }
            for name, rows in table.groupby("disturbance")
        },
        "models": {
            model: {
                "undisturbed": float(first[model]),
                "small_least": float(small.loc[small["model"] == model, "accuracy"].min()),
                "mean": float(shares.mean()),
                "least": float(shares.min()),
                "corruption_error": 1 - float(corrupted.loc[corrupted["model"] == model, "accuracy"].mean()),
            }
            for model, shares in by_model.items()
        },
        "shown": {"indices": shown.tolist(), "labels": labels[shown].tolist()},
    }
