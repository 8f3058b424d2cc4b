"""A stored sweep: how much better each model becomes with more training images."""

from mnist_pipeline.evaluation import experiments
from mnist_pipeline.report import figures
from mnist_pipeline.report.content import Document, Named, Part, Values

APPENDIX = (
    Part(72, "experiments", "More data", "experiments/appendix.html.j2", needs="experiments"),
)


def numbers(values: Values) -> Named:
    """The accuracies by training size, for the settings that were tried with several sizes."""
    table = values["experiment_summary"]
    curves = [] if table is None else experiments.curves(table)
    return {"experiments": [curve._asdict() for curve in curves]}


def charts(document: Document, values: Values) -> Named:
    """A curve per model and settings."""
    curves = [experiments.Curve(**points) for points in document["experiments"]]
    if not curves:
        return {}
    return {"experiments": figures.accuracy_by_size(curves, document["data"]["test"])}
