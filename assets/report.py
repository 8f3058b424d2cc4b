"""The evaluation report: one HTML page, and every number on it as JSON."""

import platform
import time
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets.evaluation import ACROSS, GROUP, inputs
from assets.harris import clearest_places
from mnist_pipeline import softmax
from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import Champion, Comparison
from mnist_pipeline.models import MODELS, model_seconds
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.records import Corners, Network, Predictions, Reconstructions, SoftmaxModel
from mnist_pipeline.runtime.graph.checks import at_most, checks, exactly
from mnist_pipeline.runtime.graph.records import origins
from mnist_pipeline.runtime.graph.resources import DataSetResource, StoredResults
from mnist_pipeline.runtime.graph.results import result, stopwatch
from mnist_pipeline.utils import machine

CHECKS = {
    "evaluation_report": {
        "self_contained": "The page must open offline, from a file. Number of references to other places.",
        "size": "The page must be small enough for a mail and for a phone. Bytes.",
    },
}
MAX_REPORT_BYTES = 4_000_000
LEARNING = [model for model in MODELS.values() if model.has_learning_curves]
LIBRARIES = ("dagster", "matplotlib", "numba", "numpy", "pandas", "scipy", "torch")


@dg.asset(
    group_name=GROUP,
    kinds={"html"},
    check_specs=checks("evaluation_report", CHECKS),
    ins=inputs("predictions_asset", "evaluation_asset") | {model.model_asset: dg.AssetIn() for model in LEARNING},
    deps=["centered_data", "cnn_errors", *(model.model_asset for model in MODELS.values() if model not in LEARNING)],
)
def evaluation_report(
    context: dg.AssetExecutionContext,
    raw_mnist: pd.DataFrame,
    train_digits: DigitSet,
    test_digits: DigitSet,
    digit_images: np.ndarray,
    data_mean: np.ndarray,
    covariance: np.ndarray,
    eigendecomposition: Eigendecomposition,
    projections: np.ndarray,
    reconstructions: Reconstructions,
    harris_corners: Corners,
    cnn_kernels: np.ndarray,
    model_comparison: Comparison,
    robustness: pd.DataFrame,
    champion: Champion,
    data_set: DataSetResource,
    stored_results: StoredResults,
    **of_models: Any,
):
    """One self-contained HTML page with the results of all assets, and every number on it as JSON."""
    from mnist_pipeline import networks
    from mnist_pipeline.knn.model import accuracy_by_k
    from mnist_pipeline.report import document, page

    predictions = {name: of_models[model.predictions_asset] for name, model in MODELS.items()}
    learned = {model.name: of_models[model.model_asset] for model in LEARNING}
    neighbors, softmax_model = predictions["knn"], learned["softmax"]
    across = _across(context, stored_results)
    assets = provenance(context.instance, data_set) | (
        {} if across is None else {ACROSS: origins(context.instance, [key := dg.AssetKey(ACROSS)])[key]}
    )
    place_digit, places = clearest_places(digit_images, harris_corners)
    shown = document.scattered(train_digits.labels)
    with stopwatch() as watch:
        composed = document.compose(
            document.Facts(
                run=_run(context, data_set),
                data_set=data_set.located.known,
                files=[{str(name): value for name, value in file.items()} for file in raw_mnist.to_dict("records")],
                train_labels=train_digits.labels,
                test_labels=test_digits.labels,
                mean=data_mean,
                eigenvalues=eigendecomposition.eigenvalues,
                scatter={
                    "index": shown.tolist(),
                    "label": train_digits.labels[shown].tolist(),
                    "x": projections[shown, 0].tolist(),
                    "y": projections[shown, 1].tolist(),
                },
                reconstruction={
                    "k": reconstructions.num_components.tolist(),
                    "explained_share": reconstructions.explained_share.tolist(),
                    "test_rmse": reconstructions.test_rmse.tolist(),
                },
                harris={
                    "corners": np.count_nonzero(harris_corners.corners, axis=(1, 2)).tolist(),
                    "difference": harris_corners.gram_difference.tolist(),
                    "centering_change": harris_corners.centering_change.tolist(),
                },
                places=places,
                place_digit=place_digit,
                num_neighbors=int(neighbors.num_neighbors),
                neighbors=neighbors.indices,
                neighbor_labels=train_digits.labels[neighbors.indices],
                squared_distances=neighbors.squared_distances,
                accuracy_by_k=accuracy_by_k(neighbors, train_digits.labels, test_digits.labels),
                curves={name: _curves(model) for name, model in learned.items()},
                gradient_error=float(softmax_model.gradient_error),
                layers={
                    name: networks.layer_rows(networks.of_weights(model.weights))
                    for name, model in learned.items()
                    if isinstance(model, Network)
                },
                predictions={name: predicted.labels for name, predicted in predictions.items()},
                probabilities={
                    name: predicted.probabilities
                    for name, predicted in predictions.items()
                    if isinstance(predicted, Predictions)
                },
                evaluations={name: of_models[model.evaluation_asset] for name, model in MODELS.items()},
                comparison=model_comparison,
                robustness={str(name): column.tolist() for name, column in robustness.items()},
                champion=champion,
                across=None if across is None else {str(name): column.tolist() for name, column in across.items()},
                seconds={model: model_seconds(assets, model) for model in MODELS},
                assets=assets,
                versions={"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
                machine=machine.describe(),
            )
        )
        html = page.render(
            composed,
            document.Images(
                train=train_digits.images,
                test=test_digits.images,
                digits=digit_images,
                class_means=datasets.class_means(train_digits),
                mean=data_mean,
                covariance=covariance,
                eigenvectors=eigendecomposition.eigenvectors,
                reconstructions=reconstructions.images,
                corners=harris_corners.corners,
                templates=softmax_model.weights * softmax.pixel_deviations(train_digits.images),
                kernels=cnn_kernels,
            ),
        )
    size = len(html.encode())
    return result(
        document.Report(html, composed),
        f"{size / 1e6:.1f} MB",
        seconds=watch.seconds,
        checks={
            "self_contained": exactly(page.num_outside_references(html), 0),
            "size": at_most(size, MAX_REPORT_BYTES),
        },
    )


def _across(context: dg.AssetExecutionContext, stored_results: StoredResults) -> pd.DataFrame | None:
    """The comparison of the data sets; None if the report does not depend on it or it is not materialized."""
    key = dg.AssetKey(ACROSS)
    is_named = any(dep.asset_key == key for spec in context.assets_def.specs for dep in spec.deps)
    return stored_results.recorded(context.instance, key) if is_named else None


def _run(context: dg.AssetExecutionContext, data_set: DataSetResource) -> dict[str, Any]:
    """The run that makes the report, when it started, and its data set."""
    record = context.instance.get_run_record_by_id(context.op_execution_context.run_id)
    started = record.start_time if record and record.start_time else time.time()
    return {
        "id": context.op_execution_context.run_id,
        "started": datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
        "source": data_set.located.known.title,
        "canonical": data_set.canonical,
    }


def _curves(model: SoftmaxModel | Network) -> dict[str, list[float]]:
    """Loss and accuracies per epoch, without the held-out accuracy if nothing was held out."""
    curves = {"loss": model.loss.tolist(), "accuracy": model.accuracy.tolist()}
    if isinstance(model, Network) and not np.isnan(model.validation_accuracy).any():
        curves["held_out_accuracy"] = model.validation_accuracy.tolist()
    return curves


def provenance(instance: dg.DagsterInstance, data_set: DataSetResource) -> dict[str, dict[str, Any]]:
    """Run, data version, code version and seconds of each asset that the report depends on."""
    (spec,) = evaluation_report.specs
    found = origins(instance, [data_set.located.key(dep.asset_key.path[-1]) for dep in spec.deps])
    return {key.path[-1]: record for key, record in sorted(found.items(), key=lambda item: item[0].path[-1])}
