"""The read-only UI."""

import json
from collections.abc import Callable, Collection

from graphql import OperationType
from starlette.exceptions import HTTPException, WebSocketException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_pipeline.runtime.ui.middleware.graphql import GRAPHQL, log_keys, require_operations


class ReadOnlyMiddleware:
    """Accept a POST only for GraphQL queries and for the paths in `harmless`, where it changes nothing.

    A WebSocket may subscribe to a log only if `log_exists`: Dagster makes a directory and starts a thread for any key.
    """

    def __init__(self, app: ASGIApp, harmless: Collection[str], log_exists: Callable[[list[str]], bool]) -> None:
        self.app, self.harmless, self.log_exists = app, harmless, log_exists

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receive_checked() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                content = json.loads(message["text"])  # `MethodsMiddleware` has checked it
                keys = log_keys(content["payload"]) if content["type"] == "start" else []
                if not all(self.log_exists(key) for key in keys):
                    raise WebSocketException(1008, "There is no log of this key")
            return message

        if scope.get("method") == "POST":
            if scope["path"] == GRAPHQL:
                require_operations(Request(scope).state.content, {OperationType.QUERY})
            elif scope["path"] not in self.harmless:
                raise HTTPException(403, "This UI is read-only")
        await self.app(scope, receive_checked, send)
