"""The rules for the HTTP methods and for messages over a WebSocket."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message
from support.attacks import BOTH, MUTATION, RECORDED, REPORT_ROUTE, SUBSCRIPTION, Attack, Counter, get, mutation, posted
from support.served import FORM, HTML, JSON, Client, Headers, open_websocket
from websockets.exceptions import ConnectionClosed

from mnist_pipeline.runtime.ui.middleware import methods
from mnist_pipeline.runtime.ui.middleware.methods import MAX_BODY
from mnist_pipeline.runtime.ui.server import MAX_HEAD

pytestmark = pytest.mark.slow

FRAGMENT = "fragment F on Query { version } query A { ...F } "
GET_MUTATIONS = [
    Attack(f"a GET with {name}", status, target=f"/graphql?{query}", changes=changes)
    for name, status, query, changes in [
        ("a mutation", 403, urlencode({"query": MUTATION}), {}),
        ("a mutation named query", 403, urlencode({"query": MUTATION.replace("mutation", "mutation query", 1)}), {}),
        ("a mutation behind a query", 403, urlencode({"query": BOTH, "operationName": "Harmful"}), {}),
        ("a mutation beside the query named", 403, urlencode({"query": BOTH, "operationName": "Harmless"}), {}),
        ("a mutation behind a comment", 403, urlencode({"query": f"# query {{ version }}\n{MUTATION}"}), {}),
        ("a mutation behind commas and a mark", 403, urlencode({"query": f"\ufeff,,,\r\n,{MUTATION}"}), {}),
        ("a mutation behind a fragment", 403, urlencode({"query": FRAGMENT + MUTATION}), {}),
        ("a batch", 400, urlencode({"query": json.dumps([{"query": MUTATION}])}), {}),
        ("a query, then a mutation", 403, urlencode([("query", "{version}"), ("query", MUTATION)]), {}),
        ("a mutation, then a query", 403, urlencode([("query", MUTATION), ("query", "{version}")]), {}),
        ("a mutation encoded twice", 400, f"query={quote(quote(MUTATION))}", {}),
        ("a mutation under an encoded name", 403, f"%71uery={quote(MUTATION)}", {}),
        ("a mutation for a browser", 403, urlencode({"query": MUTATION}), {"Accept": HTML}),
        ("a mutation to be taken as a POST", 403, urlencode({"query": MUTATION}), {"X-HTTP-Method-Override": "POST"}),
        ("a subscription", 403, urlencode({"query": SUBSCRIPTION}), {}),
        ("a document that can't be parsed", 400, urlencode({"query": "mutation {"}), {}),
        ("a document nested too deeply", 400, urlencode({"query": "{a" * 9_000}), {}),
        ("more parameters than any page sends", 403, "&".join(["a=1"] * 99) + "&" + urlencode({"query": MUTATION}), {}),
    ]
] + [
    Attack("a HEAD with a mutation", 403, "HEAD", get(query=MUTATION)),
    Attack("a GET with a mutation, its path encoded", 403, target=get(query=MUTATION).replace("/g", "/%67")),
    Attack("a GET with a mutation in its body", 400, "GET", "/graphql", {"Content-Type": JSON}, posted(MUTATION)),
    *(Attack(f"a {method} with a mutation", 405, method, get(query=MUTATION)) for method in ("PUT", "PATCH", "DELETE")),
]

CONTENT_TYPES = [
    Attack(f"a POST of {name}", status, "POST", get(query=MUTATION), {"Content-Type": content_type}, body)
    for name, status, content_type, body in [
        ("a form", 415, FORM, urlencode({"query": MUTATION}).encode()),
        ("plain text", 415, "text/plain", posted(MUTATION)),
        ("plain text that mentions JSON", 415, "text/plain; application/json", posted(MUTATION)),
        ("a form that mentions JSON", 415, f"{FORM}; charset={JSON}", posted(MUTATION)),
        ("no content type", 415, None, posted(MUTATION)),
        ("no content type and no body", 415, None, b""),
        ("an empty content type", 415, "", posted(MUTATION)),
        ("a GraphQL document", 415, "application/graphql", MUTATION.encode()),
        ("a multipart form", 415, "multipart/form-data; boundary=x", b"--x--"),
        ("a type that begins like JSON", 415, "application/json-patch+json", posted(MUTATION)),
        ("a list of types", 415, f"text/plain, {JSON}", posted(MUTATION)),
        ("two content types", 415, ["text/plain", JSON], posted(MUTATION)),
        ("a batch", 400, JSON, json.dumps([{"query": MUTATION}]).encode()),
        ("a string", 400, JSON, json.dumps(MUTATION).encode()),
        ("a text that is not JSON", 400, JSON, MUTATION.encode()),
        ("JSON nested too deeply", 400, JSON, b"[" * 100_000),
        ("a list of queries", 400, JSON, json.dumps({"query": [MUTATION]}).encode()),
        ("nothing", 400, JSON, b""),
    ]
] + [
    Attack("a materialization reported without a type", 415, "POST", REPORT_ROUTE, {"Content-Type": None}),
    Attack("a materialization reported by a form", 415, "POST", REPORT_ROUTE, {"Content-Type": FORM}),
    Attack("a check reported as text", 415, "POST", "/report_asset_check/covariance", {"Content-Type": "text/plain"}),
    Attack("an observation reported by PUT", 405, "PUT", "/report_asset_observation/covariance"),
]

CHUNKED: Headers = {"Content-Length": None, "Transfer-Encoding": "chunked"}
OVERSIZED = [
    mutation("a body longer than a MiB", 413, {}, posted(MUTATION + " " * MAX_BODY)),
    mutation("a length longer than a MiB", 413, {"Content-Length": str(MAX_BODY + 1)}),
    mutation("a length with more digits than a number may have", 413, {"Content-Length": "9" * 18}),
    mutation("chunks that add up to 2 MiB", 413, CHUNKED, b"10000\r\n%s\r\n" % (b" " * 2**16) * 32 + b"0\r\n\r\n"),
    mutation("a negative length", 400, {"Content-Length": "-1"}),
    mutation("two lengths", 400, {"Content-Length": ["2", "3"]}),
    mutation("a length with chunks", 400, CHUNKED | {"Content-Length": "4"}, b"0\r\n\r\nPOST / HTTP/1.1\r\n\r\n"),
    Attack("a head longer than any page's", 400, changes={"X-Long": "x" * 5 * MAX_HEAD}),
    Attack("a document longer than any page's", 400, target=get(query="{version}" + " " * 5 * MAX_HEAD)),
    Attack("a login longer than a form", 413, "POST", "/login", {"Content-Type": FORM}, b"password=" + b"x" * 5_000),
]

START = {"type": "start", "id": "1", "payload": {"query": MUTATION}}
MESSAGES = {
    "a mutation": START,
    "a mutation with a subscription": START | {"payload": {"query": SUBSCRIPTION + MUTATION, "operation_name": "A"}},
    "a mutation by another protocol's word": START | {"type": "subscribe"},
    "a document that can't be parsed": START | {"payload": {"query": "subscription {"}},
    "a start without a document": START | {"payload": {}},
    "a start with a list for a payload": START | {"payload": [MUTATION]},
    "a list": [START],
    "a text that is not JSON": "mutation",
    "a binary mutation": json.dumps(START).encode(),
    "more than a MiB": START | {"payload": {"query": "#" + "x" * MAX_BODY}},
}


@pytest.mark.parametrize("attack", [*GET_MUTATIONS, *CONTENT_TYPES, *OVERSIZED], ids=str)
def test_a_request_is_refused(attack: Attack, refuse: Callable[[Attack], None]) -> None:
    refuse(attack)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_over_a_websocket_is_refused(message: Any, guarded: Client, attacks: Counter) -> None:
    with attacks(), open_websocket(guarded) as websocket:
        websocket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            websocket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1008, 1009)


def test_a_mutation_of_a_page_of_the_ui_runs(guarded: Client) -> None:
    answer = json.loads(guarded.query(MUTATION.replace("attack", "control")).body)
    assert answer["data"]["reportRunlessAssetEvents"]["__typename"] == "ReportRunlessAssetEventsSuccess"
    assert b'"control"' in guarded.query(RECORDED).body


@pytest.mark.parametrize(
    ("method", "target", "changes", "body"),
    [
        ("GET", get(query="# mutation\n{version}"), {}, b""),
        ("GET", "/graphql", {"Accept": HTML}, b""),
        ("GET", "/assets/covariance?view=checks", {"Accept": HTML}, b""),
        ("POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}, posted("{version}")),
        ("POST", "/graphql", {"Sec-Fetch-Site": "same-origin"}, posted("{version}")),
    ],
)
def test_harmless_requests_pass(method: str, target: str, changes: Headers, body: bytes, guarded: Client) -> None:
    assert guarded.send(method, target, changes, body).status == 200


def test_a_body_that_does_not_arrive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "BODY_SECONDS", 0.01)
    headers = [(b"content-type", JSON.encode())]

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing arrives")

    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    with pytest.raises(HTTPException) as refused:
        asyncio.run(methods.read_body(request, JSON, MAX_BODY))
    assert refused.value.status_code == 408


def test_a_body_reaches_the_application_unchanged() -> None:
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    app = Starlette(routes=[Route("/", echo, methods=["POST"])], middleware=[Middleware(methods.MethodsMiddleware)])
    body = b'{"a": 1}' + b" " * 100_000
    assert TestClient(app).post("/", content=body, headers={"Content-Type": JSON}).content == body
