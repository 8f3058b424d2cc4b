"""The evaluation report: one HTML page, and every number on it as JSON."""

import time
from datetime import datetime, timezone
from typing import Any

import dagster as dg

from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.graph.checks import at_most, checks, exactly
from mnist_pipeline.runtime.graph.resources import DataSetResource, StoredResults
from mnist_pipeline.runtime.graph.results import result, stopwatch
from mnist_pipeline.runtime.project import REPORT

from .evaluation import GROUP, inputs

CHECKS = {
    "evaluation_report": {
        "self_contained": "The page must open offline, from a file. Number of references to other places.",
        "size": "The page must be small enough for a mail and for a phone. Bytes.",
    },
}
MAX_REPORT_BYTES = 4_000_000
LEARNING = {name: model.model_asset for name, model in MODELS.items() if model.has_learning_curves}
READ = (
    *("raw_mnist", "train_digits", "test_digits", "digit_images", "data_mean", "covariance", "eigendecomposition"),
    *("projections", "reconstructions", "harris_corners", "cnn_kernels", "model_comparison", "robustness", "champion"),
)
ONLY_NAMED = (
    "centered_data",
    "cnn_errors",
    *(each.model_asset for each in MODELS.values() if each.name not in LEARNING),
)


@dg.asset(
    group_name=GROUP,
    kinds={"html"},
    check_specs=checks("evaluation_report", CHECKS),
    ins={name: dg.AssetIn() for name in (*READ, *LEARNING.values())} | inputs("predictions_asset", "evaluation_asset"),
    deps=ONLY_NAMED,
)
def evaluation_report(
    context: dg.AssetExecutionContext, data_set: DataSetResource, stored_results: StoredResults, **read: Any
):
    """One self-contained HTML page with the results of all assets, and every number on it as JSON."""
    from mnist_pipeline.report import document, page, words

    (spec,) = context.assets_def.specs
    with stopwatch():
        values = document.Values(
            **{name: read[name] for name in READ},
            models={name: read[asset] for name, asset in LEARNING.items()},
            predictions={name: read[model.predictions_asset] for name, model in MODELS.items()},
            evaluations={name: read[model.evaluation_asset] for name, model in MODELS.items()},
            data_set=data_set.described,
            run=_run(context, data_set),
            assets=stored_results.origins(sorted(dep.asset_key.path[-1] for dep in spec.deps)),
            since_last_run=stored_results.since_last_run(read["test_digits"].labels),
        )
        composed = document.compose(values)
        html = page.render(composed, values)
    size, champion = len(html.encode()), read["champion"]
    return result(
        document.Report(html, composed),
        f"{champion.model} {champion.accuracy:.2%}, {words.counted(champion.errors, 'error')}",
        numbers={"report": dg.MetadataValue.url(REPORT)},
        checks={
            "self_contained": exactly(page.num_outside_references(html), 0),
            "size": at_most(size, MAX_REPORT_BYTES),
        },
    )


def _run(context: dg.AssetExecutionContext, data_set: DataSetResource) -> dict[str, Any]:
    """The run that makes the report, when it started, and its data set."""
    run_id = context.op_execution_context.run_id
    record = context.instance.get_run_record_by_id(run_id)
    started = record.start_time if record and record.start_time else time.time()
    return {
        "id": run_id,
        "started": datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds"),
        "source": data_set.described.title,
        "canonical": data_set.canonical,
    }
