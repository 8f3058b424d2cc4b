"""The door of the UI: ASGI middleware that lets through what comes from the UI's own pages, and refuses the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_pipeline.runtime.ui.addresses import Served
from mnist_pipeline.runtime.ui.login import LOGIN, LOGOUT, Login

GRAPHQL = "/graphql"
# These read any notebook under the working directory; the pipeline has none.
CLOSED = ("/notebook", "/dagit/notebook")
MAX_BODY = 2**20  # bytes
MAX_FORM = 2**12
BODY_SECONDS = 30
MAX_QUERY = 2**17  # characters of a GraphQL document, several times the UI's longest
MAX_PARAMETERS = 50
READING = frozenset({OperationType.QUERY})
LISTENING = frozenset({OperationType.QUERY, OperationType.SUBSCRIPTION})
# What the client of Dagster's WebSocket protocol, graphql-ws, sends; "start" carries a document.
CLIENT_MESSAGES = ("connection_init", "connection_terminate", "start", "stop")
ONCE = ("host", "origin", "content-type", "content-length", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")
POLICY_VIOLATION = 1008
CLOSING = {"Connection": "close"}
FRAMING = "frame-ancestors 'none'"
HARDENING = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RefusedError(Exception):
    """What a client is told who doesn't get through."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers

    def response(self) -> Response:
        """The refusal, in the shape of a GraphQL error, which the UI shows."""
        return JSONResponse({"errors": [{"message": self.reason}]}, self.status, self.headers)


class Door:
    """Middleware around everything that is served.

    Whatever the path, a request must name the address served (Host), must not come from another site's page
    (Origin, Sec-Fetch-Site), and can only change something as a POST of JSON from a page of this origin. GraphQL
    mutations pass in no other way. With a password, only the login page is shown without a session.

    Parameters
    ----------
    app : ASGI application
        What is served.
    served : Served
        Address, names, and whether it is only to be read.
    login : Login, optional
        Asks for a password; without it whoever reaches the address is let in.
    harmless : collection of str
        Paths, besides that of GraphQL, a POST to which changes nothing, and so is let through to who may only read.
    """

    def __init__(
        self, app: ASGIApp, served: Served, login: Login | None = None, harmless: Collection[str] = ()
    ) -> None:
        self._app = app
        self._served = served
        self._login = login
        self._harmless = frozenset(harmless)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a connection, or let it through."""
        if scope["type"] == "http":
            await self._http(scope, receive, self._hardened(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._require_own_page(connection)
            if scope["method"] != "POST":
                answer = self._admit_reading(connection)
            else:
                body = await self._posted(connection, receive)
                answer = await self._admit_posting(connection, body)
                receive = _replayed(body, receive)
        except RefusedError as refusal:
            answer = refusal.response()
        await (answer or self._app)(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        try:
            self._require_own_page(connection)
            self._require_session(connection)
        except RefusedError as refusal:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason})
            return
        closed = False

        async def close(refusal: RefusedError) -> None:
            nonlocal closed
            if not closed:
                closed = True
                await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": refusal.reason})

        async def checked_receive() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                try:
                    self._require_session(connection)
                    if scope["path"] == GRAPHQL:
                        _require_listening(message)
                except RefusedError as refusal:
                    await close(refusal)
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION} if closed else message

        async def checked_send(message: Message) -> None:
            try:
                self._require_session(connection)
            except RefusedError as refusal:
                await close(refusal)
            if not closed:
                await send(message)

        await self._app(scope, checked_receive, checked_send)

    def _require_own_page(self, connection: HTTPConnection) -> None:
        """Hold host, path, method, origin and fetch metadata to what the UI's own pages send."""
        scope, headers = connection.scope, connection.headers
        for name in ONCE:
            if len(headers.getlist(name)) > 1:
                raise RefusedError(400, f"There is more than one {name} header")
        host = headers.get("host", "")
        origins = self._served.origins(host)
        if not origins:
            raise RefusedError(421, f"Nothing is served under the name {host!r}; add it with --allowed-host")
        _require_plain_path(scope["path"])
        changing = scope["type"] == "websocket" or scope["method"] == "POST"
        if not changing and scope["method"] not in ("GET", "HEAD"):
            raise RefusedError(405, f"{scope['method']} is not served", {"Allow": "GET, HEAD, POST"})
        origin = headers.get("origin")
        if origin is None and changing:
            raise RefusedError(403, f"The Origin header is missing; it must be {sorted(origins)[0]}")
        if origin is not None and origin.lower() not in origins:
            raise RefusedError(403, f"The origin {origin!r} is not the one served, {sorted(origins)[0]}")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not _is_followed_link(
            scope, headers
        ):
            raise RefusedError(403, "Another site's page sent this request")

    def _require_session(self, connection: HTTPConnection) -> None:
        if self._login and not self._login.knows(connection):
            raise RefusedError(401, f"Log in at {LOGIN}", {"Cache-Control": "no-store"})

    def _admit_reading(self, connection: HTTPConnection) -> Response | None:
        """Answer a GET or HEAD, or None if the application may."""
        path = connection.scope["path"]
        if self._login and path == LOGIN:
            return self._login.page(connection, 200, target="/")
        try:
            self._require_session(connection)
        except RefusedError as refusal:
            if self._login and "text/html" in connection.headers.get("accept", ""):
                return self._login.page(connection, refusal.status)
            raise
        if path in CLOSED:
            raise RefusedError(404, "The pipeline has no notebooks")
        if path == GRAPHQL:
            _require_reading(connection.scope["query_string"].decode("latin-1"))
        return None

    async def _posted(self, connection: HTTPConnection, receive: Receive) -> bytes:
        """The body of a POST that is of the type, and no longer than, its path takes, from one who may send it."""
        visiting = self._login is not None and connection.scope["path"] in (LOGIN, LOGOUT)
        if not visiting:
            self._require_session(connection)
        expected = "application/x-www-form-urlencoded" if visiting else "application/json"
        media_type = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != expected:
            raise RefusedError(415, f"The content type is {media_type!r}; it must be {expected}")
        reading = _read(connection.headers, receive, MAX_FORM if visiting else MAX_BODY)
        try:
            return await asyncio.wait_for(reading, BODY_SECONDS)
        except asyncio.TimeoutError:
            raise RefusedError(408, f"The body took longer than {BODY_SECONDS} s", CLOSING) from None

    async def _admit_posting(self, connection: HTTPConnection, body: bytes) -> Response | None:
        """Answer a POST, or None if the application may."""
        path = connection.scope["path"]
        if self._login and path == LOGIN:
            return await self._login.enter(connection, body)
        if self._login and path == LOGOUT:
            return self._login.leave(connection)
        if path == GRAPHQL:
            query = _query(json_object(body))
            if self._served.read_only:
                _require_operations(query, READING, "This UI is read-only")
        elif self._served.read_only and path not in self._harmless:
            raise RefusedError(403, "This UI is read-only")
        return None

    def _hardened(self, send: Send) -> Send:
        """Send responses that can't be framed, sniffed or read by other sites, nor kept by shared caches."""

        async def hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                policy = headers.get("Content-Security-Policy", "").rstrip("; ")
                headers["Content-Security-Policy"] = f"{policy}; {FRAMING}" if policy else FRAMING
                headers.update(HARDENING)
                if self._login:
                    headers.setdefault("Cache-Control", "private")
            await send(message)

        return hardened


def _require_plain_path(path: str) -> None:
    """Refuse what climbs out of a directory, encoded once or twice."""
    for form in (path, unquote(path)):
        segments = form.split("/")
        if segments[0] or "" in segments[1:-1] or {".", ".."} & set(segments) or "\\" in form or not form.isprintable():
            raise RefusedError(400, "The path is not a plain one")


def _is_followed_link(scope: Scope, headers: Headers) -> bool:
    """Whether a person followed a link of another site to one of the pages, which changes nothing."""
    navigation = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return navigation and scope["type"] == "http" and scope["method"] == "GET" and scope["path"] != GRAPHQL


async def _read(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body of a request, no longer than the limit."""
    too_long = RefusedError(413, f"The body is longer than {limit:,} bytes", CLOSING)
    if "transfer-encoding" in headers and "content-length" in headers:
        raise RefusedError(400, "The body has a length and comes in chunks", CLOSING)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        raise too_long
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "The connection ended before the body did")
        body += message.get("body", b"")
        if len(body) > limit:
            raise too_long
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already, then what else comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return pending.pop() if pending else await receive()

    return replayed


def _require_reading(query_string: str) -> None:
    """Refuse a GET of /graphql that carries anything but one document of queries; without one it shows GraphiQL."""
    try:
        parameters = parse_qsl(query_string, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise RefusedError(400, f"There are more than {MAX_PARAMETERS} parameters") from None
    documents = [value for name, value in parameters if name == "query"]
    if len(documents) > 1:
        raise RefusedError(400, "There is more than one query parameter")
    for document in documents:
        _require_operations(document, READING, "A GET carries queries only")


def _require_listening(message: MutableMapping[str, Any]) -> None:
    """Refuse a WebSocket message that is not of the protocol, or starts anything but queries and subscriptions."""
    text = message.get("text")
    if text is None:
        raise RefusedError(400, "A binary message is not of the protocol")
    content = json_object(text)
    if content.get("type") not in CLIENT_MESSAGES:
        raise RefusedError(400, "The message is not of the protocol")
    if content["type"] == "start":
        payload = content.get("payload")
        if not isinstance(payload, dict):
            raise RefusedError(400, "The message has no payload")
        _require_operations(_query(payload), LISTENING, "A WebSocket carries queries and subscriptions only")


def json_object(text: bytes | str) -> dict[str, Any]:
    """The JSON object that a client sent; refuses what is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(400, "It is not JSON") from None
    if not isinstance(content, dict):
        raise RefusedError(400, "It must be one JSON object; batches are not served")
    return content


def _query(content: dict[str, Any]) -> str:
    query = content.get("query")
    if not isinstance(query, str):
        raise RefusedError(400, "It has no GraphQL query")
    return query


def _require_operations(document: str, allowed: frozenset[OperationType], rule: str) -> None:
    """Refuse a GraphQL document in which any operation, chosen or not, is of another kind."""
    if len(document) > MAX_QUERY:
        raise RefusedError(413, f"The GraphQL document is longer than {MAX_QUERY:,} characters")
    try:
        definitions = parse(document, no_location=True).definitions
    except (GraphQLError, RecursionError):
        raise RefusedError(400, "The GraphQL document can't be parsed") from None
    for definition in definitions:
        if isinstance(definition, OperationDefinitionNode) and definition.operation not in allowed:
            raise RefusedError(403, f"{rule}; this is a {definition.operation.value}")
