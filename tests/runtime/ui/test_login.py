"""Limits on guessing the password, sessions, and the door around an application that is not Dagster's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import Message as Headers
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from mnist_pipeline.runtime import passwords
from mnist_pipeline.runtime.ui import door, login
from mnist_pipeline.runtime.ui.addresses import Served

PASSWORD = "three pixels and a half"
ORIGIN = "http://127.0.0.1:3000"
STOP: Message = {"type": "websocket.receive", "text": '{"type": "stop"}'}


@dataclass
class Clock:
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def visited(hashed: str) -> login.Login:
    return login.Login(hashed, 3000)


@pytest.fixture
def guarded(visited: login.Login) -> door.Door:
    """An application behind the door."""
    app = Starlette(routes=[Route("/echo", _echo, methods=["POST"]), WebSocketRoute("/graphql", _count)])
    return door.Door(app, Served(allowed_hosts=("digits.example.org",)), visited)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: str


def post(app: door.Door, path: str, body: bytes, **headers: str) -> Answer:
    """What comes back of a POST of a page that is served; without a body, of one that never sends it."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not body:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(_scope("http", path, method="POST", **headers), receive, send))
    answered = Headers()
    for name, value in sent[0]["headers"]:
        answered[name.decode()] = value.decode()
    return Answer(sent[0]["status"], answered, b"".join(message["body"] for message in sent[1:]).decode())


def fill_in(app: door.Door, **fields: str) -> Answer:
    """What comes back of the form to log in."""
    return post(app, "/login", urlencode(fields).encode(), **{"content-type": "application/x-www-form-urlencoded"})


def _scope(kind: str, path: str, **more: str) -> Scope:
    headers = {"host": "127.0.0.1:3000", "origin": ORIGIN, "content-type": "application/json"}
    method = more.pop("method", "")
    encoded = [(name.encode(), value.encode()) for name, value in (headers | more).items()]
    scope = {"type": kind, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": encoded}
    return scope | ({"method": method} if method else {})


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def _count(websocket: WebSocket) -> None:
    await websocket.accept()
    for number in range(10):
        try:
            await websocket.receive_text()
        except WebSocketDisconnect:
            return
        await websocket.send_text(str(number))


def test_a_client_may_try_five_times_in_five_minutes(clock: Clock) -> None:
    attempts = login.Attempts(clock)
    for _ in range(login.FAILURES_PER_CLIENT):
        assert attempts.seconds_to_wait("192.0.2.1") == 0
        attempts.begin("192.0.2.1")
        clock.now += 10
    assert attempts.seconds_to_wait("192.0.2.1") == 250
    assert attempts.seconds_to_wait("192.0.2.2") == 0
    clock.now += 250
    assert attempts.seconds_to_wait("192.0.2.1") == 0


def test_all_clients_together_are_limited_and_so_is_what_is_remembered_of_them(clock: Clock) -> None:
    attempts = login.Attempts(clock)
    tried = 0
    for number in range(1_000):
        address = f"192.0.{number // 256}.{number % 256}"
        if attempts.seconds_to_wait(address) == 0:
            attempts.begin(address)
            tried += 1
    assert tried == len(attempts._failures) == login.FAILURES_OVERALL
    clock.now += login.WINDOW_SECONDS
    assert attempts.seconds_to_wait("192.0.2.1") == 0
    assert not attempts._failures


def test_the_addresses_of_one_ipv6_network_count_as_one_client(clock: Clock) -> None:
    attempts = login.Attempts(clock)
    for number in range(login.FAILURES_PER_CLIENT):
        attempts.begin(f"2001:db8::{number}")
    assert attempts.seconds_to_wait("2001:db8::ffff%eth0") > 0
    assert attempts.seconds_to_wait("2001:db8:0:1::") == 0


def test_an_attempt_that_was_right_counts_no_more(clock: Clock) -> None:
    attempts = login.Attempts(clock)
    for _ in range(100):
        attempts.forgive(attempts.begin("192.0.2.1"))
    assert attempts.seconds_to_wait("192.0.2.1") == 0


def test_a_session_lasts_twelve_hours(clock: Clock) -> None:
    sessions = login.Sessions(clock)
    token = sessions.open()
    clock.now += 12 * 3600 - 1
    assert sessions.holds(token)
    clock.now += 1
    assert not sessions.holds(token)


def test_a_session_that_was_ended_is_remembered_until_it_would_have_expired(clock: Clock) -> None:
    sessions = login.Sessions(clock)
    first, second = sessions.open(), sessions.open()
    sessions.end(first)
    assert (sessions.holds(first), sessions.holds(second)) == (False, True)
    clock.now += login.SESSION_SECONDS
    third = sessions.open()
    sessions.end(third)
    assert len(sessions._ended) == 1


def test_a_websocket_says_no_more_once_its_session_has_expired(guarded: door.Door, visited: login.Login) -> None:
    clock = Clock()
    visited.sessions = login.Sessions(clock)
    sent: list[Message] = []
    said: list[Message] = [{"type": "websocket.connect"}, STOP, STOP]

    async def receive() -> Message:
        if len(said) == 1:
            clock.now += login.SESSION_SECONDS
        return said.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = _scope("websocket", "/graphql", cookie=f"mnist-pipeline-3000={visited.sessions.open()}")
    asyncio.run(guarded(scope, receive, send))
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert sent[-1]["code"] == door.POLICY_VIOLATION


def test_a_body_reaches_the_application_unchanged(guarded: door.Door, visited: login.Login) -> None:
    cookie = f"mnist-pipeline-3000={visited.sessions.open()}"
    assert post(guarded, "/echo", b'{"a": 1}', cookie=cookie).body == '{"a": 1}'


@pytest.mark.parametrize(
    ("asked_for", "led_to"),
    [
        ("/runs?a=1&b=%2F", "/runs?a=1&b=%2F"),
        ("/assets/äöü", "/assets/%C3%A4%C3%B6%C3%BC"),
        ("/a\r\nSet-Cookie: x", "/a%0D%0ASet-Cookie:%20x"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
        ("/logout", "/"),
    ],
)
def test_logging_in_leads_to_the_page_asked_for_if_it_is_here(asked_for: str, led_to: str, guarded: door.Door) -> None:
    answer = fill_in(guarded, password=PASSWORD, next=asked_for)
    assert (answer.status, answer.headers["Location"]) == (303, led_to)


def test_the_cookie_is_sent_over_tls_only_where_there_is_tls(guarded: door.Door) -> None:
    assert "Secure" not in fill_in(guarded, password=PASSWORD).headers["Set-Cookie"]
    terminated = {"host": "digits.example.org", "origin": "https://digits.example.org"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = post(guarded, "/login", urlencode({"password": PASSWORD}).encode(), **terminated, **form)
    assert "Secure" in answer.headers["Set-Cookie"]


def test_the_form_tells_what_went_wrong_and_keeps_the_page_asked_for(guarded: door.Door) -> None:
    answer = fill_in(guarded, password="wrong", next='/runs?a="><script>')
    assert answer.status == 401
    assert login.WRONG in answer.body
    assert 'value="/runs?a=%22%3E%3Cscript%3E"' in answer.body
    assert "<script>" not in answer.body


def test_a_body_that_never_comes_is_cut_off(
    guarded: door.Door, visited: login.Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "BODY_SECONDS", 0.01)
    assert post(guarded, "/echo", b"", cookie=f"mnist-pipeline-3000={visited.sessions.open()}").status == 408
