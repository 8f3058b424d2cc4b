"""The read-only UI."""

from collections.abc import Collection

from graphql import OperationType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_pipeline.runtime.ui.middleware.graphql import GRAPHQL, require_operations


class ReadOnlyMiddleware:
    """Accept a POST only for GraphQL queries and for the paths in `harmless`, where it changes nothing."""

    def __init__(self, app: ASGIApp, harmless: Collection[str]) -> None:
        self.app, self.harmless = app, harmless

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "POST":
            if scope["path"] == GRAPHQL:
                require_operations(Request(scope).state.content, {OperationType.QUERY})
            elif scope["path"] not in self.harmless:
                raise HTTPException(403, "This UI is read-only")
        await self.app(scope, receive, send)
