"""A document of made-up predictions on a slice of the real digits, and the arrays that its page draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline import evaluation, harris, pca, robustness
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.datasets import DigitSet, class_means, first_of_each_class
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import document
from mnist_pipeline.report.document import Facts, Images

KS = [2, 3, 5, 10, 20, 50, 100]
NUM_TRAIN, NUM_TEST = 2_000, 500
ORIGIN = ("run_id", "data_version", "code_version", "seconds", "config", "seed")
MACHINE = {"processor": "Abacus 9000", "cores": 6, "memory_gb": 12.5, "system": "Linux x86_64", "accelerator": None}


@pytest.fixture(scope="package")
def components(small_train: DigitSet) -> tuple[np.ndarray, np.ndarray, pca.Eigendecomposition]:
    """Mean, covariance and its eigendecomposition."""
    mean = pca.mean(small_train.images)
    covariance = pca.covariance(pca.center(small_train.images, mean))
    return mean, covariance, pca.eigendecomposition(covariance)


def across_table() -> dict[str, list[Any]]:
    """Two data sets with 50 more errors on the second one."""
    rows = []
    for name, title, more in (("mnist", "MNIST", 0), ("fashion-mnist", "Fashion-MNIST", 50)):
        for model, few in {"cnn": 5, "mlp": 9, "knn": 14, "softmax": 40}.items():
            right = 500 - few - more
            rows.append((name, title, model, right / 500, *evaluation.wilson_interval(right, 500), few + more, 500))
    columns = ("data_set", "title", "model", "accuracy", "interval_low", "interval_high", "errors", "total")
    return pd.DataFrame(rows, columns=columns).to_dict("list")  # type: ignore[return-value]


def robustness_table() -> dict[str, list[Any]]:
    """Models that read 97% to 100% undisturbed, and less the further an amount is from that."""
    rows = []
    for name, found in robustness.DISTURBANCES.items():
        width = max(found.amounts) - min(found.amounts)
        for place, model in enumerate(reversed(MODELS)):
            for amount in found.amounts:
                loss = 0.01 * place + (0.1 + 0.02 * place) * abs(amount - found.neutral) / width
                rows.append((name, float(amount), model, 1 - loss, 250))
    columns = ("disturbance", "amount", "model", "accuracy", "count")
    return pd.DataFrame(rows, columns=columns).to_dict("list")  # type: ignore[return-value]


@pytest.fixture(scope="package")
def facts(small_train: DigitSet, small_test: DigitSet, components: tuple[Any, Any, Any]) -> Facts:
    """The inputs of the document, as the asset collects them."""
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
    digits = first_of_each_class(small_train)
    responses = [harris.corner_response(image) for image in digits]
    corners = [harris.corners(response) for response in responses]
    neighbors = generator.integers(0, NUM_TRAIN, (NUM_TEST, 10))
    shown = document.scattered(small_train.labels, 20)
    points = pca.project(small_train.images[shown], mean, vectors[:, :2])
    curves: dict[str, Any] = {"loss": [1.0, 0.5, 0.25], "accuracy": [0.9, 0.95, 0.975]}
    held_out = {**curves, "held_out_accuracy": [0.8, 0.9, 0.93]}
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
        curves={"softmax": curves, "mlp": held_out, "cnn": held_out},
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
        robustness=robustness_table(),
        champion=evaluation.Champion(
            best, evaluations[best].accuracy, evaluations[best].errors, predictions[best].tolist()
        ),
        across=across_table(),
        seconds={"knn": 4.3, "softmax": 3.5, "mlp": 121.0, "cnn": None},
        assets={
            "raw_mnist": dict(zip(ORIGIN, ("9" * 36, "abcdef" * 10, "1f" * 8, 0.375, None, None), strict=True)),
            "cnn_model": dict.fromkeys(ORIGIN),
        },
        versions={"dagster": "1.13.2", "numpy": "2.4.6"},
        machine=MACHINE,
    )


@pytest.fixture(scope="package")
def images(
    small_train: DigitSet, small_test: DigitSet, components: tuple[np.ndarray, np.ndarray, pca.Eigendecomposition]
) -> Images:
    mean, covariance, (_, vectors) = components
    digits = first_of_each_class(small_train)
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


@pytest.fixture(scope="package")
def composed(facts: Facts) -> dict[str, Any]:
    return document.compose(facts)
