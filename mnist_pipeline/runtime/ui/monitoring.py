"""What monitoring reads: `/healthz` without a password, and `/metrics` in Prometheus' text format."""

import hmac
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

HEALTH, METRICS = "/healthz", "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAX_AGE_SECONDS = 15  # metrics are not read from the database more often
MAX_RUNS = 200  # that are searched for the latest of each job

Sample = tuple[str, str, Mapping[str, str], float]  # name without prefix, description, labels, value


class Gauge(NamedTuple):
    """A number in the metadata of assets, or several numbers by name, which become a further label."""

    name: str
    description: str
    assets: Mapping[dg.AssetKey, dict[str, str]]  # with the labels of each
    metadata: str
    label: str = ""


def routes(instance: dg.DagsterInstance, gauges: Sequence[Gauge], token: str | None) -> tuple[Route, Route]:
    """The routes of health and metrics; with a token, metrics require it as a bearer token."""
    kept: list[tuple[float, str]] = []

    def measure() -> str:
        if not kept or time.monotonic() - kept[0][0] > MAX_AGE_SECONDS:
            kept[:] = [(time.monotonic(), exposition(samples(instance, gauges)))]
        return kept[0][1]

    async def health(request: Request) -> Response:
        try:
            await run_in_threadpool(instance.get_runs_count)
        except Exception:  # of many classes, because any database can be behind it
            return JSONResponse({"status": "the database does not answer"}, 503, {"Cache-Control": "no-store"})
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def metrics(request: Request) -> Response:
        sent = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
            raise HTTPException(401, "Metrics need the bearer token", {"WWW-Authenticate": "Bearer"})
        text = await run_in_threadpool(measure)
        return PlainTextResponse(text, headers={"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE})

    return Route(HEALTH, health), Route(METRICS, metrics)


def exposition(samples: Iterable[Sample]) -> str:
    """Samples as Prometheus' text format, sorted by name.

    >>> print(exposition([("runs", "Runs by status.", {"status": "SUCCESS"}, 3)]), end="")
    # HELP mnist_pipeline_runs Runs by status.
    # TYPE mnist_pipeline_runs gauge
    mnist_pipeline_runs{status="SUCCESS"} 3
    """
    by_name: dict[str, list[str]] = {}
    for name, description, labels, value in samples:
        full = f"mnist_pipeline_{name}"
        lines = by_name.setdefault(full, [f"# HELP {full} {description}", f"# TYPE {full} gauge"])
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{full}{{{inside}}} {value:.10g}" if inside else f"{full} {value:.10g}")
    return "".join(f"{line}\n" for _, lines in sorted(by_name.items()) for line in lines)


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def samples(instance: dg.DagsterInstance, gauges: Sequence[Gauge]) -> Iterator[Sample]:
    """What is measured of the runs and of the results that gauges name."""
    for status in dg.DagsterRunStatus:
        number = instance.get_runs_count(dg.RunsFilter(statuses=[status]))
        yield "runs", "Runs by status.", {"status": status.value}, number
    latest: dict[str, dg.RunRecord] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS]), limit=MAX_RUNS):
        latest.setdefault(record.dagster_run.job_name, record)
    for job, record in latest.items():
        if record.start_time and record.end_time:
            seconds, end = record.end_time - record.start_time, record.end_time
            yield "run_duration_seconds", "Duration of the latest successful run of a job.", {"job": job}, seconds
            yield "run_end_timestamp_seconds", "End of the latest successful run of a job.", {"job": job}, end
    for gauge in gauges:
        for key, labels in gauge.assets.items():
            event = instance.get_latest_materialization_event(key)
            materialization = event.asset_materialization if event else None
            found: Any = materialization.metadata.get(gauge.metadata) if materialization else None
            values = found.value if found and isinstance(found.value, Mapping) else {"": found.value} if found else {}
            for name, value in values.items():
                yield gauge.name, gauge.description, labels | ({gauge.label: name} if name else {}), float(value)
