"""Experiments: one partition per trial of a sweep, and a summary of all trials.

A sweep is a YAML file, which `MNIST_PIPELINE_EXPERIMENTS` names; see `docs/experiments.md`.
"""

import functools
from pathlib import Path
from typing import Any

import dagster as dg

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.evaluation.experiments import SweepError, Trial
from mnist_pipeline.evaluation.scores import accuracy
from mnist_pipeline.report import figures
from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "experiments"
DEFAULT_SWEEP = Path(__file__).with_suffix(".yaml")


@functools.cache
def sweep() -> dict[str, Trial]:
    """The trials by key; raises SweepError if the file is not valid."""
    return experiments.read_sweep(settings.load().experiments or DEFAULT_SWEEP)


def partitions() -> list[str]:
    """The keys of the trials.

    If the file is not valid, the keys of the default sweep: the graph loads, and its trials fail
    with the problem of the file.
    """
    try:
        return list(sweep())
    except SweepError:
        return list(experiments.read_sweep(DEFAULT_SWEEP))


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"torch"},
    partitions_def=dg.StaticPartitionsDefinition(partitions()),
)
def experiment_trials(
    context: dg.AssetExecutionContext,
    train_digits: DigitSet,
    test_digits: DigitSet,
    image_kind: ImageKind,
):
    """The labels that a trial's model predicts for the held-out and the test images.

    Each trial is a partition, and none is trained before you ask for it: press *Materialize* here,
    or launch a backfill of the job `sweep`. *Materialize all* on the page *Lineage* trains all.
    """
    trial = sweep()[context.partition_key]
    with stopwatch():
        labels = experiments.run(trial, train_digits, test_digits, image_kind)
    true = train_digits.labels[train_digits.divided()[1]]
    held_out_accuracy = accuracy(true, labels["held_out"])
    return result(
        labels,
        f"held-out accuracy {held_out_accuracy:.2%}",
        numbers={
            "model": trial.model,
            "held_out_accuracy": held_out_accuracy,
            "test_accuracy": accuracy(test_digits.labels, labels["test"]),
        },
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"pandas"})
def experiment_summary(
    experiment_trials: dict[str, Any], train_digits: DigitSet, test_digits: DigitSet
):
    """One row per trial, the best on the held-out images first."""
    with stopwatch():
        table = experiments.summarize(sweep(), experiment_trials, train_digits, test_digits)
        curves = experiments.curves(table)
    return result(
        table,
        f"{table['trial'][0]} is best of {len(table)}",
        tables={"trials": table},
        figures={"accuracy_by_size": figures.accuracy_by_size(curves, len(test_digits.labels))},
    )
