"""How accurate each model is, which model is best, and how well they read disturbed digits."""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.held_out import split
from mnist_pipeline.evaluation import robustness as disturbed
from mnist_pipeline.evaluation import scores
from mnist_pipeline.models import MODELS, Model
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.checks import at_least, at_most, checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource, Seed
from mnist_pipeline.runtime.graph.results import result, stopwatch

from .models import ByModel, asset_of_all_models

GROUP = "evaluation"
EVALUATED = {
    "counts_add_up": "Every test image is in exactly one cell of the confusion matrix. Number of "
    "images counted.",
    "better_than_guessing": "A model that may only name the most frequent class is broken. Lower "
    "end of the 95% "
    "interval of the accuracy.",
}
CHECKS = {
    **{model.evaluation_asset: EVALUATED for model in MODELS.values()},
    "held_out_labels": {
        "better_than_guessing": "A model that reads held-out images no better than by naming the "
        "most frequent class "
        "is broken. Least accuracy."
    },
    "robustness": {
        "undisturbed_as_evaluated": "Without a disturbance, the accuracy of a model must be that "
        "of its predictions. "
        "Largest difference.",
        "small_disturbances": "Every hand moves and turns digits a little, and the network must "
        "still read them. "
        "Mean accuracy of the convolutional network, or else of the best model; at least 90% of "
        "its accuracy without.",
    },
}


@asset_of_all_models(
    group_name=GROUP, kinds={"pandas"}, check_specs=checks("held_out_labels", CHECKS)
)
def held_out_labels(train_digits: DigitSet, fitted: ByModel, predictions: ByModel, seed: Seed):
    """The labels and log losses of each model on the training digits held out of its training.

    The champion is chosen on them. k-nearest neighbours does not count an image as its own
    neighbour. The temperature of a network is fitted on the same digits.
    """
    images, labels = train_digits
    with stopwatch():
        _, held_out = split(len(images))
        true, columns = labels[held_out], {}
        for name, model in fitted.items():
            method = MODELS[name].method()
            state = method.state(model, predictions[name], seed.value)
            answer = method.held_out_answer(state, images[held_out], held_out)
            columns[name], columns[f"{name}_loss"] = (
                answer.labels,
                scores.log_losses(true, answer.probabilities),
            )
    accuracies = {name: scores.accuracy(true, columns[name]) for name in fitted}
    return result(
        pd.DataFrame({"index": held_out, "label": true, **columns}),
        f"{len(fitted)} models on {len(true):,} digits",
        numbers=accuracies,
        seed=seed,
        checks={
            "better_than_guessing": at_least(
                min(accuracies.values()), scores.most_frequent_share(true)
            )
        },
    )


def _evaluation_asset(model: Model) -> dg.AssetsDefinition:
    title = model.title

    @dg.asset(
        name=model.evaluation_asset,
        group_name=GROUP,
        kinds={"numpy"},
        description=f"How well {model.phrase} reads the test set. Accuracy (correct ÷ total) with "
        "Wilson's 95% "
        "interval; precision, recall and F1 of each class; confusion matrix.",
        ins={"predictions": dg.AssetIn(model.predictions_asset)},
        check_specs=checks(model.evaluation_asset, CHECKS),
    )
    def evaluated(predictions: Any, test_digits: DigitSet, data_set: DataSetResource):
        true, names = test_digits.labels, data_set.class_names
        with stopwatch():
            probabilities = getattr(predictions, "probabilities", None)
            found = scores.evaluate(true, predictions.labels, len(names), probabilities)
        counts, (low, high) = np.array(found.confusion_matrix), found.interval
        by_class = {
            "class": names,
            "precision": found.precision,
            "recall": found.recall,
            "f1": found.f1,
        }
        return result(
            found,
            f"{found.accuracy:.2%}, {found.errors} errors",
            numbers={
                "accuracy": found.accuracy,
                "errors": found.errors,
                "interval_low": low,
                "interval_high": high,
            },
            tables={"classes": pd.DataFrame(by_class)},
            figures={
                "confusion": figures.confusion_matrix(counts, f"{title}: confusion", names),
                **(
                    {"reliability": figures.reliability(found.calibration, title)}
                    if found.calibration
                    else {}
                ),
            },
            checks={
                "counts_add_up": exactly(counts.sum(), len(true)),
                "better_than_guessing": at_least(
                    *scores.compared_with_guessing(true, predictions.labels)
                ),
            },
        )

    return evaluated


evaluation_assets = [_evaluation_asset(model) for model in MODELS.values()]


@asset_of_all_models(group_name=GROUP, kinds={"scipy"})
def model_comparison(test_digits: DigitSet, predictions: ByModel, evaluations: ByModel):
    """The models side by side, with the exact McNemar test for each pair, and the digits that all
    miss.
    """
    with stopwatch():
        labels = {name: made.labels for name, made in predictions.items()}
        comparison = scores.compare(test_digits.labels, labels, evaluations)
    best, missed = next(iter(comparison.models)), len(comparison.missed_by_all)
    rows = [
        (name, each.accuracy, *each.interval, each.errors)
        for name, each in comparison.models.items()
    ]
    titled = {
        MODELS[name].title: (each.accuracy, *each.interval)
        for name, each in comparison.models.items()
    }
    return result(
        comparison,
        f"best is {best}; {missed} digits missed by all",
        numbers={"best": best, "missed_by_all": missed},
        tables={
            "models": pd.DataFrame(
                rows, columns=["model", "accuracy", "interval_low", "interval_high", "errors"]
            ),
            "pairs": pd.DataFrame(comparison.pairs),
        },
        figures={"accuracies": figures.accuracies(titled)},
    )


class RobustnessConfig(dg.Config):
    """How many digits are disturbed."""

    num_images: int = Field(
        100, ge=1, le=10_000, description="Number of test images to disturb, drawn at random."
    )


@asset_of_all_models(
    group_name=GROUP, kinds={"numba", "scipy"}, check_specs=checks("robustness", CHECKS)
)
def robustness(
    test_digits: DigitSet, fitted: ByModel, predictions: ByModel, config: RobustnessConfig
):
    """Accuracy of each model on test images that are shifted, rotated, resized, thickened or
    blurred.
    """
    drawn = disturbed.sample(len(test_digits.labels), config.num_images)
    digits = DigitSet(*(array[drawn] for array in test_digits))
    with stopwatch():
        readers = {
            name: MODELS[name].method().reader(model, predictions[name])
            for name, model in fitted.items()
        }
        measured = disturbed.measure(readers, digits.images, digits.labels)
    table, curves = pd.DataFrame(measured), disturbed.curves(measured)
    evaluated = {
        name: scores.accuracy(digits.labels, made.labels[drawn])
        for name, made in predictions.items()
    }
    judged = "cnn" if "cnn" in fitted else max(evaluated, key=evaluated.__getitem__)
    of_judged = disturbed.summary(curves, judged)
    small, mean_error = of_judged["small_mean"], of_judged["corruption_error"]
    return result(
        table,
        f"{MODELS[judged].short_title} {small:.1%} under small disturbances of "
        f"{len(digits.labels)} images, "
        f"mean error {mean_error:.1%} under MNIST-C",
        numbers={
            "images": len(digits.labels),
            "small_disturbances": small,
            "corruption_error": mean_error,
        },
        tables={
            "models": table.groupby("model", sort=False)["accuracy"]
            .agg(["mean", "min"])
            .reset_index()
        },
        figures={
            "robustness": figures.robustness(curves, len(digits.labels)),
            "corruptions": figures.corruptions(curves, len(digits.labels)),
        },
        config=config,
        checks={
            "undisturbed_as_evaluated": at_most(
                disturbed.largest_difference(measured, evaluated), 0
            ),
            "small_disturbances": at_least(small, 0.9 * of_judged["undisturbed"]),
        },
    )
