"""The models across data sets: the one asset that reads what several data sets have stored."""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from assets.evaluation import ACROSS, GROUP
from assets.report import evaluation_report
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph import data_sets
from mnist_pipeline.runtime.graph.checks import at_most, checks
from mnist_pipeline.runtime.graph.resources import StoredResults
from mnist_pipeline.runtime.graph.results import result, stopwatch
from mnist_pipeline.runtime.graph.shards import GROUP as EXPANDED

# Only MNIST answers people, whose pictures are of digits; and only MNIST is expanded.
MNIST_ONLY = dg.AssetSelection.assets("recognizer", "inbox_predictions") | dg.AssetSelection.groups(EXPANDED)
COLUMNS = ["data_set", "title", "model", "accuracy", "interval_low", "interval_high", "errors", "total"]
CHECKS = {
    "within_interval": "An accuracy lies in its interval; how many lie outside of it.",
}


def data_set_comparison_of(located: Sequence[data_sets.Located]) -> dg.AssetsDefinition:
    """The asset that compares these data sets.

    It comes after the evaluations of all, and loads none of them through Dagster, which would fail where one data set
    is not materialized yet: it reads what is recorded.
    """

    @dg.asset(
        name=ACROSS,
        group_name=GROUP,
        kinds={"pandas"},
        deps=[each.key(f"{model}_evaluation") for each in located for model in MODELS],
        check_specs=checks(ACROSS, CHECKS),
    )
    def data_set_comparison(context: dg.AssetExecutionContext, stored_results: StoredResults):
        """Accuracy of each model, with its 95% Wilson interval, on each data set that is evaluated: a row each."""
        with stopwatch() as watch:
            table = compare(context.instance, stored_results, located)
        outside = ~table["accuracy"].between(table["interval_low"], table["interval_high"])
        titles = table["title"].unique()
        return result(
            table,
            f"{len(titles)} of {len(located)} data sets: {', '.join(titles) or 'none is evaluated yet'}",
            seconds=watch.seconds,
            tables={"models": table},
            checks={"within_interval": at_most(outside.sum(), 0)},
        )

    return data_set_comparison


def of_each_data_set(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets that are computed for each data set."""
    left_out = MNIST_ONLY.resolve(assets)
    return [asset for asset in assets if asset.key not in left_out]


def with_comparison(
    assets: Sequence[dg.AssetsDefinition], comparison: dg.AssetsDefinition
) -> list[dg.AssetsDefinition]:
    """The same assets, with a report that also depends on the comparison of the data sets."""
    return [
        data_sets.following(asset, [comparison.key]) if asset.key == evaluation_report.key else asset
        for asset in assets
    ]


def compare(
    instance: dg.DagsterInstance, stored_results: StoredResults, located: Sequence[data_sets.Located]
) -> pd.DataFrame:
    """A row a model for each data set of which all models are evaluated, the best model first."""
    rows = []
    for each in located:
        found = {model: stored_results.recorded(instance, each.key(f"{model}_evaluation")) for model in MODELS}
        known = {model: evaluation for model, evaluation in found.items() if evaluation is not None}
        if len(known) == len(MODELS):
            for model, evaluation in sorted(known.items(), key=lambda item: item[1].errors):
                figures = (evaluation.accuracy, *evaluation.interval, evaluation.errors, evaluation.total)
                rows.append((each.known.name, each.known.title, model, *figures))
    return pd.DataFrame(rows, columns=COLUMNS)
