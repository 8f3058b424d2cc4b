"""The evaluation report, which people read."""

import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.report import assembly
from mnist_pipeline.runtime.graph.checks import blocking_checks, same_inputs
from mnist_pipeline.runtime.graph.io_manager import StoredResults
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch
from mnist_pipeline.utils.printable import count

from .models import DIGITS, SAME_INPUTS, inputs


@dg.asset(
    io_manager_key=STORAGE,
    group_name="evaluation",
    kinds={"html"},
    # The report names their versions and seconds.
    deps=["centered_data", "cnn_errors", "held_out_labels", "knn_votes"],
    ins=inputs(assembly.reads()),
    check_specs=blocking_checks("evaluation_report", SAME_INPUTS),
)
def evaluation_report(
    context: dg.AssetExecutionContext,
    mnist_stored_results: StoredResults,
    **by_asset: Any,
):
    """One self-contained HTML page with the results of all assets, and every number on it as
    JSON.

    [Open the report](/report), or [let the models read what you draw](/draw).
    """
    from mnist_pipeline.report import document, page

    (spec,) = context.assets_def.specs
    names = sorted(dep.asset_key.path[-1] for dep in spec.deps)
    champion = by_asset["champion"]
    with stopwatch():
        values = {
            **by_asset,
            "run": _run(context, by_asset["data_set"]),
            "origins": mnist_stored_results.stored.origins(names),
            **{name: mnist_stored_results.up_to_date(name) for name in assembly.ON_REQUEST},
        }
        composed = assembly.merged("numbers", values)
        html = page.render(composed, values)
    return result(
        document.Report(html, composed),
        f"{champion.model} {champion.accuracy:.2%}, {count(champion.errors, 'error')}",
        checks={"same_inputs": same_inputs(*DIGITS)},
    )


def _run(context: dg.AssetExecutionContext, data_set: DataSet) -> dict[str, Any]:
    """The run that makes the report, when it started, and its data set."""
    run_id = context.op_execution_context.run_id
    record = context.instance.get_run_record_by_id(run_id)
    started = record.start_time if record and record.start_time else time.time()
    return {
        "id": run_id,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "source": data_set.title,
        "canonical": data_set.is_mnist,
    }
