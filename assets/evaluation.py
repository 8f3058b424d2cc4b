"""How good the models are, which is better, and the report of it all."""

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets import settings, storage
from assets.checks import Measured, at_least, checks, exactly
from assets.knn import accuracy_by_k
from assets.records import Corners, Neighbors, Predictions, Reconstructions
from assets.results import SECONDS, result, stopwatch
from assets.storage import StorageError
from mnist_pipeline import evaluation, report
from mnist_pipeline.datasets import CLASS_NAMES, NUM_CLASSES, DigitSet
from mnist_pipeline.evaluation import Comparison, Evaluation
from mnist_pipeline.pca import Eigendecomposition

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
        "every_figure_shown": "A report that lacks a figure is not the report of this run; count of those missing.",
    },
}
LIBRARIES = ("dagster", "matplotlib", "numba", "numpy", "pandas", "scipy", "torch", "torchvision")


def _evaluation_asset(model: str) -> dg.AssetsDefinition:
    title = report.MODEL_TITLES[model]

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
        from mnist_pipeline import figures

        with stopwatch() as watch:
            found = evaluation.evaluate(test_digits.labels, predictions.labels, NUM_CLASSES)
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
                        "class": CLASS_NAMES,
                        "precision": found.precision,
                        "recall": found.recall,
                        "f1": found.f1,
                    }
                )
            },
            figures={"confusion": figures.confusion_matrix(counts, f"{title}: confusion", CLASS_NAMES)},
            checks={
                "counts_add_up": exactly(counts.sum(), len(test_digits.labels)),
                "accuracy_above_floor": above_floor(model, found),
            },
        )

    return evaluated


def above_floor(model: str, found: Evaluation) -> Measured:
    """Hold a model to its floor: a known one on MNIST, elsewhere the share of the most frequent class."""
    if settings.load().canonical:
        return at_least(found.accuracy, MNIST_FLOORS[model])
    frequent = max(sum(row) for row in found.confusion_matrix) / found.total
    return at_least(found.interval[0], frequent)


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
    from mnist_pipeline import figures

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
    titled = {report.MODEL_TITLES[model]: found for model, found in evaluations.items()}
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
    deps=[
        "raw_mnist",
        "centered_data",
        "covariance",
        "projections",
        "data_mean",
        "digit_images",
        "cnn_kernels",
    ]
    + [asset for assets in MODELS.values() for asset in assets if asset != "knn_predictions"],
)
def evaluation_report(
    context: dg.AssetExecutionContext,
    train_digits: DigitSet,
    test_digits: DigitSet,
    eigendecomposition: Eigendecomposition,
    reconstructions: Reconstructions,
    harris_corners: Corners,
    knn_predictions: Neighbors,
    knn_evaluation: Evaluation,
    softmax_evaluation: Evaluation,
    mlp_evaluation: Evaluation,
    cnn_evaluation: Evaluation,
    model_comparison: Comparison,
    cnn_errors: pd.DataFrame,
):
    """One self-contained HTML page with the figures and tables of all assets, and the same as JSON."""
    assets = provenance(context.instance)
    with stopwatch() as watch:
        document = report.document(
            report.Facts(
                num_train=len(train_digits.labels),
                num_test=len(test_digits.labels),
                class_counts={
                    split: np.bincount(digits.labels, minlength=NUM_CLASSES).tolist()
                    for split, digits in (("train", train_digits), ("test", test_digits))
                },
                eigenvalues=eigendecomposition.eigenvalues,
                reconstruction={
                    "k": reconstructions.num_components.tolist(),
                    "explained_share": reconstructions.explained_share.tolist(),
                    "test_rmse": reconstructions.test_rmse.tolist(),
                },
                num_neighbors=int(knn_predictions.num_neighbors),
                accuracy_by_k=accuracy_by_k(knn_predictions, train_digits.labels, test_digits.labels),
                harris={
                    "max_relative_difference": float(harris_corners.gram_difference.max()),
                    "centering_change": float(np.median(harris_corners.centering_change)),
                    "num_corners": int(np.count_nonzero(harris_corners.corners)),
                },
                evaluations={
                    "knn": knn_evaluation,
                    "softmax": softmax_evaluation,
                    "mlp": mlp_evaluation,
                    "cnn": cnn_evaluation,
                },
                comparison=model_comparison,
                cnn_errors=json.loads(cnn_errors.to_json(orient="records")),
                seconds={model: model_seconds(assets, model) for model in MODELS},
                assets=assets,
                versions={"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
            )
        )
        pictures = _pictures()
        page = report.render(document, pictures)
    wanted = [picture for section in report.SECTIONS.values() for picture in section if picture.name != "errors"]
    return result(
        report.Report(page, document),
        f"{len(page) / 1e6:.1f} MB, {len(pictures)} figures",
        seconds=watch.seconds,
        numbers={"figures": len(pictures)},
        checks={
            "self_contained": exactly(report.num_outside_references(page), 0),
            "every_figure_shown": exactly(sum(picture not in pictures for picture in wanted), 0),
        },
    )


def provenance(instance: dg.DagsterInstance) -> dict[str, dict[str, Any]]:
    """What the report was made from: run, data version, code version and seconds of each asset."""
    (spec,) = evaluation_report.specs
    return {
        key: origin(instance, dg.AssetKey(key)) for key in sorted(dep.asset_key.to_user_string() for dep in spec.deps)
    }


def origin(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    """Where the stored value of an asset comes from; None throughout before it is materialized."""
    event = instance.get_latest_materialization_event(key)
    if event is None or event.asset_materialization is None:
        return dict.fromkeys(("run_id", "data_version", "code_version", "seconds", "config"))
    tags = event.asset_materialization.tags or {}
    metadata = event.asset_materialization.metadata
    return {
        "run_id": event.run_id,
        "data_version": tags.get("dagster/data_version"),
        "code_version": tags.get("dagster/code_version"),
        **{name: metadata[name].value if name in metadata else None for name in (SECONDS, "config")},
    }


def model_seconds(origins: Mapping[str, Mapping[str, Any]], model: str) -> float | None:
    """Seconds that training and prediction of a model took, None where a step left none."""
    parts = [origins[asset]["seconds"] for asset in MODELS[model]]
    return None if None in parts else round(sum(parts), 3)


def _pictures() -> dict[report.Picture, bytes]:
    """The figures that have been drawn; an asset can lack one, as the errors of a faultless model do."""
    stored = storage.current()
    found = {}
    for picture in (picture for section in report.SECTIONS.values() for picture in section):
        try:
            found[picture] = stored.read_figure(picture.asset, picture.name)
        except StorageError as error:
            dg.get_dagster_logger().warning(str(error))
    return found
