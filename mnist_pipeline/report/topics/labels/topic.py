"""Labels that may be wrong, if they were looked for."""

from mnist_pipeline.report import figures
from mnist_pipeline.report.content import Document, Named, Part, Values

READS = ("data_set", "train_digits", "test_digits")
APPENDIX = (
    Part(15, "labels", "Labels to check", "labels/appendix.html.j2", needs="labels_to_check"),
)


def numbers(values: Values) -> Named:
    """The images whose label the models contradict; None if nobody looked for them."""
    found = values["labels_to_check"]
    return {"labels_to_check": found and found.table.to_dict("records")}


def charts(document: Document, values: Values) -> Named:
    """The most doubtful images."""
    if not document["labels_to_check"]:
        return {}
    splits = {name: values[f"{name}_digits"] for name in ("train", "test")}
    table = values["labels_to_check"].table
    return {"labels": figures.labels_to_check(table, splits, values["data_set"])}
