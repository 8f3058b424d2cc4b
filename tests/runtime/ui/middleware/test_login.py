"""Only users who know the password see the UI, and only as long as their session lasts."""

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from urllib.parse import quote

import itsdangerous
import pytest
from playwright.sync_api import expect
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient
from support.attacks import EVIL, MUTATION, PASSWORD, REPORT_ROUTE, Attack, Counter, get, posted
from support.browser import PATIENCE, launch_browser
from support.served import FORM, HTML, Client, Headers, open_websocket
from websockets.exceptions import ConnectionClosed

from mnist_pipeline.runtime.ui.addresses import Address
from mnist_pipeline.runtime.ui.middleware import login
from mnist_pipeline.runtime.ui.middleware.login import LoginMiddleware
from mnist_pipeline.runtime.ui.server import application

pytestmark = pytest.mark.slow

ORIGIN = "http://127.0.0.1:3000"

FOREIGN: Headers = {"Content-Type": FORM, "Origin": EVIL}
STRANGERS = [
    Attack(f"{name} without a session", 401, method, target, {"Cookie": None}, body)
    for name, method, target, body in [
        ("the UI", "GET", "/", b""),
        ("a page of the UI", "GET", "/runs", b""),
        ("a script of the UI", "GET", "/vendor/graphiql/graphiql.min.js", b""),
        ("the versions", "GET", "/server_info", b""),
        ("a query by GET", "GET", get(query="{version}"), b""),
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
    Attack("logging in from another site", 403, "POST", "/login", FOREIGN, b"password=x"),
    Attack("logging in without an origin", 403, "POST", "/login", FOREIGN | {"Origin": None}, b"password=x"),
    Attack("logging in with JSON", 415, "POST", "/login", {}, json.dumps({"password": PASSWORD}).encode()),
    Attack("logging out from another site", 403, "POST", "/logout", FOREIGN),
]


@pytest.mark.parametrize("attack", STRANGERS, ids=str)
def test_a_request_is_refused(attack: Attack, refuse: Callable[[Attack], None]) -> None:
    refuse(attack)


def test_a_wrong_password_opens_no_session(guarded: Client, hashed: str, attacks: Counter) -> None:
    for password in ("three pixels", "", f"{PASSWORD} ", hashed):
        with attacks():
            answer = guarded.enter(password)
            assert answer.status in (401, 429)
            assert "Set-Cookie" not in answer.headers


def test_after_too_many_wrong_passwords_the_right_one_must_wait_too(read_only: Client, attacks: Counter) -> None:
    statuses = [read_only.enter(f"guess {i}").status for i in range(login.WRONG_PER_CLIENT)]
    assert statuses == [401] * login.WRONG_PER_CLIENT
    for changes in ({}, {"X-Forwarded-For": "192.0.2.7", "Forwarded": "for=192.0.2.7", "X-Real-IP": "192.0.2.7"}):
        with attacks():
            answer = read_only.enter(PASSWORD, changes={**changes})
            assert answer.status == 429
            assert 0 < int(answer.headers["Retry-After"]) <= login.WINDOW_SECONDS
            assert "Set-Cookie" not in answer.headers
    assert read_only.query("{version}").status == 200, "open sessions stay"


def sign(session: str, key: str = "another key", age: int = 0) -> str:
    """The cookie of a session, signed some seconds ago."""
    signer = itsdangerous.TimestampSigner(key)
    signer.get_timestamp = lambda: int(time.time()) - age  # type: ignore[method-assign]
    return signer.sign(b64encode(json.dumps({"id": session}).encode())).decode()


FORGED: dict[str, Callable[[str], str]] = {
    "signed with another key": lambda token: sign("a"),
    "expired, and signed with another key": lambda token: sign("a", age=10**6),
    "longer": lambda token: f"9{token}",
    "with another time": lambda token: re.sub(r"\.[^.]+\.", ".zzzzzz.", token),
    "with another signature": lambda token: token[:-2] + ("0" if token[-2] != "0" else "1") + token[-1],
    "with half a signature": lambda token: token[:-14],
    "without a signature": lambda token: token.rpartition(".")[0] + ".",
    "in capitals": lambda token: token.upper(),
    "reversed": lambda token: ".".join(reversed(token.split("."))),
    "doubled": lambda token: f"{token}.{token}",
    "of dots": lambda token: "..",
    "empty": lambda token: "",
    "not in ASCII": lambda token: "\xe9.\xe9.\xe9",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_cookie_is_refused(forge: Callable[[str], str], guarded: Client, attacks: Counter) -> None:
    name, token = guarded.cookie.split("=", 1)
    with attacks():
        assert guarded.send("GET", "/server_info", {"Cookie": f"{name}={forge(token)}"}).status == 401


def test_a_session_ends_when_the_user_logs_out(guarded: Client, attacks: Counter) -> None:
    own = guarded.logged_in(PASSWORD)
    with open_websocket(own) as websocket:
        left = own.send("POST", "/logout", {"Content-Type": FORM})
        assert (left.status, left.headers["Location"]) == (303, "/login")
        assert "1970" in left.headers["Set-Cookie"]
        with attacks():
            assert own.send("GET", "/server_info").status == 401
        with attacks(), pytest.raises(ConnectionClosed) as closed:
            websocket.recv(60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_logging_in_leads_to_no_other_site(guarded: Client, attacks: Counter) -> None:
    for target in ("//evil.example/", "/\\evil.example", "https://evil.example", "javascript:alert(1)"):
        with attacks():
            answer = guarded.enter(PASSWORD, target)
            assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_each_login_has_a_cookie_of_its_own_that_scripts_and_other_sites_do_not_get(guarded: Client) -> None:
    # Right passwords are not limited.
    cookies = [guarded.enter(PASSWORD).headers["Set-Cookie"] for _ in range(login.WRONG_PER_CLIENT + 2)]
    assert len({cookie.split(";")[0] for cookie in cookies}) == len(cookies)
    assert set(cookies[0].lower().split("; ")[1:]) == {"path=/", "max-age=43200", "httponly", "samesite=strict"}


@pytest.fixture
def client(hashed: str) -> Iterator[TestClient]:
    """A client of an application that is not Dagster's, behind the access control."""

    async def greet(request: Request) -> Response:
        return Response("hello")

    app = application([Route("/", greet)], Address(allowed_hosts=("digits.example.org",)), hashed, None)
    with TestClient(app, base_url=ORIGIN, headers={"Origin": ORIGIN}, follow_redirects=False) as client:
        yield client


def enter(client: TestClient, password: str = PASSWORD, next_page: str = "/", **headers: str) -> Response:
    return client.post("/login", data={"password": password, "next": next_page}, headers=headers)


def test_a_session_expires_after_twelve_hours(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    enter(client)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 - 1)
    assert client.get("/").status_code == 200
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 2)
    assert client.get("/").status_code == 401


@pytest.mark.parametrize(
    ("requested", "target"),
    [
        ("/runs?a=1&b=%2F", "/runs?a=1&b=%2F"),
        ("/assets/äöü", "/assets/%C3%A4%C3%B6%C3%BC"),
        ("/a\r\nSet-Cookie: x", "/a%0D%0ASet-Cookie:%20x"),
        ("", "/"),
        ("/logout", "/"),
    ],
)
def test_logging_in_leads_to_the_requested_page_of_this_ui(requested: str, target: str, client: TestClient) -> None:
    answer = enter(client, next_page=requested)
    assert (answer.status_code, answer.headers["Location"]) == (303, target)


def test_the_login_page_keeps_the_requested_page(client: TestClient) -> None:
    page = client.get('/runs?a=1&b="><script>', headers={"Accept": HTML})
    assert page.status_code == 401
    assert 'value="/runs?a=1&amp;b=%22%3E%3Cscript%3E"' in page.text
    assert "<script>" not in page.text


def test_the_cookie_is_secure_behind_a_tls_terminator(client: TestClient) -> None:
    assert "secure" not in enter(client).headers["Set-Cookie"]
    behind_tls = enter(client, host="digits.example.org", origin="https://digits.example.org")
    assert "secure" in behind_tls.headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/logout", "/login/", "/login/x", "/logoutx"])
def test_only_the_login_page_itself_needs_no_session(path: str, client: TestClient) -> None:
    assert {client.request(method, path).status_code for method in ("GET", "DELETE", "OPTIONS")} == {401}


def test_a_client_may_enter_five_wrong_passwords_in_five_minutes_and_all_clients_fifty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    guard = LoginMiddleware(Response(), "", 3000)
    for _ in range(login.WRONG_PER_CLIENT):
        assert guard.seconds_to_wait("192.0.2.1") == 0
        guard.wrong.append((now, "192.0.2.1"))
        now += 10
    assert guard.seconds_to_wait("192.0.2.1") == 250
    assert guard.seconds_to_wait("192.0.2.2") == 0
    now += login.WINDOW_SECONDS
    for number in range(login.WRONG_OVERALL):
        assert guard.seconds_to_wait(f"192.0.2.{number}") == 0
        guard.wrong.append((now, f"192.0.2.{number}"))
    assert guard.seconds_to_wait("192.0.2.99") == login.WINDOW_SECONDS
    now += login.WINDOW_SECONDS
    assert guard.seconds_to_wait("192.0.2.99") == 0
    # The addresses of an IPv6 network count as one client.
    assert login.network("2001:db8::1") == login.network("2001:db8::ffff%eth0") != login.network("2001:db8:0:1::")


@pytest.mark.browser
def test_a_person_logs_in_sees_the_requested_page_and_logs_out(guarded: Client) -> None:
    with launch_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{guarded.origin}/asset-groups?open=1")
        password = page.get_by_label("Password")
        expect(password).to_be_focused()
        assert requested == [f"{guarded.origin}/asset-groups?open=1"], "the login page needs no other request"
        password.fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("networks", exact=True).first).to_be_visible()
        assert page.url.startswith(f"{guarded.origin}/asset-groups")
        assert page.evaluate("document.cookie") == ""
        page.goto(f"{guarded.origin}/login")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.goto(f"{guarded.origin}/runs")
        expect(page.get_by_label("Password")).to_be_visible()
