"""A limit for the bodies of requests."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 20_000_000  # bytes, more than any picture or query


class BodiesMiddleware:
    """Stop reading a request whose body is too large, whatever length it announces.

    The error is raised where a route reads the body, so the application of that route responds.
    Messages of a WebSocket have no body; uvicorn limits them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise HTTPException(
                    413, f"The request has more than {MAX_BODY:,} bytes; send fewer"
                )
            return message

        await self.app(scope, receive_within_limit, send)
