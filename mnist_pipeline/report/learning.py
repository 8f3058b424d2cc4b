"""How a model that is trained in epochs learned: numbers and charts of loss and accuracy."""

from functools import partial

import numpy as np

from mnist_pipeline.data.records import Fitted
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.topics import Document, Named


def curves(model: Fitted) -> Named:
    """Loss and accuracies per epoch, without the held-out accuracy if nothing was held out."""
    curves = {"loss": model["loss"].tolist(), "accuracy": model["accuracy"].tolist()}
    held_out_accuracy = model.get("validation_accuracy")
    if held_out_accuracy is not None and not np.isnan(held_out_accuracy).any():
        curves["held_out_accuracy"] = held_out_accuracy.tolist()
    return curves


def charts(document: Document, name: str, curves: Named) -> Named:
    """The charts `NAME_loss` and `NAME_accuracy` of a model."""
    title = MODELS[name].title
    accuracies = {"training": curves["accuracy"]}
    if "held_out_accuracy" in curves:
        accuracies["held-out"] = curves["held_out_accuracy"]
    parts = document["assets"].get(MODELS[name].model_asset, {}).get("losses") or ()
    loss = partial(figures.draw_loss, loss=curves["loss"], title=title, parts=parts)
    accuracy = partial(figures.draw_accuracies, accuracies=accuracies, title=f"{title}: accuracy")
    return {
        f"{name}_loss": figures.side_by_side(loss),
        f"{name}_accuracy": figures.side_by_side(accuracy, right=figures.LABELS),
    }
