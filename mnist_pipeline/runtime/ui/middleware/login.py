"""The login: a form for one password, a limit on wrong passwords, and sessions that end."""

import asyncio
import logging
import math
import secrets
import time
from collections import deque
from ipaddress import IPv6Network
from typing import Any
from urllib.parse import parse_qsl, quote

import anyio.to_thread
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_pipeline.runtime import passwords
from mnist_pipeline.runtime.ui import pages
from mnist_pipeline.runtime.ui.middleware.methods import read_body

LOGIN, LOGOUT = "/login", "/logout"
SESSION_SECONDS = 12 * 3600
WINDOW_SECONDS = 300
WRONG_PER_CLIENT, WRONG_OVERALL = 5, 50  # passwords within the window
MAX_FORM = 2**12  # bytes
POLICY = "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'"
LOG = logging.getLogger(__name__)


class LoginMiddleware(AuthenticationBackend):
    """Let in only users who know the password.

    A signed cookie holds the id of an open session. A restart, and so a new password, ends all sessions.
    """

    def __init__(self, app: ASGIApp, password_hash: str, port: int) -> None:
        self.app, self.password_hash = app, password_hash
        self.websockets: dict[str, set[anyio.CancelScope]] = {}  # of each open session
        self.wrong: deque[tuple[float, str]] = deque(maxlen=WRONG_OVERALL)  # time and client of wrong passwords
        self.lock = asyncio.Lock()
        form = [Route(LOGIN, show_form), Route(LOGIN, self.log_in, methods=["POST"])]
        router = Router([*form, Route(LOGOUT, self.log_out, methods=["POST"]), Mount("/", self.serve)])
        self.authentication = AuthenticationMiddleware(router, self)
        # Browsers share cookies between the ports of a host.
        self.key, self.cookie = secrets.token_hex(32), f"mnist-pipeline-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_tls = Headers(scope=scope).get("origin", "").startswith("https:")
        options: dict[str, Any] = {"session_cookie": self.cookie, "max_age": SESSION_SECONDS, "https_only": is_tls}
        await SessionMiddleware(self.authentication, self.key, same_site="strict", **options)(scope, receive, send)

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """Find the session of a connection."""
        session = conn.session.get("id")
        return (AuthCredentials(["authenticated"]), SimpleUser(session)) if session in self.websockets else None

    async def log_in(self, request: Request) -> Response:
        """Open a session and redirect to the requested page, or show the form again."""
        body = await read_body(request, "application/x-www-form-urlencoded", MAX_FORM)
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        target, client = local_path(form.get("next", "/")), network(request.client.host if request.client else "")
        async with self.lock:
            if seconds := self.seconds_to_wait(client):
                LOG.warning("Too many wrong passwords: %s must wait for %d s", client, seconds)
                message = f"Too many wrong passwords. Try again in {math.ceil(seconds / 60)} min."
                response = show_form(request, 429, target, message)
                response.headers["Retry-After"] = str(seconds)
                return response
            if not await anyio.to_thread.run_sync(passwords.verify, form.get("password", ""), self.password_hash):
                LOG.warning("Wrong password from %s", client)
                self.wrong.append((time.monotonic(), client))
                return show_form(request, 401, target, "This is not the password.")
        session = request.session["id"] = secrets.token_urlsafe(16)
        self.websockets[session] = set()
        asyncio.get_running_loop().call_later(SESSION_SECONDS, self.end, session)
        return RedirectResponse(target, 303)

    async def log_out(self, request: Request) -> Response:
        """End the session, also for copies of its cookie."""
        self.end(request.session.pop("id", ""))
        return RedirectResponse(LOGIN, 303)

    def end(self, session: str) -> None:
        """End a session and close its WebSockets."""
        for websocket in self.websockets.pop(session, ()):
            websocket.cancel()

    def seconds_to_wait(self, client: str) -> int:
        """Return how long a client must wait before it may try another password."""
        start = time.monotonic() - WINDOW_SECONDS
        overall = [entered for entered, _ in self.wrong if entered > start]
        own = [entered for entered, by in self.wrong if entered > start and by == client]
        limits = ((own, WRONG_PER_CLIENT), (overall, WRONG_OVERALL))
        return math.ceil(max((times[-limit] - start for times, limit in limits if len(times) >= limit), default=0))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of a user, or a WebSocket until its session ends."""
        if scope["user"].is_authenticated:
            websockets = self.websockets[scope["user"].username]
            with anyio.CancelScope() as running:
                if scope["type"] == "websocket":
                    websockets.add(running)
                try:
                    await self.app(scope, receive, send)
                finally:
                    websockets.discard(running)
            if running.cancelled_caught:
                await send({"type": "websocket.close", "code": 1008, "reason": "The session has ended"})
        elif "text/html" in Headers(scope=scope).get("accept", ""):
            path, query = (scope[name].decode("latin-1") for name in ("raw_path", "query_string"))
            form = show_form(Request(scope), 401, local_path(f"{path}?{query}" if query else path))
            await form(scope, receive, send)
        else:
            raise HTTPException(401, f"Log in at {LOGIN}", {"Cache-Control": "no-store"})


def show_form(request: Request, status: int = 200, target: str = "/", message: str = "") -> Response:
    """Show the form to log in, or the button to log out to a user who has logged in."""
    return pages.respond(request, "login.html", POLICY, {"message": message, "next": target}, status)


def local_path(path: str) -> str:
    """Return the path if it is a page of this UI other than the login and logout, and `/` otherwise."""
    if not path.startswith("/") or path.startswith(("//", LOGIN, LOGOUT)) or "\\" in path:
        return "/"
    return quote(path, safe="/?&=%~:@+,;")


def network(address: str) -> str:
    """Return the address of a client, or for IPv6 its /64 network, in which it can choose any address."""
    try:
        return str(IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
