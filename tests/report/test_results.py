"""The accuracies that the report states, in words and with intervals."""

import numpy as np

from mnist_pipeline.evaluation import scores
from mnist_pipeline.report.topics.results import topic as results


def test_a_class_is_missed_if_its_recall_is_below_a_quarter_of_the_accuracy():
    labels = np.repeat(np.arange(10), 200)
    predicted = labels.copy()
    predicted[:100] = 9  # half of class 0
    predicted[200:360] = 9  # 80% of class 1
    evaluation = scores.evaluate(labels, predicted, np.eye(10)[predicted])
    assert results.missed_classes(evaluation) == [1]


def test_a_class_of_a_single_image_is_not_missed_by_chance():
    labels = np.repeat([0, 1, 2], [100, 100, 1])
    predicted = np.where(labels == 2, 0, labels)
    predicted[50:150] = 2
    evaluation = scores.evaluate(labels, predicted, np.eye(3)[predicted])
    assert evaluation.recall[2] == 0
    assert results.missed_classes(evaluation) == []
