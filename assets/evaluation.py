"""How good the models are, which is better, and the report of it all."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from mnist_pipeline import evaluation
from mnist_pipeline.data.datasets import NUM_CLASSES, DigitSet
from mnist_pipeline.evaluation import Comparison, Evaluation
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.checks import Measured, at_least, checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource
from mnist_pipeline.runtime.graph.results import result, stopwatch

GROUP = "evaluation"
EVALUATED = {
    "counts_add_up": "Each test image is in one cell of the confusion matrix; a difference means lost or doubled ones.",
    "accuracy_above_floor": "A model below its floor is broken or mistrained, and is not promoted.",
}
CHECKS = {
    "model_comparison": {"no_model_below_floor": "One look at all models: how many are below their floors."},
}
ACROSS = "data_set_comparison"


def _evaluation_asset(model: str) -> dg.AssetsDefinition:
    title = MODELS[model].title

    @dg.asset(
        name=f"{model}_evaluation",
        group_name=GROUP,
        kinds={"scipy"},
        description=f"{title} on the whole test set: accuracy = correct ÷ total with Wilson's 95% interval, "
        "precision, recall and F1 of each class, confusion matrix.",
        ins={"predictions": dg.AssetIn(f"{model}_predictions")},
        check_specs=checks(f"{model}_evaluation", EVALUATED),
    )
    def evaluated(predictions: Any, test_digits: DigitSet, data_set: DataSetResource):
        from mnist_pipeline.report import figures

        names = data_set.class_names
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
                "accuracy_above_floor": above_floor(model, found, data_set),
            },
        )

    return evaluated


def above_floor(model: str, found: Evaluation, data_set: DataSetResource) -> Measured:
    """Hold a model to its floor."""
    frequent = max(sum(row) for row in found.confusion_matrix) / found.total
    return held_to_floor(found.accuracy, found.interval[0], MODELS[model].mnist_floor, frequent, data_set)


def held_to_floor(accuracy: float, low: float, known: float, frequent: float, data_set: DataSetResource) -> Measured:
    """Hold an accuracy to a floor: a known one on MNIST, elsewhere the share of the most frequent class.

    Parameters
    ----------
    accuracy, low : float
        The accuracy, and the lower end of its interval.
    known, frequent : float
        Both floors; above the second lies what is surely better than naming the most frequent class.
    """
    return at_least(accuracy, known) if data_set.canonical else at_least(low, frequent)


evaluation_assets = [_evaluation_asset(model) for model in MODELS]


def inputs(*attributes: str) -> dict[str, dg.AssetIn]:
    """Inputs of an asset over all models: of each model the assets that these attributes of its entry name."""
    return {getattr(model, name): dg.AssetIn() for model in MODELS.values() for name in attributes}


@dg.asset(
    group_name=GROUP,
    kinds={"scipy"},
    ins=inputs("evaluation_asset", "predictions_asset"),
    check_specs=checks("model_comparison", CHECKS["model_comparison"]),
)
def model_comparison(test_digits: DigitSet, data_set: DataSetResource, **of_models: Any):
    """The models side by side, the exact McNemar test for each pair, and the test digits that all miss."""
    from mnist_pipeline.report import figures

    evaluations = {name: of_models[model.evaluation_asset] for name, model in MODELS.items()}
    labels = {name: of_models[model.predictions_asset].labels for name, model in MODELS.items()}
    with stopwatch() as watch:
        comparison = evaluation.compare(test_digits.labels, labels, evaluations)
    best = next(iter(comparison.models))
    below = sum(not above_floor(model, found, data_set).passed for model, found in evaluations.items())
    titled = {MODELS[model].title: found for model, found in evaluations.items()}
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
