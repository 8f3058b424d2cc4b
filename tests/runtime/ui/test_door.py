"""Attacks on a UI that is really served: each is tried, and refused."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect, sync_playwright
from support.served import Answer, exchange, served_ui
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mnist_pipeline.runtime.passwords import hash_password
from mnist_pipeline.runtime.ui.addresses import DRAW
from mnist_pipeline.runtime.ui.door import MAX_BODY, MAX_FORM, MAX_QUERY
from mnist_pipeline.runtime.ui.draw import READ
from mnist_pipeline.runtime.ui.login import FAILURES_PER_CLIENT, Sessions
from mnist_pipeline.runtime.ui.server import MAX_HEAD

PASSWORD = "three pixels and a half"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE = 90_000  # milliseconds, on a machine that is busy

EVENT = '{eventType: ASSET_MATERIALIZATION, assetKey: {path: ["covariance"]}, description: "%s"}'
REPORT = f"reportRunlessAssetEvents(eventParams: {EVENT}) {{ __typename }}"
MUTATION = f"mutation {{ {REPORT % 'attack'} }}"
BOTH = f"query Harmless {{ version }} mutation Harmful {{ {REPORT % 'attack'} }}"
LISTEN = "subscription { locationStateChangeEvents { event { locationName } } }"
RECORDED = """{ assetNodeOrError(assetKey: {path: ["covariance"]}) {
  ... on AssetNode { assetMaterializations(limit: 100) { description } } } }"""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html,application/xhtml+xml"
EVIL = "https://evil.example"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
    "Content-Type": None,
}
REPORT_ROUTE = "/report_asset_materialization/covariance?description=attack"


@dataclass(frozen=True)
class Instance:
    """A UI that is served, and the cookie of one who is logged in there."""

    port: int
    cookie: str

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def origin(self) -> str:
        return f"http://{self.host}"

    def send(
        self, method: str, target: str, changes: dict[str, Any] | None = None, body: bytes = b"", version: str = "1.1"
    ) -> Answer:
        """What the UI's own page would send, but for some headers: None leaves one out, a list repeats it."""
        headers: dict[str, Any] = {"Host": self.host, "Connection": "close", "Cookie": self.cookie}
        if method not in ("GET", "HEAD"):
            headers |= {"Origin": self.origin, "Content-Type": JSON}
        if body:
            headers["Content-Length"] = str(len(body))
        lines: list[tuple[str, str]] = []
        for name, value in (headers | (changes or {})).items():
            values = value if isinstance(value, list) else [value]
            lines += [(name, each.replace("PORT", str(self.port))) for each in values if each is not None]
        return exchange(self.port, f"{method} {target} HTTP/{version}", lines, body)

    def ask(self, query: str, **more: Any) -> Answer:
        """A GraphQL request, as the UI's own page would send it."""
        return self.send("POST", "/graphql", body=json.dumps({"query": query, **more}).encode())

    @contextlib.contextmanager
    def socket(self) -> Iterator[ClientConnection]:
        """A WebSocket to GraphQL, as the UI's own page would open it."""
        headers, protocols = {"Cookie": self.cookie}, ["graphql-ws"]
        with connect(
            f"ws://{self.host}/graphql",
            origin=self.origin,  # type: ignore[arg-type]
            additional_headers=headers,
            subprotocols=protocols,  # type: ignore[arg-type]
            proxy=None,
        ) as connection:
            connection.send('{"type": "connection_init"}')
            assert json.loads(connection.recv(60)) == {"type": "connection_ack"}
            yield connection


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("door") / "storage"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(scope="module")
def guarded(slice_directory: Path, storage: Path, hashed: str) -> Iterator[Instance]:
    """A UI behind a password, over an empty storage; in the end nothing that was refused has been carried out."""
    with served_ui(slice_directory, storage, password_hash=hashed) as port:
        instance = Instance(port, log_in(port))
        yield instance
        assert b'"attack"' not in instance.ask(RECORDED).body


@pytest.fixture(scope="module")
def read_only(guarded: Instance, slice_directory: Path, storage: Path, hashed: str) -> Iterator[Instance]:
    """A UI to be read only, beside the other and over the same storage."""
    with served_ui(slice_directory, storage, "--read-only", password_hash=hashed) as port:
        yield Instance(port, log_in(port))


def log_in(port: int) -> str:
    answer = enter(Instance(port, ""), PASSWORD)
    assert answer.status == 303
    return answer.headers["Set-Cookie"].split(";")[0]


def enter(instance: Instance, password: str, **changes: Any) -> Answer:
    body = urlencode({"password": password, "next": "/runs"}).encode()
    return instance.send("POST", "/login", {"Content-Type": FORM, "Cookie": None} | changes, body)


@dataclass(frozen=True)
class Attack:
    """A request that must be refused, and how: with the cookie of one who is logged in unless it changes that."""

    name: str
    status: int
    method: str = "GET"
    target: str = "/"
    changes: dict[str, Any] = field(default_factory=dict)
    body: bytes = b""
    version: str = "1.1"
    on: Literal["guarded", "read_only"] = "guarded"


def posted(query: str, **more: Any) -> bytes:
    return json.dumps({"query": query, **more}).encode()


def asked(**parameters: str) -> str:
    return f"/graphql?{urlencode(parameters)}"


def sends_mutation(name: str, status: int, changes: dict[str, Any], body: bytes = b"", **more: Any) -> Attack:
    return Attack(name, status, "POST", "/graphql", changes, body or posted(MUTATION), **more)


FOREIGN_ORIGINS = [
    sends_mutation(f"a mutation from {name}", 403, {"Origin": origin})
    for name, origin in {
        "another site": EVIL,
        "a sandboxed frame": "null",
        "another port of this host": "http://127.0.0.1:8888",
        "the same host over https": "https://127.0.0.1:PORT",
        "a host that begins like this one": "http://127.0.0.1:PORT.evil.example",
        "a host behind this one's name as a user": "http://127.0.0.1:PORT@evil.example",
        "a host that ends like this one": "http://evil-127.0.0.1:PORT",
        "another name of this host": "http://localhost:PORT",
        "an origin with a path": "http://127.0.0.1:PORT/",
        "an empty origin": "",
        "no origin": None,
        "a file": "file://",
    }.items()
] + [
    sends_mutation("two origins", 400, {"Origin": ["http://127.0.0.1:PORT", EVIL]}),
    sends_mutation("a cross-site request by its metadata", 403, {"Sec-Fetch-Site": "cross-site"}),
    sends_mutation("a same-site request by its metadata", 403, {"Sec-Fetch-Site": "same-site"}),
    Attack("a query from another site's page", 403, target=asked(query="{version}"), changes={"Origin": EVIL}),
    Attack(
        "a picture on another site's page", 403, changes={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"}
    ),
    Attack(
        "a link of another site to a query",
        403,
        target=asked(query="{version}"),
        changes={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ),
    Attack(
        "a frame on another site's page",
        403,
        changes={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ),
    Attack(
        "a form of another site sent to the UI",
        403,
        "POST",
        changes={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ),
    Attack("a preflight of another site", 405, "OPTIONS", "/graphql", {"Origin": EVIL}),
    Attack("a materialization reported by another site", 403, "POST", REPORT_ROUTE, {"Origin": EVIL}),
]

REBINDING = [
    sends_mutation(f"a mutation under {name}", status, {"Host": host, "Origin": f"http://{host}"})
    for name, host, status in [
        ("a rebound name", "evil.example:PORT", 421),
        ("a rebound name without port", "evil.example", 421),
        ("a name that resolves to loopback", "127.0.0.1.nip.io:PORT", 421),
        ("the address without port", "127.0.0.1", 421),
        ("the address with another port", "127.0.0.1:1", 421),
        ("localhost with a trailing dot", "localhost.:PORT", 421),
        ("the unspecified address", "0.0.0.0:PORT", 421),
        ("the address as one number", "2130706433:PORT", 421),
        ("a subdomain of localhost", "evil.localhost:PORT", 421),
        ("a name with a user", "127.0.0.1:PORT@evil.example", 421),
    ]
] + [
    Attack("the UI under a rebound name", 421, changes={"Host": "evil.example:PORT"}),
    Attack("the login page under a rebound name", 421, target="/login", changes={"Host": "evil.example:PORT"}),
    Attack(
        "a rebound name with the right one as forwarded",
        421,
        changes={"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1:PORT", "Forwarded": "host=127.0.0.1:PORT"},
    ),
    Attack("two hosts", 400, changes={"Host": ["127.0.0.1:PORT", "evil.example"]}),
    Attack("no host", 421, changes={"Host": None}, version="1.0"),
    Attack("another host in the request line", 400, target="http://evil.example/graphql?query={version}"),
]

GET_MUTATIONS = [
    Attack(f"a GET with {name}", status, target=f"/graphql?{query}", changes=changes)
    for name, status, query, changes in [
        ("a mutation", 403, urlencode({"query": MUTATION}), {}),
        ("a mutation named query", 403, urlencode({"query": MUTATION.replace("mutation", "mutation query", 1)}), {}),
        ("a mutation behind a query", 403, urlencode({"query": BOTH, "operationName": "Harmful"}), {}),
        ("a mutation beside the query named", 403, urlencode({"query": BOTH, "operationName": "Harmless"}), {}),
        ("a mutation behind a comment", 403, urlencode({"query": f"# query {{ version }}\n{MUTATION}"}), {}),
        ("a mutation behind commas and a mark", 403, urlencode({"query": f"\ufeff,,,\r\n,{MUTATION}"}), {}),
        (
            "a mutation behind a fragment",
            403,
            urlencode({"query": f"fragment F on Query {{ version }} query A {{ ...F }} {MUTATION}"}),
            {},
        ),
        ("a batch", 400, urlencode({"query": json.dumps([{"query": MUTATION}])}), {}),
        ("a query, then a mutation", 400, urlencode([("query", "{version}"), ("query", MUTATION)]), {}),
        ("a mutation, then a query", 400, urlencode([("query", MUTATION), ("query", "{version}")]), {}),
        ("a mutation encoded twice", 400, f"query={quote(quote(MUTATION))}", {}),
        ("a mutation under an encoded name", 403, f"%71uery={quote(MUTATION)}", {}),
        ("a mutation for a browser", 403, urlencode({"query": MUTATION}), {"Accept": HTML}),
        ("a mutation to be taken as a POST", 403, urlencode({"query": MUTATION}), {"X-HTTP-Method-Override": "POST"}),
        ("a subscription", 403, urlencode({"query": LISTEN}), {}),
        ("a document that can't be parsed", 400, urlencode({"query": "mutation {"}), {}),
        ("a document nested too deeply", 400, urlencode({"query": "{a" * 9_000}), {}),
        ("more parameters than any page sends", 400, "&".join(["a=1"] * 99) + "&" + urlencode({"query": MUTATION}), {}),
    ]
] + [
    Attack("a HEAD with a mutation", 403, "HEAD", asked(query=MUTATION)),
    Attack("a GET with a mutation, its path encoded", 403, target=asked(query=MUTATION).replace("/g", "/%67")),
    Attack(
        "a GET with a mutation in its body",
        400,
        target="/graphql",
        body=posted(MUTATION),
        changes={"Content-Type": JSON},
    ),
    *(
        Attack(f"a {method} with a mutation", 405, method, asked(query=MUTATION))
        for method in ("PUT", "PATCH", "DELETE")
    ),
]

CONTENT_TYPES = [
    Attack(f"a POST of {name}", status, "POST", asked(query=MUTATION), {"Content-Type": content_type}, body)
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
        ("two content types", 400, ["text/plain", JSON], posted(MUTATION)),
        ("a batch", 400, JSON, json.dumps([{"query": MUTATION}]).encode()),
        ("a string", 400, JSON, json.dumps(MUTATION).encode()),
        ("what is not JSON", 400, JSON, MUTATION.encode()),
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

OVERSIZED = [
    sends_mutation("a body longer than a MiB", 413, {}, posted(MUTATION + " " * MAX_BODY)),
    sends_mutation("a length longer than a MiB", 413, {"Content-Length": str(MAX_BODY + 1)}),
    sends_mutation("a length with more digits than a number may have", 413, {"Content-Length": "9" * 18}),
    sends_mutation(
        "chunks that add up to more than a MiB",
        413,
        {"Content-Length": None, "Transfer-Encoding": "chunked"},
        b"".join(b"%x\r\n%s\r\n" % (2**16, b" " * 2**16) for _ in range(2 * MAX_BODY // 2**16)) + b"0\r\n\r\n",
    ),
    sends_mutation("a negative length", 400, {"Content-Length": "-1"}),
    sends_mutation("two lengths", 400, {"Content-Length": ["2", "3"]}),
    sends_mutation(
        "a length beside chunks",
        400,
        {"Content-Length": "4", "Transfer-Encoding": "chunked"},
        b"0\r\n\r\nPOST /graphql HTTP/1.1\r\n\r\n",
    ),
    Attack("a head longer than any page's", 400, changes={"X-Long": "x" * 5 * MAX_HEAD}),
    Attack("a document longer than any page's", 400, target=asked(query="{version}" + " " * 5 * MAX_HEAD)),
    Attack("a login longer than a form", 413, "POST", "/login", {"Content-Type": FORM}, b"password=" + b"x" * MAX_FORM),
]

STRANGERS = [
    Attack(f"{name} without a session", 401, method, target, {"Cookie": None}, body)
    for name, method, target, body in [
        ("the UI", "GET", "/", b""),
        ("a page of the UI", "GET", "/runs", b""),
        ("a script of the UI", "GET", "/vendor/graphiql/graphiql.min.js", b""),
        ("the versions", "GET", "/server_info", b""),
        ("a query by GET", "GET", asked(query="{version}"), b""),
        ("a query by POST", "POST", "/graphql", posted("{version}")),
        ("a mutation", "POST", "/graphql", posted(MUTATION)),
        ("a log", "GET", "/logs/a/b/out", b""),
        ("a run's events", "GET", "/download_debug/0", b""),
        ("a report of a materialization", "POST", REPORT_ROUTE, b"{}"),
    ]
] + [
    Attack("the page to log in, for a browser", 401, changes={"Cookie": None, "Accept": HTML}),
    Attack("the password in the address", 401, target=f"/?password={quote(PASSWORD)}", changes={"Cookie": None}),
    Attack("a password by HTTP Basic", 401, changes={"Cookie": None, "Authorization": "Basic OnRocmVlIHBpeGVscw=="}),
    Attack(
        "logging in from another site", 403, "POST", "/login", {"Content-Type": FORM, "Origin": EVIL}, b"password=x"
    ),
    Attack(
        "logging in without an origin", 403, "POST", "/login", {"Content-Type": FORM, "Origin": None}, b"password=x"
    ),
    Attack("logging in with JSON", 415, "POST", "/login", {}, json.dumps({"password": PASSWORD}).encode()),
    Attack("logging out from another site", 403, "POST", "/logout", {"Content-Type": FORM, "Origin": EVIL}),
]

WEBSOCKETS = [
    Attack(f"a WebSocket {name}", 403, target="/graphql", changes=UPGRADE | changes)
    for name, changes in {
        "from another site": {"Origin": EVIL},
        "from a sandboxed frame": {"Origin": "null"},
        "from another port of this host": {"Origin": "http://127.0.0.1:8888"},
        "from another name of this host": {"Origin": "http://localhost:PORT"},
        "without an origin": {"Origin": None},
        "of a cross-site page by its metadata": {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "cross-site"},
        "of a same-site page by its metadata": {"Origin": "http://127.0.0.1:PORT", "Sec-Fetch-Site": "same-site"},
        "under a rebound name": {"Host": "evil.example:PORT", "Origin": "http://evil.example:PORT"},
        "without a session": {"Origin": "http://127.0.0.1:PORT", "Cookie": None},
        "with a forged session": {"Origin": "http://127.0.0.1:PORT", "Cookie": "mnist-pipeline-PORT=9999999999.a.b"},
    }.items()
]

TRAVERSALS = [
    Attack(f"the path {target}", status, target=target)
    for target, status in {
        "/logs/../dagster/yaml": 400,
        "/logs/..%2fdagster/yaml": 400,
        "/logs/%2e%2e/dagster/yaml": 400,
        "/logs/%2e%2e%2fdagster/yaml": 400,
        "/logs/%252e%252e%252fdagster/yaml": 400,
        "/logs/..%5cdagster/yaml": 400,
        "/logs/%2fetc/passwd/x": 400,
        "/logs//etc/passwd/x": 400,
        "/logs/a%00b/out": 400,
        "/logs/a%0d%0aSet-Cookie:x/out": 400,
        "/logs/./../../history/runs/db": 400,
        "/logs/dagster/yaml": 404,
        "/download_debug/..%2f..%2fdagster.yaml": 400,
        "/download_debug/%2e%2e": 400,
        "/notebook?repoLocName=mnist-pipeline&path=/etc/passwd.ipynb": 404,
        "/notebook?repoLocName=mnist-pipeline&path=..%2f..%2fx.ipynb": 404,
        "/dagit/notebook?repoLocName=mnist-pipeline&path=docs/x.ipynb": 404,
        "/%6eotebook?repoLocName=mnist-pipeline&path=x.ipynb": 404,
        "/_next/static/../../../../../etc/passwd": 400,
        "/_next/%2e%2e/%2e%2e/%2e%2e/webserver.py": 400,
        "/vendor/..%2fcsp-header.txt": 400,
        "/vendor/%c0%ae%c0%ae/csp-header.txt": 404,
        "/vendor/%2fetc/passwd": 400,
        "//evil.example/%2e%2e": 400,
    }.items()
]

CHANGES_TO_READ = [
    sends_mutation(f"{name}, read-only", status, {}, body, on="read_only")
    for name, status, body in [
        ("a mutation", 403, posted(MUTATION)),
        ("a mutation named query", 403, posted(MUTATION.replace("mutation", "mutation query", 1))),
        ("a mutation beside a query", 403, posted(BOTH, operationName="Harmful")),
        ("a mutation beside the query named", 403, posted(BOTH, operationName="Harmless")),
        (
            "a mutation behind a first query of the same name",
            403,
            posted("{version}")[:-1] + b"," + posted(MUTATION)[1:],
        ),
        ("a mutation in another encoding", 403, posted(MUTATION).decode().encode("utf-16")),
        ("a subscription", 403, posted(LISTEN)),
        ("what can't be parsed", 400, posted("mutation {")),
        ("a reload of the code", 403, posted("mutation { reloadWorkspace { __typename } }")),
        ("a sensor switched on", 403, posted('mutation { stopSensor(id: "x") { __typename } }')),
        ("a document longer than any page sends", 413, posted("{version}" + " " * MAX_QUERY)),
    ]
] + [
    Attack("a materialization reported, read-only", 403, "POST", REPORT_ROUTE, {}, b"{}", on="read_only"),
    Attack("a path that begins like that of a drawing, read-only", 403, "POST", f"{READ}/x", {}, b"{}", on="read_only"),
    Attack("a drawing without a session, read-only", 401, "POST", READ, {"Cookie": None}, b"{}", on="read_only"),
    Attack("a drawing from another site, read-only", 403, "POST", READ, {"Origin": EVIL}, b"{}", on="read_only"),
    Attack("a mutation by GET, read-only", 403, target=asked(query=MUTATION), on="read_only"),
    Attack("a session of another server", 401, changes={"Cookie": "OTHER"}, on="read_only"),
]

REQUESTS = [
    *FOREIGN_ORIGINS,
    *REBINDING,
    *GET_MUTATIONS,
    *CONTENT_TYPES,
    *OVERSIZED,
    *STRANGERS,
    *WEBSOCKETS,
    *TRAVERSALS,
    *CHANGES_TO_READ,
]

MESSAGES = {
    "a mutation": {"type": "start", "id": "1", "payload": {"query": MUTATION}},
    "a mutation beside a subscription": {
        "type": "start",
        "id": "1",
        "payload": {
            "query": f"subscription A {{ version }} mutation B {{ {REPORT % 'attack'} }}",
            "operation_name": "A",
        },
    },
    "a mutation by another protocol's word": {"type": "subscribe", "id": "1", "payload": {"query": MUTATION}},
    "a document that can't be parsed": {"type": "start", "id": "1", "payload": {"query": "subscription {"}},
    "a start without a document": {"type": "start", "id": "1", "payload": {}},
    "a start with a list for a payload": {"type": "start", "id": "1", "payload": [MUTATION]},
    "a list": [{"type": "start", "id": "1", "payload": {"query": MUTATION}}],
    "what is not JSON": "mutation",
    "a binary mutation": json.dumps({"type": "start", "id": "1", "payload": {"query": MUTATION}}).encode(),
    "more than a MiB": {"type": "start", "id": "1", "payload": {"query": "#" + "x" * MAX_BODY}},
}


@pytest.mark.parametrize("attack", REQUESTS, ids=lambda attack: attack.name)
def test_a_request_is_refused(attack: Attack, request: pytest.FixtureRequest, attacks: Any) -> None:
    instance: Instance = request.getfixturevalue(attack.on)
    other = request.getfixturevalue("guarded").cookie.split("=")[1]
    changes = attack.changes | (
        {"Cookie": f"mnist-pipeline-PORT={other}"} if attack.changes.get("Cookie") == "OTHER" else {}
    )
    with attacks():
        answer = instance.send(attack.method, attack.target, changes, attack.body, attack.version)
        assert answer.status == attack.status, answer.body[:500]
        assert b"data" not in answer.body or b"errors" in answer.body or attack.status == 401
        assert b"root:" not in answer.body
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message_over_a_websocket_is_refused(message: Any, guarded: Instance, attacks: Any) -> None:
    with attacks(), guarded.socket() as socket:
        socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1008, 1009)


@pytest.mark.parametrize(
    "password", ["three pixels", "", f"{PASSWORD} ", "HASH"], ids=["wrong", "none", "nearly right", "the hash"]
)
def test_a_wrong_password_opens_no_session(password: str, guarded: Instance, hashed: str, attacks: Any) -> None:
    with attacks():
        answer = enter(guarded, hashed if password == "HASH" else password)
        assert answer.status in (401, 429)
        assert "Set-Cookie" not in answer.headers


def test_after_too_many_wrong_passwords_the_right_one_has_to_wait_too(read_only: Instance, attacks: Any) -> None:
    statuses = [enter(read_only, f"guess {i}").status for i in range(FAILURES_PER_CLIENT)]
    assert statuses == [401] * FAILURES_PER_CLIENT
    for changes in ({}, {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7", "X-Real-IP": "192.0.2.7"}):
        with attacks():
            answer = enter(read_only, PASSWORD, **changes)
            assert answer.status == 429
            assert 0 < int(answer.headers["Retry-After"]) <= 300
            assert "Set-Cookie" not in answer.headers
    assert read_only.ask("{version}").status == 200, "those who are inside stay there"


@pytest.mark.parametrize(
    "forge",
    [
        lambda token: Sessions().open(),
        lambda token: Sessions(lambda: 0).open(),
        lambda token: f"9{token}",
        lambda token: re.sub(r"^\d+", "99999999999", token),
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:-32],
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token.upper(),
        lambda token: ".".join(reversed(token.split("."))),
        lambda token: f"{token}.{token}",
        lambda token: "..",
        lambda token: "",
        lambda token: "\xe9.\xe9.\xe9",
    ],
    ids=[
        "signed with another key",
        "expired, and signed with another key",
        "longer-lived",
        "of another expiry",
        "of another signature",
        "of half a signature",
        "without a signature",
        "in capitals",
        "turned round",
        "doubled",
        "of dots",
        "empty",
        "not of ASCII",
    ],
)
def test_a_forged_session_is_none(forge: Any, guarded: Instance, attacks: Any) -> None:
    name, token = guarded.cookie.split("=")
    with attacks():
        assert guarded.send("GET", "/server_info", {"Cookie": f"{name}={forge(token)}"}).status == 401


def test_a_session_that_was_ended_is_good_no_more(guarded: Instance, attacks: Any) -> None:
    own = Instance(guarded.port, log_in(guarded.port))
    with own.socket() as socket:
        left = own.send("POST", "/logout", {"Content-Type": FORM})
        assert (left.status, left.headers["Location"]) == (303, "/login")
        assert "Max-Age=0" in left.headers["Set-Cookie"]
        with attacks():
            assert own.send("GET", "/server_info").status == 401
        with attacks():
            socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": LISTEN}}))
            with pytest.raises(ConnectionClosed):
                socket.recv(60)


@pytest.mark.parametrize(
    "target", ["//evil.example/", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
def test_logging_in_leads_to_no_other_site(target: str, guarded: Instance, attacks: Any) -> None:
    with attacks():
        body = urlencode({"password": PASSWORD, "next": target}).encode()
        answer = guarded.send("POST", "/login", {"Content-Type": FORM, "Cookie": None}, body)
        assert (answer.status, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "target", ["/", "/draw", "/login", "/graphql", "/server_info", "/runs", "/logs/a/b/out", "/notebook", "/../"]
)
@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
def test_no_answer_can_be_framed_or_sniffed(target: str, inside: bool, guarded: Instance, attacks: Any) -> None:
    with attacks():
        headers = guarded.send("GET", target, {"Accept": HTML} | ({} if inside else {"Cookie": None})).headers
        assert headers.get_all("X-Frame-Options") == ["DENY"]
        assert headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
        assert headers.get_all("X-Content-Type-Options") == ["nosniff"]
        assert headers.get_all("Referrer-Policy") == ["same-origin"]
        assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Cache-Control"] in ("no-store", "private")


def test_the_policy_of_the_ui_for_its_scripts_stays_in_force(guarded: Instance) -> None:
    policy = guarded.send("GET", "/", {"Accept": HTML}).headers["Content-Security-Policy"]
    assert "script-src 'nonce-" in policy
    assert "object-src 'none'" in policy


def test_the_cookie_is_kept_from_scripts_and_other_sites(guarded: Instance) -> None:
    cookie = enter(guarded, PASSWORD).headers["Set-Cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert attribute in cookie
    assert "Domain" not in cookie


def test_a_mutation_of_the_uis_own_page_is_carried_out(guarded: Instance) -> None:
    answer = guarded.ask(f"mutation {{ {REPORT % 'control'} }}")
    assert (
        json.loads(answer.body)["data"]["reportRunlessAssetEvents"]["__typename"] == "ReportRunlessAssetEventsSuccess"
    )
    assert b'"control"' in guarded.ask(RECORDED).body


@pytest.mark.parametrize(
    ("method", "target", "changes", "body"),
    [
        ("GET", asked(query="# mutation\n{version}"), {}, b""),
        ("GET", "/graphql", {"Accept": HTML}, b""),
        ("GET", "/assets/covariance?view=checks", {"Accept": HTML}, b""),
        ("POST", "/graphql", {"Content-Type": "application/json; charset=utf-8"}, posted("{version}")),
        ("POST", "/graphql", {"Sec-Fetch-Site": "same-origin"}, posted("{version}")),
        ("POST", "/graphql", {"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, posted("{version}")),
        ("POST", "/graphql", {"Host": "[::1]:PORT", "Origin": "http://[::1]:PORT"}, posted("{version}")),
        (
            "GET",
            "/runs",
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            b"",
        ),
    ],
    ids=["query by GET", "GraphiQL", "page", "charset", "metadata", "localhost", "IPv6", "a link elsewhere"],
)
def test_what_is_harmless_gets_through(
    method: str, target: str, changes: dict[str, Any], body: bytes, guarded: Instance
) -> None:
    assert guarded.send(method, target, changes, body).status == 200


def test_a_subscription_delivers_through_the_door(guarded: Instance) -> None:
    with guarded.socket() as socket:
        query = 'subscription { capturedLogs(logKey: ["0", "compute_logs", "0"]) { stdout cursor } }'
        socket.send(json.dumps({"type": "start", "id": "1", "payload": {"query": query, "variables": {}}}))
        received = json.loads(socket.recv(60))
        assert (received["type"], received["id"]) == ("data", "1")
        assert "capturedLogs" in received["payload"]["data"]


def test_a_reader_sees_what_is_there_and_may_change_nothing(read_only: Instance) -> None:
    answer = json.loads(read_only.ask("{ permissions { permission value } }").body)
    assert {each["value"] for each in answer["data"]["permissions"]} == {False}
    assert read_only.ask(RECORDED).status == 200


def test_a_reader_may_have_a_drawing_read(read_only: Instance) -> None:
    assert read_only.send("GET", DRAW, {"Accept": HTML}).status == 200
    answer = read_only.send("POST", READ, body=b"{}")
    assert (answer.status, b"It has no picture" in answer.body) == (400, True), "it came through the door"


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install one (Debian: apt-get install chromium)")
def test_a_person_logs_in_sees_the_page_asked_for_with_live_updates_and_logs_out(guarded: Instance) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        requested: list[str] = []
        acknowledged: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: acknowledged.append(str(frame))),
        )
        page.goto(f"{guarded.origin}/asset-groups?open=1")
        password = page.get_by_label("Password")
        expect(password).to_be_focused()
        assert requested == [f"{guarded.origin}/asset-groups?open=1"], "the page to log in needs nothing else"
        password.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("networks", exact=True).first).to_be_visible(timeout=PATIENCE)
        assert page.url.startswith(f"{guarded.origin}/asset-groups")
        assert any("connection_ack" in frame for frame in acknowledged)
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{guarded.origin}/login")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.goto(f"{guarded.origin}/runs")
        expect(page.get_by_label("Password")).to_be_visible()
        browser.close()
