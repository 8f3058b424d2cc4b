"""Labels to check in the graph: on request, as a file, in the report while they fit the data."""

from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from support.calls import call
from support.graph_fixtures import invoke, materialized

from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.data.values import ImageKind, RawData
from mnist_pipeline.evaluation import labels_to_check as checking
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.storage.storage import Storage

COUNT = 100


def guessed(images: np.ndarray, labels: np.ndarray, seed: int, kind: ImageKind) -> np.ndarray:
    """Probabilities that contradict the first labels."""
    answers = labels.copy()
    answers[:COUNT] = (answers[:COUNT] + 1) % 10
    return np.eye(10)[answers] * 0.9 + 0.01


@pytest.mark.usefixtures("without_drawing")
@pytest.mark.parametrize("without_drawing", [{"labels"}], ids=["labels"], indirect=True)
def test_contradicted_labels_are_a_file_and_in_the_report_until_the_data_change(
    own_copy, monkeypatch
):
    data, directory = own_copy
    storage = Storage(str(directory))
    assert storage.read("evaluation_report").document["labels_to_check"] is None
    monkeypatch.setattr(checking, "unseen_probabilities", guessed)
    output = invoke("run", "--select", "labels_to_check")
    assert materialized(output) == {"labels_to_check"}
    (line,) = [line for line in output.splitlines() if line.startswith("Labels to check: ")]
    table = pd.read_csv(line.partition(": ")[2])
    assert table["index"].tolist() == list(range(COUNT))
    assert storage.figure("labels_to_check", "labels")

    invoke("run", "--select", "evaluation_report")
    report = storage.read("evaluation_report")
    assert len(report.document["labels_to_check"]) == COUNT
    assert "train 0" in report.html

    (data / "classes.txt").write_text("\n".join("abcdefghij"))
    invoke("run", "--select", "key:raw_mnist or key:evaluation_report")
    assert storage.read("evaluation_report").document["labels_to_check"] is None
    assert materialized(invoke("run", "--changed", "--select", "labels_to_check")) == {
        "labels_to_check"
    }


@pytest.mark.parametrize("count", [0, 1])
def test_a_figure_shows_the_contradicted_labels_if_there_are_any(
    count, small_train, small_test, monkeypatch
):
    answers = small_train.labels.copy()
    answers[:count] = (answers[:count] + 1) % 10
    table = checking.contradicted(np.eye(10)[answers], small_train.labels)
    drawn = Mock(return_value=Figure())
    monkeypatch.setattr(checking, "find", lambda *_: checking.LabelsToCheck(table))
    monkeypatch.setattr(figures, "labels_to_check", drawn)
    found = call(
        "labels_to_check",
        raw_mnist=RawData((), MNIST),
        data_set=MNIST,
        train_digits=small_train,
        test_digits=small_test,
    )
    assert len(found.value.table) == drawn.call_count == count
