"""Log each successful run to MLflow: numbers as metrics, settings as parameters."""

import re

import dagster as dg
import mlflow


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
def mlflow_runs(context: dg.RunStatusSensorContext) -> None:
    """Log the materializations of a finished run."""
    mlflow.set_experiment("mnist-pipeline")
    run, kind = context.dagster_run, dg.DagsterEventType.ASSET_MATERIALIZATION
    with mlflow.start_run(run_name=run.job_name, tags={"dagster/run_id": run.run_id}):
        for event in context.instance.all_logs(run.run_id, of_type=kind):
            asset = event.asset_materialization
            for label, entry in asset.metadata.items():
                name = f"{asset.asset_key.to_user_string()}/{label}"
                name = re.sub(r"[^\w./: -]", "_", name)  # MLflow refuses other characters
                if isinstance(entry, dg.IntMetadataValue | dg.FloatMetadataValue):
                    mlflow.log_metric(name, entry.value)
                elif isinstance(entry, dg.JsonMetadataValue):
                    mlflow.log_param(name, entry.value)
