"""The numbers of a trial, which the UI shows."""

from unittest.mock import Mock

import dagster as dg
import numpy as np
import pandas as pd

from assets.trials import TRIALS, experiment_summary, experiment_trials
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.report import figures


def test_a_trial_reports_its_accuracies_on_the_images_that_they_belong_to(monkeypatch):
    train = DigitSet(np.zeros((60, 28, 28), np.uint8), np.repeat(np.arange(2), 30))
    test = DigitSet(np.zeros((4, 28, 28), np.uint8), np.array([0, 0, 0, 1]))
    right = train.labels[train.divided()[1]]
    labels = {"held_out": right, "test": np.zeros(4, int)}
    monkeypatch.setattr(experiments, "run", lambda *_: labels)
    context = dg.build_asset_context(partition_key=next(iter(TRIALS)))
    found = experiment_trials(context, train, test, ImageKind())
    assert found.metadata["held_out_accuracy"] == 1
    assert found.metadata["test_accuracy"] == 0.75
    assert "100.00%" in found.metadata["headline"]


def test_the_intervals_of_the_figure_are_those_of_the_test_images(monkeypatch):
    train, test = (
        DigitSet(np.zeros((count, 28, 28), np.uint8), np.arange(count) % 10)
        for count in (60_000, 500)
    )
    table = pd.DataFrame({"trial": ["a"], "held_out_accuracy": [0.9]})
    monkeypatch.setattr(experiments, "summarize", lambda *_: table)
    monkeypatch.setattr(experiments, "curves", lambda _: [])
    drawn = Mock(return_value=figures.accuracy_by_size([], 500))
    monkeypatch.setattr(figures, "accuracy_by_size", drawn)
    experiment_summary({}, train, test)
    drawn.assert_called_once_with([], 500)
