"""The rules for the HTTP methods and for messages over a WebSocket."""

import json
from typing import Any

import anyio
from graphql import OperationType
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_pipeline.runtime.ui.middleware.graphql import GRAPHQL, require_operations

MAX_BODY = 2**20  # bytes
BODY_SECONDS = 30
CLOSE = {"Connection": "close"}
# The messages of a client in Dagster's WebSocket protocol, graphql-ws; "start" carries a document.
CLIENT_MESSAGES = ("connection_init", "connection_terminate", "start", "stop")


class MethodsMiddleware:
    """Accept queries by GET, one JSON object by POST, queries and subscriptions by WebSocket, and no other method.

    The object of a POST is stored in `request.state.content`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread: list[Message] = []

        async def receive_checked() -> Message:
            message = unread.pop() if unread else await receive()
            if message["type"] == "websocket.receive":
                check_message(message.get("text"))
            return message

        if scope["type"] == "http":
            request = Request(scope, receive)
            if request.method == "POST":
                body = await read_body(request, "application/json", MAX_BODY)
                content = request.state.content = parse_json_object(body)
                if scope["path"] == GRAPHQL:
                    require_operations(content, set(OperationType))
                unread.append({"type": "http.request", "body": body})
            elif request.method not in ("GET", "HEAD"):
                raise HTTPException(405, f"The method {request.method} is not allowed", {"Allow": "GET, HEAD, POST"})
            elif scope["path"] == GRAPHQL:
                for document in request.query_params.getlist("query"):
                    require_operations({"query": document}, {OperationType.QUERY})
        await self.app(scope, receive_checked, send)


async def read_body(request: Request, media_type: str, limit: int) -> bytes:
    """Read a body of a media type. It must be at most `limit` bytes long, and must arrive within 30 s."""
    sent = [value.partition(";")[0].strip().lower() for value in request.headers.getlist("content-type")]
    if sent != [media_type]:
        raise HTTPException(415, f"The content type is {', '.join(sent)!r}; it must be {media_type}")
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        raise HTTPException(400, "The request has both Content-Length and Transfer-Encoding", CLOSE)
    body, too_long = bytearray(), HTTPException(413, f"The body is longer than {limit:,} bytes", CLOSE)
    if int(request.headers.get("content-length", 0)) > limit:
        raise too_long
    try:
        with anyio.fail_after(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise too_long
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, f"The body did not arrive within {BODY_SECONDS} s", CLOSE) from None
    return bytes(body)


def parse_json_object(text: bytes | str) -> dict[str, Any]:
    """Parse the JSON object that a client sent."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise HTTPException(400, "It is not JSON") from None
    if not isinstance(content, dict):
        raise HTTPException(400, "It must be one JSON object; batches are not supported")
    return content


def check_message(text: str | None) -> None:
    """Close a WebSocket on a message that is not part of the protocol, or carries a mutation."""
    try:
        message = parse_json_object(text or "")
        if message.get("type") not in CLIENT_MESSAGES:
            raise HTTPException(400, "The message is not part of the graphql-ws protocol")
        if message["type"] == "start":
            require_operations(message.get("payload"), {OperationType.QUERY, OperationType.SUBSCRIPTION})
    except HTTPException as error:
        raise WebSocketException(1008, error.detail) from None
