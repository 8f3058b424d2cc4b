"""The server: which requests it refuses, what a reader can't change, and Dagster's UI with its
daemon.
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from dagster_graphql import DagsterGraphQLClientError
from starlette.routing import Mount
from starlette.testclient import TestClient, WebSocketDenialResponse
from support.browser import launch_browser
from support.served import (
    await_run,
    client_of,
    launch_raw_mnist,
    process_of,
    run_raw_mnist,
    served_ui,
)
from support.servers import until

from mnist_pipeline.cli.selection import whole_graph
from mnist_pipeline.runtime import dagster_internals, project
from mnist_pipeline.runtime.project import FIGURES, REPORT
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.runtime.web import LOCALHOST, draw, results
from mnist_pipeline.runtime.web.middleware.bodies import MAX_BODY
from mnist_pipeline.runtime.web.server import application

OWN, EVIL = f"http://{LOCALHOST}:3000", "https://evil.example"
MUTATION = 'mutation { setConcurrencyLimit(concurrencyKey: "changed", limit: 1) }'
REPORTED = "/report_asset_materialization/covariance"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@contextlib.contextmanager
def dagster_ui(
    workspace: Path, read_only: bool = False
) -> Iterator[tuple[TestClient, dg.DagsterInstance]]:
    """A client of Dagster's UI behind the middleware, and the instance behind it."""
    workspace.write_text("load_from: []")
    with (
        dg.instance_for_test() as instance,
        dagster_internals.web_application(instance, str(workspace), read_only) as dagster,
    ):
        routes = [*draw.routes(), Mount("/", dagster)]
        yield TestClient(application(routes), OWN), instance


def changes(instance: dg.DagsterInstance) -> int:
    """How many changes have been made."""
    return len(instance.event_log_storage.get_concurrency_keys()) + len(instance.get_asset_keys())


@pytest.fixture(scope="module")
def ui(tmp_path_factory) -> Iterator[TestClient]:
    """A client of Dagster's UI. At the end, no refused request must have changed anything."""
    with dagster_ui(tmp_path_factory.mktemp("ui") / "workspace.yaml") as (client, instance):
        yield client
        assert changes(instance) == 0
        assert (
            client.post("/graphql", json={"query": MUTATION}, headers={"Origin": OWN}).status_code
            == 200
        )
        assert changes(instance) == 1


@pytest.mark.parametrize(
    "host", ["evil.example:3000", "127.0.0.1.nip.io:3000", "evil.localhost", "0.0.0.0:3000", ""]
)
def test_a_host_that_is_not_this_machine_is_refused(host, ui):
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert ui.post("/graphql", json={"query": MUTATION}, headers=headers).status_code == 400
    assert ui.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"Origin": origin}
            for origin in (EVIL, "null", "", "http://127.0.0.1:8888", "http://localhost:3000")
        ),
        CROSS_SITE,
        {"Sec-Fetch-Mode": "no-cors"},
        {"Origin": OWN, **CROSS_SITE},
        {"Origin": OWN, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_change_is_refused_that_a_page_of_another_origin_sends(headers, ui):
    assert ui.post("/graphql", json={"query": MUTATION}, headers=headers).status_code == 403
    assert ui.post(REPORTED, json={}, headers=headers).status_code == 403
    headers = {"Host": OWN.removeprefix("http://"), **headers}
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        ui.websocket_connect("/graphql", headers=headers),
    ):
        pass
    assert refused.value.status_code == 403


@pytest.mark.parametrize("path", ["/graphql", REPORTED])
def test_a_body_that_is_too_large_is_refused_though_it_announces_no_length(path, ui):
    begin = json.dumps({"query": MUTATION}).encode()
    parts = itertools.chain([begin], itertools.repeat(b" " * 1_000_000, MAX_BODY // 1_000_000))
    headers = {"Origin": OWN, "Content-Type": "application/json"}
    assert ui.post(path, content=parts, headers=headers).status_code == 413


def test_a_program_that_sends_no_headers_of_a_browser_is_answered(ui):
    assert ui.post("/graphql", json={"query": "{ version }"}).status_code == 200
    headers = {"Host": OWN.removeprefix("http://")}
    with ui.websocket_connect("/graphql", ["graphql-ws"], headers=headers) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"


def test_another_site_can_link_to_pages_but_not_embed_them_or_run_queries(ui):
    assert ui.get("/runs", headers=CROSS_SITE | LINK).status_code == 200
    assert (
        ui.get("/runs", headers=CROSS_SITE | LINK | {"Sec-Fetch-Dest": "iframe"}).status_code == 403
    )
    for headers in (CROSS_SITE, CROSS_SITE | LINK, {"Origin": EVIL}):
        for path in ("/graphql", "/graphql%0A"):  # Starlette routes both to Dagster's GraphQL
            query = {"query": "{ version }"}
            assert ui.get(path, params=query, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "query", [f"?query={MUTATION}", f"%0A?query={MUTATION}", "?query=%6dutation{a}"]
)
def test_nobody_can_send_a_mutation_by_get(query, ui):
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}):
        assert ui.get(f"/graphql{query}", headers=headers).status_code == 403
    assert ui.get("/graphql?query={version}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/graphql?query={version}", "/server_info", "/logs/a/b/out"])
@pytest.mark.parametrize("headers", [{}, {"Origin": EVIL}, {"Host": "evil.example"}])
def test_no_response_can_be_framed_sniffed_or_shared(path, headers, ui):
    found = ui.get(path, headers=headers).headers
    assert found.get_list("X-Frame-Options") == ["DENY"]
    assert found["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    assert found.get_list("X-Content-Type-Options") == ["nosniff"]
    assert found["Cross-Origin-Resource-Policy"] == "same-origin"
    assert found["Cache-Control"] in ("no-store", "private")


def test_a_reader_sees_the_ui_and_changes_nothing(tmp_path):
    with dagster_ui(tmp_path / "workspace.yaml", read_only=True) as (client, instance):
        assert client.get("/runs").status_code == 200
        client.get("/graphql", params={"query": MUTATION})
        for path in ("/graphql", REPORTED):
            client.post(path, json={"query": MUTATION}, headers={"Origin": OWN})
        assert changes(instance) == 0


def test_the_report_is_served_in_a_sandbox_and_the_figures_as_stored(finished):
    client = TestClient(application(results.ROUTES), OWN)
    answer, stored = client.get(REPORT), Storage(str(finished))
    assert answer.text == stored.read("evaluation_report").html
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "allow-same-origin" not in answer.headers["Content-Security-Policy"]
    figure = client.get(f"{FIGURES}/covariance/covariance.png").content
    assert figure == stored.figure("covariance", "covariance")
    for path in (
        "cnn_evaluation/unknown",
        "unknown/confusion",
        f"covariance/{'a' * 5_000}",
        "%2e%2e/manifests/champion",
        "confusion",
    ):
        assert client.get(f"{FIGURES}/{path}.png").status_code == 404


@pytest.mark.browser
def test_dagsters_ui_works_in_a_browser_and_its_daemon_starts_queued_runs(
    slice_directory, tmp_path
):
    from playwright.sync_api import expect

    # Nothing is imported from the current directory.
    (elsewhere := tmp_path / "elsewhere" / "assets").mkdir(parents=True)
    for module in (elsewhere / "__init__.py", elsewhere.with_name("dagster.py")):
        module.write_text("raise SystemExit('another module was imported')")
    storage, cwd = tmp_path / "storage", elsewhere.parent
    with (
        # Ctrl+C ends it, and nothing is printed.
        served_ui(slice_directory, storage, stop=signal.SIGINT, cwd=cwd) as address,
        launch_browser() as browser,
    ):
        page = browser.new_page()
        with page.expect_websocket() as socket:
            page.goto(address)
        # The lineage of what `mnist-pipeline run` computes: without the trials of the experiments.
        count = len(whole_graph(project.graph()))
        button = page.get_by_role("button", name=f"Materialize all ({count})")
        expect(button).to_be_enabled()
        run_raw_mnist(address)
        assert not socket.value.is_closed()


@pytest.mark.slow
def test_a_server_that_has_not_answered_yet_ends_with_its_terminal_without_a_message(
    slice_directory, tmp_path
):
    with served_ui(slice_directory, tmp_path, "--read-only", stop=signal.SIGHUP, is_awaited=False):
        pass


@pytest.mark.slow
def test_a_killed_run_or_code_server_starts_again_and_the_ui_and_its_daemon_end_together(
    slice_directory, tmp_path
):
    # Dagster may warn that it can't load the graph meanwhile, and Python of what a killed process
    # leaves behind.
    serve = partial(served_ui, slice_directory, tmp_path, PYTHONWARNINGS="ignore")
    with serve(code=1, error="daemon ended (-9)") as address:
        client = client_of(address)
        run = launch_raw_mnist(client)
        os.kill(process_of(address, "spawn_main"), signal.SIGKILL)
        until(lambda: client.get_run_status(run) == dg.DagsterRunStatus.FAILURE)
        records = tmp_path / "dagster" / "history" / "runs"
        until(lambda: len(list(records.glob("*-*.db"))) == 2)  # a file per run
        (again,) = {file.stem for file in records.glob("*-*.db")} - {run}
        await_run(client, again)
        killed = process_of(address, "dagster api grpc")
        os.kill(killed, signal.SIGKILL)
        until(lambda: process_of(address, "dagster api grpc") != killed)
        until(lambda: can_launch(address))
        daemon = process_of(address, "/dagster-daemon")
        os.kill(daemon, signal.SIGSTOP)
        queued = launch_raw_mnist(client)
        os.kill(daemon, signal.SIGKILL)
    with serve(code=-signal.SIGKILL) as address:
        await_run(client_of(address), queued)
        names = ("mnist-pipeline", "/dagster-daemon", "code-server start", "dagster api grpc")
        ui, daemon, *code_servers = (process_of(address, name) for name in names)
        os.kill(ui, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{daemon}").exists())
        for code_server in code_servers:  # they would wait for a minute
            os.kill(code_server, signal.SIGKILL)


def can_launch(address: str) -> bool:
    """Whether a run is launched and succeeds; Dagster's client raises KeyError while the graph
    loads.
    """
    with contextlib.suppress(DagsterGraphQLClientError, KeyError):
        run_raw_mnist(address)
        return True
    return False


@pytest.mark.slow
def test_the_ui_ends_with_one_line_if_its_instance_is_moved_away(slice_directory, tmp_path):
    home = tmp_path / "storage" / "dagster"
    with served_ui(slice_directory, home.parent, code=1, error=f"{home}") as address:
        run_raw_mnist(address)
        shutil.move(home, tmp_path / "moved")
