"""How much data: accuracy by number of training images."""

from mnist_pipeline.evaluation.scores import intervals
from mnist_pipeline.evaluation.training_sizes import all_curves
from mnist_pipeline.report import figures
from mnist_pipeline.report.topics import Document, Named, Part, Values

READS = ("accuracy_by_size", "test_digits")
STORY = Part(47, "amount", "More data", "amount/story.html.j2", needs="amount")


def numbers(values: Values) -> Named:
    """Accuracy by number of training images; None if no model was fitted to several numbers."""
    curves = all_curves(values["accuracy_by_size"], values["experiment_summary"])
    amount = {
        curve.model: {
            "sizes": curve.sizes,
            "accuracies": curve.means.tolist(),
            "intervals": intervals(curve.means, len(values["test_digits"].labels)).T.tolist(),
        }
        for curve in curves
    }
    return {"amount": amount if any(len(curve.sizes) > 1 for curve in curves) else None}


def charts(document: Document, values: Values) -> Named:
    """Accuracy by number of training images."""
    if not document["amount"]:
        return {}
    curves = all_curves(values["accuracy_by_size"], values["experiment_summary"])
    num_test = len(values["test_digits"].labels)
    return {"amount": figures.accuracy_by_size(curves, num_test, size=figures.SQUARE)}
