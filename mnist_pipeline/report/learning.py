"""How a model that is trained in epochs learned: numbers and charts of loss and accuracy."""

from typing import Any

from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.content import Document, Named


def curves(model: Any) -> Named:
    """Loss and accuracies per epoch; only networks measure the held-out accuracy."""
    curves = {"loss": model.loss.tolist(), "accuracy": model.accuracy.tolist()}
    if hasattr(model, "validation_accuracy"):
        curves["held_out_accuracy"] = model.validation_accuracy.tolist()
    return curves


def charts(document: Document, name: str, curves: Named) -> Named:
    """The charts `NAME_loss` and `NAME_accuracy` of a model."""
    model = MODELS[name]
    accuracies = {"training": curves["accuracy"]}
    if "held_out_accuracy" in curves:
        accuracies["held-out"] = curves["held_out_accuracy"]
    parts = document["assets"][model.model_asset]["losses"] or ()
    panels = figures.learning_panels(curves["loss"], accuracies, model.title, parts)
    return {
        f"{name}_loss": figures.side_by_side(panels["loss"]),
        f"{name}_accuracy": figures.side_by_side(panels["accuracy"]),
    }
