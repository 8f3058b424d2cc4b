"""Monitoring: health for anyone, and metrics in Prometheus' text format for those who may see them."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from starlette.testclient import TestClient

from mnist_pipeline.cli.ui import _gauges
from mnist_pipeline.models import MODELS
from mnist_pipeline.runtime.passwords import hash_password
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.runtime.ui import monitoring
from mnist_pipeline.runtime.ui.addresses import Address
from mnist_pipeline.runtime.ui.server import application

TOKEN = "a token of sixteen".replace(" ", "-")


@pytest.fixture
def instance(finished: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as instance:
        yield instance


def client(instance: dg.DagsterInstance, token: str | None, password: str | None = "secret words") -> TestClient:
    health, metrics = monitoring.routes(instance, _gauges(MODELS), token)
    hashed = hash_password(password) if password else None
    app = application([metrics], Address(), hashed, None, [health, metrics] if token else [health])
    return TestClient(app, base_url="http://10.0.0.7:3000" if token else "http://127.0.0.1:3000")


def test_metrics_have_runs_durations_and_the_accuracy_of_each_model(
    instance: dg.DagsterInstance, finished: Path
) -> None:
    answer = client(instance, None, None).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(samples['mnist_pipeline_runs{status="SUCCESS"}']) >= 1
    assert float(samples['mnist_pipeline_run_duration_seconds{job="everything"}']) > 0
    for name, model in MODELS.items():
        stored = Storage(str(finished)).read(model.evaluation_asset)
        measured = samples[f'mnist_pipeline_model_accuracy{{data_set="mnist",model="{name}"}}']
        assert float(measured) == pytest.approx(stored.accuracy)


def test_with_a_password_metrics_need_the_token_and_health_does_not(instance: dg.DagsterInstance) -> None:
    for token in (None, TOKEN):
        web = client(instance, token)
        assert web.get("/healthz", headers={"Host": "10.1.2.3"}).status_code == 200
        assert web.get("/metrics").status_code == 401
        assert web.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert web.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_health_is_bad_if_the_database_does_not_answer(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("gone")

    monkeypatch.setattr(dg.DagsterInstance, "get_runs_count", refuse)
    assert client(instance, None).get("/healthz").status_code == 503


def test_labels_are_escaped() -> None:
    text = monitoring.exposition([("n", "A number.", {"class": 'a "b"\\\n'}, 0.25)])
    assert text.splitlines()[-1] == 'mnist_pipeline_n{class="a \\"b\\"\\\\\\n"} 0.25'
