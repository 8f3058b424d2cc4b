"""Protection from the pages of other sites."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mnist_pipeline.runtime.ui.addresses import Address
from mnist_pipeline.runtime.ui.middleware.graphql import GRAPHQL


class OriginsMiddleware:
    """Refuse requests that a page of another origin sends.

    Browsers send Origin with each POST and WebSocket handshake, so both require it. Wherever it is sent, it must be an
    origin of the UI, and Sec-Fetch-Site must agree. Links from other sites to a page of the UI work.
    """

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self.app, self.address = app, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, is_get = Headers(scope=scope), scope.get("method") in ("GET", "HEAD")
        allowed, origins = self.address.origins(headers["host"]), headers.getlist("origin")
        if not origins and not is_get:
            raise HTTPException(403, f"The Origin header is missing; it must be {allowed[0]}")
        if not {origin.lower() for origin in origins} <= set(allowed):
            raise HTTPException(403, f"The origin {', '.join(origins)!r} is not {allowed[0]}")
        target = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
        is_link = is_get and scope["path"] != GRAPHQL and target == ("navigate", "document")
        if not is_link and not set(headers.getlist("sec-fetch-site")) <= {"same-origin", "none"}:
            raise HTTPException(403, "A page of another site sent this request")
        await self.app(scope, receive, send)
