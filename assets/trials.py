"""Experiments: one partition per trial of the sweep, and a summary of all trials."""

from typing import Any

import dagster as dg

from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.evaluation import experiments
from mnist_pipeline.evaluation.scores import accuracy
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

from .experiments import SWEEP

GROUP = "experiments"
TRIALS = experiments.read_sweep(SWEEP)


@dg.asset(
    io_manager_key=STORAGE,
    group_name=GROUP,
    kinds={"torch"},
    partitions_def=dg.StaticPartitionsDefinition([*TRIALS]),
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
    trial = TRIALS[context.partition_key]
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
        table = experiments.summarize(TRIALS, experiment_trials, train_digits, test_digits)
        curves = experiments.curves(table)
    return result(
        table,
        f"{table['trial'][0]} is best of {len(table)}",
        tables={"trials": table},
        figures={"accuracy_by_size": figures.accuracy_by_size(curves, len(test_digits.labels))},
    )
