"""How accurate each model is, which model answers users, and whether differences are chance."""

import dataclasses

import numpy as np

from mnist_pipeline.evaluation.scores import (
    SIGNIFICANCE,
    Evaluation,
    accuracy,
    balanced_accuracy,
    compared_with_guessing,
    intervals,
)
from mnist_pipeline.methods.table import MODELS, STORED, model_seconds
from mnist_pipeline.report import figures
from mnist_pipeline.report.content import Document, Named, Part, Values
from mnist_pipeline.report.words import recipe_in_words

READS = (
    *("data_set", "train_digits", "test_digits", "model_comparison", "champion"),
    *STORED,  # of the models, only versions and seconds are shown
)
APPENDIX = (Part(70, "comparison", "Comparison", "results/appendix.html.j2"),)
OF_CHAMPION = ("model", "accuracy", "errors", "num_held_out")


def numbers(values: Values) -> Named:
    """The evaluation of each model, the comparison, the champion, and what the notebook printed."""
    champion = values["champion"]
    return {
        "models": {name: _model(values, name) for name in MODELS},
        "comparison": _comparison(values),
        "champion": {
            **{name: getattr(champion, name) for name in OF_CHAMPION},
            "reason": values["origins"]["champion"]["reason"],
            "surely_better_than_guessing": _surely_better_than_guessing(values),
        },
        "notebook": _notebook(values),
    }


def charts(document: Document, values: Values) -> Named:
    """The accuracy of all models."""
    return {"accuracies": figures.accuracies(values["model_comparison"].models)}


def sprites(document: Document) -> list[int]:
    """The images that all models misclassify."""
    return list(document["comparison"]["missed_by_all"])


def context(document: Document, values: Values) -> Named:
    """The largest share of a class that a model misclassifies, and whether classes differ."""
    by_class = document["comparison"]["by_class"]
    low, high = intervals(by_class["mean"], document["data"]["class_counts"]["test"])
    return {
        "most_missed": max(map(max, by_class["models"].values())) or 1,
        "classes_differ": low.max() > high.min(),
    }


def _model(values: Values, name: str) -> Named:
    """The evaluation of a model on the test images.

    `balanced_accuracy`, the mean of the recalls, is None unless it differs from the accuracy by
    more than chance. `calibrated_by_chance` is about the calibration error that chance gives a
    perfectly calibrated model.
    """
    model, origins = MODELS[name], values["origins"]
    evaluation = values[model.evaluation_asset]
    counts = np.array(evaluation.confusion_matrix)
    balanced, differs = balanced_accuracy(counts)
    return {
        **dataclasses.asdict(evaluation),
        "balanced_accuracy": balanced if differs else None,
        "missed_classes": missed_classes(evaluation),
        "calibrated_by_chance": evaluation.calibration.error_by_chance,
        "accuracy_without_doubted": _accuracy_without_doubted(values, name),
        "seconds": model_seconds(origins, name),
        "settings": recipe_in_words(origins[model.model_asset]),
    }


def missed_classes(evaluation: Evaluation) -> list[int]:
    """The classes whose recall is surely below the accuracy, and below a quarter of it."""
    recall = np.array(evaluation.recall)
    _, highest = intervals(recall, np.sum(evaluation.confusion_matrix, axis=1))
    is_missed = (highest < evaluation.accuracy) & (recall < evaluation.accuracy / 4)
    return np.flatnonzero(is_missed).tolist()


def _accuracy_without_doubted(values: Values, name: str) -> float:
    labels = values["test_digits"].labels
    kept = np.setdiff1d(np.arange(len(labels)), values["data_set"].doubted_labels)
    return accuracy(labels[kept], values[f"{name}_predictions"].labels[kept])


def _surely_better_than_guessing(values: Values) -> bool:
    """Whether the held-out images show that the champion does more than guess."""
    champion, digits = values["champion"], values["train_digits"]
    right = champion.num_held_out - champion.held_out_errors
    low, guessing = compared_with_guessing(right, digits.labels[digits.divided()[1]])
    return low > guessing


def _notebook(values: Values) -> Named:
    """The results of the course notebook that the project grew from; it was on MNIST."""
    if not values["data_set"].is_mnist:
        return {}
    return {
        name: dataclasses.asdict(model.notebook) for name, model in MODELS.items() if model.notebook
    }


def _comparison(values: Values) -> Named:
    comparison = values["model_comparison"]
    compared, missed = dataclasses.asdict(comparison), comparison.missed_by_all
    # Several pairs are tested, so the level is divided by their number (Bonferroni's correction).
    level = SIGNIFICANCE / max(1, len(compared["pairs"]))
    for pair in compared["pairs"]:
        pair["significant"] = pair["p_value"] < level
    compared["by_class"] = _by_class(values)
    compared["missed_by_all_said"] = {
        model: values[f"{model}_predictions"].labels[missed].tolist() for model in comparison.models
    }
    compared["missed_by_all_labels"] = values["test_digits"].labels[missed].tolist()
    return compared


def _by_class(values: Values) -> Named:
    """The share of each class that each model misreads; means; hardest and easiest class."""
    models = values["model_comparison"].models
    shares = {name: 1 - np.array(values[f"{name}_evaluation"].recall) for name in models}
    mean = np.mean(list(shares.values()), axis=0)
    return {
        "models": {name: share.tolist() for name, share in shares.items()},
        "mean": mean.tolist(),
        "hardest": int(mean.argmax()),
        "easiest": int(mean.argmin()),
    }
