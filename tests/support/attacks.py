"""Requests that the UI must refuse, and how many of them it refused."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

import pytest

from support.served import Headers

PASSWORD = "three pixels and a half"
EVIL = "https://evil.example"
EVENT = '{eventType: ASSET_MATERIALIZATION, assetKey: {path: ["covariance"]}, description: "%s"}'
REPORT = f"reportRunlessAssetEvents(eventParams: {EVENT}) {{ __typename }}"
MUTATION = f"mutation {{ {REPORT % 'attack'} }}"
BOTH = f"query Harmless {{ version }} mutation Harmful {{ {REPORT % 'attack'} }}"
SUBSCRIPTION = "subscription { locationStateChangeEvents { event { locationName } } }"
RECORDED = """{ assetNodeOrError(assetKey: {path: ["covariance"]}) {
  ... on AssetNode { assetMaterializations(limit: 100) { description } } } }"""
REPORT_ROUTE = "/report_asset_materialization/covariance?description=attack"
UPGRADE: Headers = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
    "Content-Type": None,
}

Counter = Callable[[], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Attack:
    """A request, sent with the cookie of a session unless `changes` replaces it, and the status that refuses it."""

    name: str
    status: int
    method: str = "GET"
    target: str = "/"
    changes: Headers = field(default_factory=dict)
    body: bytes = b""
    version: str = "1.1"
    on: Literal["guarded", "read_only"] = "guarded"

    def __str__(self) -> str:
        return self.name


def posted(query: str, **more: str) -> bytes:
    """The body of a GraphQL request."""
    return json.dumps({"query": query, **more}).encode()


def get(**parameters: str) -> str:
    """The target of a GraphQL request by GET."""
    return f"/graphql?{urlencode(parameters)}"


def mutation(name: str, status: int, changes: Headers, body: bytes = b"", **more: str) -> Attack:
    """A POST of a mutation."""
    return Attack(name, status, "POST", "/graphql", changes, body or posted(MUTATION), **more)  # type: ignore[arg-type]


@pytest.fixture
def attacks(record_property: Callable[[str, object], None]) -> Counter:
    """A context that counts an attack on the UI, as refused if nothing in the context fails."""

    @contextlib.contextmanager
    def attack() -> Iterator[None]:
        record_property("attack", "tried")
        yield
        record_property("attack", "refused")

    return attack


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many attacks were tried, by all workers of pytest-xdist."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    counted = [value for report in reports for name, value in report.user_properties if name == "attack"]
    if counted:
        refused = counted.count("refused")
        terminalreporter.write_line(f"attacks on the UI: {counted.count('tried')} tried, {refused} refused")
