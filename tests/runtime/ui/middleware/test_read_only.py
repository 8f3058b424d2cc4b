"""A read-only UI changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.attacks import BOTH, MUTATION, RECORDED, REPORT_ROUTE, SUBSCRIPTION, Attack, Counter, get, mutation, posted
from support.served import HTML, Client, open_websocket
from websockets.exceptions import ConnectionClosed

from mnist_pipeline.runtime.project import DRAW
from mnist_pipeline.runtime.ui.draw import CORRECT, READ
from mnist_pipeline.runtime.ui.middleware.graphql import MAX_DOCUMENT

pytestmark = pytest.mark.slow

CHANGES_TO_READ = [
    mutation(f"{name}, read-only", status, {}, body, on="read_only")
    for name, status, body in [
        ("a mutation", 403, posted(MUTATION)),
        ("a mutation named query", 403, posted(MUTATION.replace("mutation", "mutation query", 1))),
        ("a mutation beside a query", 403, posted(BOTH, operationName="Harmful")),
        ("a mutation beside the query named", 403, posted(BOTH, operationName="Harmless")),
        ("a mutation under a repeated name", 403, posted("{version}")[:-1] + b"," + posted(MUTATION)[1:]),
        ("a mutation in another encoding", 403, posted(MUTATION).decode().encode("utf-16")),
        ("a subscription", 403, posted(SUBSCRIPTION)),
        ("a document that can't be parsed", 400, posted("mutation {")),
        ("a reload of the code", 403, posted("mutation { reloadWorkspace { __typename } }")),
        ("a sensor switched on", 403, posted('mutation { stopSensor(id: "x") { __typename } }')),
        ("a document longer than any page sends", 413, posted("{version}" + " " * MAX_DOCUMENT)),
    ]
] + [
    Attack("a materialization reported, read-only", 403, "POST", REPORT_ROUTE, {}, b"{}", on="read_only"),
    Attack("a path that begins like that of a drawing, read-only", 403, "POST", f"{READ}/x", {}, b"{}", on="read_only"),
    Attack("a correction of a drawing, read-only", 403, "POST", CORRECT, {}, b"{}", on="read_only"),
    Attack("a drawing without a session, read-only", 401, "POST", READ, {"Cookie": None}, b"{}", on="read_only"),
    Attack("a drawing from another site, read-only", 403, "POST", READ, {"Origin": "null"}, b"{}", on="read_only"),
    Attack("a mutation by GET, read-only", 403, target=get(query=MUTATION), on="read_only"),
]


@pytest.mark.parametrize("attack", CHANGES_TO_READ, ids=str)
def test_a_request_is_refused(attack: Attack, refuse: Callable[[Attack], None]) -> None:
    refuse(attack)


def test_a_session_of_another_server_is_refused(read_only: Client, guarded: Client, attacks: Counter) -> None:
    with attacks():
        cookie = f"mnist-pipeline-PORT={guarded.cookie.partition('=')[2]}"
        assert read_only.send("GET", "/", {"Cookie": cookie}).status == 401


def test_a_reader_sees_everything_and_has_no_permission_to_change(read_only: Client) -> None:
    answer = json.loads(read_only.query("{ permissions { permission value } }").body)
    assert {each["value"] for each in answer["data"]["permissions"]} == {False}
    assert read_only.query(RECORDED).status == 200


def test_a_reader_may_draw(read_only: Client) -> None:
    assert read_only.send("GET", DRAW, {"Accept": HTML}).status == 200
    assert read_only.send("POST", READ, body=b"{}").status == 400, "there is no picture in it"


LOG = "subscription Log($key: [String!]!) { capturedLogs(logKey: $key) { stdout } }"
SUBSCRIPTIONS = {
    "a key": {"query": 'subscription { capturedLogs(logKey: ["no-run", "compute_logs", "x"]) { stdout } }'},
    "a variable": {"query": LOG, "variables": {"key": ["no-run", "compute_logs", "x"]}},
    "no list": {"query": 'subscription { capturedLogs(logKey: "no-run") { stdout } }'},
    "a fragment": {
        "query": "subscription { ...Log } fragment Log on Subscription "
        '{ log: capturedLogs(logKey: ["no-run", "compute_logs", "x"]) { stdout } }'
    },
    "a path out of the logs": {"query": LOG, "variables": {"key": ["..", "..", "runs"]}},
    "an empty key": {"query": LOG, "variables": {"key": []}},
    "variables that are no object": {"query": LOG, "variables": ["key"]},
}


@pytest.mark.parametrize("payload", SUBSCRIPTIONS.values(), ids=SUBSCRIPTIONS)
def test_a_subscription_to_a_log_that_does_not_exist_is_refused(
    payload: dict[str, Any], read_only: Client, storage: Path, attacks: Counter
) -> None:
    with attacks(), open_websocket(read_only) as websocket:
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
    assert not list(storage.glob("dagster/**/no-run"))


def test_a_reader_sees_the_log_of_a_step(read_only: Client, storage: Path) -> None:
    logs = storage / "dagster" / "storage" / "a-run" / "compute_logs"
    logs.mkdir(parents=True)
    (logs / "step.out").write_text("written by a step")
    (logs / "step.complete").touch()
    with open_websocket(read_only) as websocket:
        payload = {"query": LOG, "variables": {"key": ["a-run", "compute_logs", "step"]}}
        websocket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        assert json.loads(websocket.recv(60))["payload"]["data"] == {"capturedLogs": {"stdout": "written by a step"}}
