"""The headers of every response, if its client waits for it."""

from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class HeadersMiddleware:
    """Send responses that other sites can't frame, sniff or read, and no shared cache stores.

    If the client disconnects, for example during an upload, nothing is sent or raised.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                policies = [*headers.getlist("Content-Security-Policy"), "frame-ancestors 'none'"]
                headers["Content-Security-Policy"] = "; ".join(policies)
                headers.setdefault("Cache-Control", "private")
                headers.update(HEADERS)
            await send(message)

        with suppress(ClientDisconnect):
            await self.app(scope, receive, send_with_headers)
