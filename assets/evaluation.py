"""How good the models are, which is better, and the report of it all."""

import platform
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets.harris import clearest_places
from assets.knn import accuracy_by_k
from assets.networks import build, layer_rows
from mnist_pipeline import evaluation, softmax
from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import NUM_CLASSES, DigitSet
from mnist_pipeline.evaluation import MODEL_TITLES, Champion, Comparison, Evaluation
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.records import Corners, Neighbors, Network, Predictions, Reconstructions, SoftmaxModel
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.checks import Measured, at_least, at_most, checks, exactly
from mnist_pipeline.runtime.graph.results import SECONDS, result, stopwatch
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.utils import machine

GROUP = "evaluation"
MODELS = {
    "knn": ("knn_index", "knn_predictions"),
    "softmax": ("softmax_model", "softmax_predictions"),
    "mlp": ("mlp_model", "mlp_predictions"),
    "cnn": ("cnn_model", "cnn_predictions"),
}
# What each model has reached on MNIST with every seed tried, with room for the spread between seeds. Another
# data set has no such history: there a model must be surely better than naming the most frequent class.
MNIST_FLOORS = {"knn": 0.97, "softmax": 0.915, "mlp": 0.9775, "cnn": 0.99}
EVALUATED = {
    "counts_add_up": "Each test image is in one cell of the confusion matrix; a difference means lost or doubled ones.",
    "accuracy_above_floor": "A model below its floor is broken or mistrained, and is not promoted.",
}
CHECKS = {
    "model_comparison": {"no_model_below_floor": "One look at all models: how many are below their floors."},
    "evaluation_report": {
        "self_contained": "The page opens offline, from a file; count of references to anywhere else.",
        "size": "A page to be sent by mail and opened on a phone; bytes.",
    },
}
ACROSS = "data_set_comparison"
MAX_REPORT_BYTES = 4_000_000
LIBRARIES = ("dagster", "matplotlib", "numba", "numpy", "pandas", "scipy", "torch")


def _evaluation_asset(model: str) -> dg.AssetsDefinition:
    title = MODEL_TITLES[model]

    @dg.asset(
        name=f"{model}_evaluation",
        group_name=GROUP,
        kinds={"scipy"},
        description=f"{title} on the whole test set: accuracy = correct ÷ total with Wilson's 95% interval, "
        "precision, recall and F1 of each class, confusion matrix.",
        ins={"predictions": dg.AssetIn(f"{model}_predictions")},
        check_specs=checks(f"{model}_evaluation", EVALUATED),
    )
    def evaluated(predictions: Any, test_digits: DigitSet):
        from mnist_pipeline.report import figures

        names = data_sets.current().known.class_names
        with stopwatch() as watch:
            probabilities = getattr(predictions, "probabilities", None)
            found = evaluation.evaluate(test_digits.labels, predictions.labels, NUM_CLASSES, probabilities)
        counts = np.array(found.confusion_matrix)
        return result(
            found,
            f"{found.accuracy:.2%}, {found.errors} errors",
            seconds=watch.seconds,
            numbers={
                "accuracy": found.accuracy,
                "errors": found.errors,
                "interval_low": found.interval[0],
                "interval_high": found.interval[1],
            },
            tables={
                "classes": pd.DataFrame(
                    {
                        "class": names,
                        "precision": found.precision,
                        "recall": found.recall,
                        "f1": found.f1,
                    }
                )
            },
            figures={
                "confusion": figures.confusion_matrix(counts, f"{title}: confusion", names),
                **({"reliability": figures.reliability(found.calibration, title)} if found.calibration else {}),
            },
            checks={
                "counts_add_up": exactly(counts.sum(), len(test_digits.labels)),
                "accuracy_above_floor": above_floor(model, found),
            },
        )

    return evaluated


def above_floor(model: str, found: Evaluation) -> Measured:
    """Hold a model to its floor."""
    frequent = max(sum(row) for row in found.confusion_matrix) / found.total
    return held_to_floor(found.accuracy, found.interval[0], MNIST_FLOORS[model], frequent)


def held_to_floor(accuracy: float, low: float, known: float, frequent: float) -> Measured:
    """Hold an accuracy to a floor: a known one on MNIST, elsewhere the share of the most frequent class.

    Parameters
    ----------
    accuracy, low : float
        The accuracy, and the lower end of its interval.
    known, frequent : float
        Both floors; above the second lies what is surely better than naming the most frequent class.
    """
    return at_least(accuracy, known) if data_sets.current().canonical else at_least(low, frequent)


knn_evaluation, softmax_evaluation, mlp_evaluation, cnn_evaluation = map(_evaluation_asset, MODELS)


@dg.asset(group_name=GROUP, kinds={"scipy"}, check_specs=checks("model_comparison", CHECKS["model_comparison"]))
def model_comparison(
    knn_evaluation: Evaluation,
    softmax_evaluation: Evaluation,
    mlp_evaluation: Evaluation,
    cnn_evaluation: Evaluation,
    knn_predictions: Neighbors,
    softmax_predictions: Predictions,
    mlp_predictions: Predictions,
    cnn_predictions: Predictions,
    test_digits: DigitSet,
):
    """The models side by side, the exact McNemar test for each pair, and the test digits that all miss."""
    from mnist_pipeline.report import figures

    evaluations = dict(zip(MODELS, (knn_evaluation, softmax_evaluation, mlp_evaluation, cnn_evaluation), strict=True))
    labels = (
        knn_predictions.labels,
        softmax_predictions.labels,
        mlp_predictions.labels,
        cnn_predictions.labels,
    )
    with stopwatch() as watch:
        comparison = evaluation.compare(
            test_digits.labels,
            dict(zip(MODELS, labels, strict=True)),
            evaluations,
        )
    best = next(iter(comparison.models))
    below = sum(not above_floor(model, found).passed for model, found in evaluations.items())
    titled = {MODEL_TITLES[model]: found for model, found in evaluations.items()}
    return result(
        comparison,
        f"best is {best}; {len(comparison.missed_by_all)} digits missed by all",
        seconds=watch.seconds,
        numbers={"best": best, "missed_by_all": len(comparison.missed_by_all)},
        tables={"models": _model_table(comparison), "pairs": pd.DataFrame(comparison.pairs)},
        figures={"accuracies": figures.accuracies(titled)},
        checks={"no_model_below_floor": exactly(below, 0)},
    )


def _model_table(comparison: Comparison) -> pd.DataFrame:
    """One row a model: accuracy, interval, errors."""
    return pd.DataFrame(
        [
            {
                "model": model,
                "accuracy": score.accuracy,
                "interval_low": score.interval[0],
                "interval_high": score.interval[1],
                "errors": score.errors,
            }
            for model, score in comparison.models.items()
        ]
    )


@dg.asset(
    group_name=GROUP,
    kinds={"html"},
    check_specs=checks("evaluation_report", CHECKS["evaluation_report"]),
    deps=["centered_data", "knn_index", "cnn_errors"],
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
    knn_predictions: Neighbors,
    softmax_model: SoftmaxModel,
    softmax_predictions: Predictions,
    mlp_model: Network,
    mlp_predictions: Predictions,
    cnn_model: Network,
    cnn_kernels: np.ndarray,
    cnn_predictions: Predictions,
    knn_evaluation: Evaluation,
    softmax_evaluation: Evaluation,
    mlp_evaluation: Evaluation,
    cnn_evaluation: Evaluation,
    model_comparison: Comparison,
    robustness: pd.DataFrame,
    champion: Champion,
):
    """One self-contained HTML page that tells what all assets found, and every number of it as JSON."""
    from mnist_pipeline.report import document, page

    located = data_sets.current()
    across = _across(context.instance, located)
    assets = provenance(context.instance, located) | (
        {} if across is None else {ACROSS: origin(context.instance, dg.AssetKey(ACROSS))}
    )
    place_digit, places = clearest_places(digit_images, harris_corners)
    shown = document.scattered(train_digits.labels)
    with stopwatch() as watch:
        composed = document.compose(
            document.Facts(
                run=_run(context, located),
                data_set=located.known,
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
                num_neighbors=int(knn_predictions.num_neighbors),
                neighbors=knn_predictions.indices,
                neighbor_labels=train_digits.labels[knn_predictions.indices],
                squared_distances=knn_predictions.squared_distances,
                accuracy_by_k=accuracy_by_k(knn_predictions, train_digits.labels, test_digits.labels),
                curves={
                    "softmax": _curves(softmax_model),
                    "mlp": _curves(mlp_model),
                    "cnn": _curves(cnn_model),
                },
                gradient_error=float(softmax_model.gradient_error),
                layers={name: layer_rows(build(name)) for name in ("mlp", "cnn")},
                predictions={
                    "knn": knn_predictions.labels,
                    "softmax": softmax_predictions.labels,
                    "mlp": mlp_predictions.labels,
                    "cnn": cnn_predictions.labels,
                },
                probabilities={
                    "softmax": softmax_predictions.probabilities,
                    "mlp": mlp_predictions.probabilities,
                    "cnn": cnn_predictions.probabilities,
                },
                evaluations={
                    "knn": knn_evaluation,
                    "softmax": softmax_evaluation,
                    "mlp": mlp_evaluation,
                    "cnn": cnn_evaluation,
                },
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


def _across(instance: dg.DagsterInstance, located: data_sets.Located) -> pd.DataFrame | None:
    """The comparison of the data sets, as recorded; None in the report of one beside MNIST, or if there is none yet."""
    recorded = origin(instance, dg.AssetKey(ACROSS))["data_version"]
    if located.prefix is not None or len(data_sets.configured()) == 1 or recorded is None:
        return None
    return storage.current().read(ACROSS, recorded)


def _run(context: dg.AssetExecutionContext, located: data_sets.Located) -> dict[str, Any]:
    """Which run made the report, when it began, and over which data."""
    record = context.instance.get_run_record_by_id(context.op_execution_context.run_id)
    started = record.start_time if record and record.start_time else time.time()
    return {
        "id": context.op_execution_context.run_id,
        "started": datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
        "source": located.known.title,
        "canonical": located.canonical,
    }


def _curves(model: SoftmaxModel | Network) -> dict[str, list[float]]:
    """What each epoch measured; no held-out accuracy where nothing was held out."""
    curves = {"loss": model.loss.tolist(), "accuracy": model.accuracy.tolist()}
    if isinstance(model, Network) and not np.isnan(model.validation_accuracy).any():
        curves["held_out_accuracy"] = model.validation_accuracy.tolist()
    return curves


def provenance(instance: dg.DagsterInstance, located: data_sets.Located) -> dict[str, dict[str, Any]]:
    """What the report was made from: run, data version, code version and seconds of each asset."""
    (spec,) = evaluation_report.specs
    found = origins(instance, [located.key(dep.asset_key.path[-1]) for dep in spec.deps])
    return {key.path[-1]: told for key, told in sorted(found.items(), key=lambda item: item[0].path[-1])}


def origin(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    """Where the stored value of an asset comes from; None throughout before it is materialized."""
    return origins(instance, [key])[key]


def origins(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> dict[dg.AssetKey, dict[str, Any]]:
    """The same of several assets, asked for together."""
    entries = [record.asset_entry for record in instance.get_asset_records(keys)]
    latest = {entry.asset_key: entry.last_materialization for entry in entries}
    return {key: _told(latest.get(key)) for key in keys}


def _told(event: dg.EventLogEntry | None) -> dict[str, Any]:
    if event is None or event.asset_materialization is None:
        return dict.fromkeys(("run_id", "data_version", "code_version", SECONDS, "config", "seed"))
    tags = event.asset_materialization.tags or {}
    metadata = event.asset_materialization.metadata
    return {
        "run_id": event.run_id,
        "data_version": tags.get("dagster/data_version"),
        "code_version": tags.get("dagster/code_version"),
        **{name: metadata[name].value if name in metadata else None for name in (SECONDS, "config", "seed")},
    }


def model_seconds(origins: Mapping[str, Mapping[str, Any]], model: str) -> float | None:
    """Seconds that training and prediction of a model took, None where a step left none."""
    parts = [origins[asset]["seconds"] for asset in MODELS[model]]
    return None if None in parts else round(sum(parts), 3)
