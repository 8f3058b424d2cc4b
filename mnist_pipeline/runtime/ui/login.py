"""Logging in to the UI: the page, limits on guessing, and the sessions of those who knew the password."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, Template
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mnist_pipeline.runtime import passwords

LOGIN, LOGOUT = "/login", "/logout"
SESSION_SECONDS = 12 * 3600
WINDOW_SECONDS = 300
FAILURES_PER_CLIENT = 5  # in the window
FAILURES_OVERALL = 50
PAGE = Path(__file__).with_name("login.html.j2")
WRONG = "This is not the password."
LOG = logging.getLogger(__name__)


class Attempt(NamedTuple):
    """A try at the password that counts as failed until it is known to be right."""

    time: float
    client: str


class Attempts:
    """Failed attempts of the last five minutes, no more than are allowed overall."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[Attempt] = deque()

    def seconds_to_wait(self, address: str) -> int:
        """How long a client must wait before its next attempt; 0 if it may try now."""
        now = self._clock()
        while self._failures and self._failures[0].time <= now - WINDOW_SECONDS:
            self._failures.popleft()
        own = [failure.time for failure in self._failures if failure.client == _client(address)]
        waits = [0.0]
        if len(self._failures) >= FAILURES_OVERALL:
            waits.append(self._failures[0].time + WINDOW_SECONDS - now)
        if len(own) >= FAILURES_PER_CLIENT:
            waits.append(own[0] + WINDOW_SECONDS - now)
        return math.ceil(max(waits))

    def begin(self, address: str) -> Attempt:
        """Count an attempt before it is looked at, so that many at once are not let through together."""
        attempt = Attempt(self._clock(), _client(address))
        self._failures.append(attempt)
        return attempt

    def forgive(self, attempt: Attempt) -> None:
        """Take back an attempt that was right."""
        if attempt in self._failures:
            self._failures.remove(attempt)


class Sessions:
    """Session tokens `expiry.nonce.signature`; the key lives as long as the process, and so do the sessions."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._ended: dict[str, int] = {}

    def open(self) -> str:
        """A token that is good for twelve hours."""
        content = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_hex(16)}"
        return f"{content}.{self._signature(content)}"

    def holds(self, token: str) -> bool:
        """Whether the token was made here, has not expired, and was not ended."""
        content, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(content).encode()):
            return False
        expiry, _, nonce = content.partition(".")
        return self._clock() < int(expiry) and nonce not in self._ended

    def end(self, token: str) -> None:
        """Log out: the token is good no more, wherever a copy of it lies."""
        if self.holds(token):
            expiry, nonce, _ = token.split(".")
            now = self._clock()
            self._ended = {ended: until for ended, until in self._ended.items() if until > now}
            self._ended[nonce] = int(expiry)

    def _signature(self, content: str) -> str:
        return hmac.new(self._key, content.encode(), hashlib.sha256).hexdigest()


class Login:
    """What a visitor meets who is not, or no more, known.

    Parameters
    ----------
    password_hash : str
        What `passwords.hash_password` returned.
    port : int
        Port that is served: browsers share the cookies of a host between its ports, so it is in the name.
    """

    def __init__(self, password_hash: str, port: int) -> None:
        self.attempts = Attempts()
        self.sessions = Sessions()
        self._password_hash = password_hash
        self._cookie = f"mnist-pipeline-{port}"
        self._one_at_a_time = asyncio.Lock()

    def knows(self, connection: HTTPConnection) -> bool:
        """Whether a connection brings the cookie of a session."""
        return self.sessions.holds(connection.cookies.get(self._cookie, ""))

    def page(self, connection: HTTPConnection, status: int, message: str = "", target: str = "") -> Response:
        """The login page, or for those who are inside, the page to log out."""
        nonce = secrets.token_urlsafe(16)
        inside = self.knows(connection)
        content = _template().render(
            nonce=nonce, message=message, inside=inside, next=target or _target(_asked_for(connection))
        )
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return HTMLResponse(content, 200 if inside else status, headers)

    async def enter(self, connection: HTTPConnection, body: bytes) -> Response:
        """Answer to the form: a session and the page asked for, or the form again."""
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        target = _target(form.get("next", "/"))
        address = connection.client.host if connection.client else ""
        if wait := self.attempts.seconds_to_wait(address):
            LOG.warning("Too many wrong passwords; %s has to wait %d s", address, wait)
            response = self.page(
                connection, 429, f"Too many wrong passwords. Try again in {math.ceil(wait / 60)} min.", target
            )
            response.headers["Retry-After"] = str(wait)
            return response
        attempt = self.attempts.begin(address)
        async with self._one_at_a_time:
            right = await run_in_threadpool(passwords.verify, form.get("password", ""), self._password_hash)
        if not right:
            LOG.warning("Wrong password from %s", address)
            return self.page(connection, 401, WRONG, target)
        self.attempts.forgive(attempt)
        entered = RedirectResponse(target, 303)
        self._set_cookie(entered, connection, self.sessions.open(), SESSION_SECONDS)
        return entered

    def leave(self, connection: HTTPConnection) -> Response:
        """End the session, and show the login page."""
        self.sessions.end(connection.cookies.get(self._cookie, ""))
        left = RedirectResponse(LOGIN, 303)
        self._set_cookie(left, connection, "", 0)
        return left

    def _set_cookie(self, response: Response, connection: HTTPConnection, token: str, seconds: int) -> None:
        secure = connection.headers["origin"].startswith("https:")
        response.set_cookie(self._cookie, token, max_age=seconds, httponly=True, samesite="strict", secure=secure)


def _asked_for(connection: HTTPConnection) -> str:
    path, query = connection.scope["raw_path"].decode("latin-1"), connection.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _target(path: str) -> str:
    """A path on this host to go on to, never another host's or one that logs out."""
    if not path.startswith("/") or path.startswith(("//", LOGIN, LOGOUT)) or "\\" in path:
        return "/"
    return quote(path, safe="/?&=%~:@+,;")


def _client(address: str) -> str:
    """Whom an address stands for: itself, or of IPv6 the network that one subscriber has to choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(PAGE.read_text(encoding="utf-8"))
