"""Protection from the pages of other sites."""

from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

GRAPHQL = "/graphql"  # Dagster runs mutations sent by GET, too


class OriginsMiddleware:
    """Refuse requests from pages of other origins, whose mutations Dagster would run.

    Browsers send Origin with each POST and WebSocket handshake. It must be the origin of this
    server, and Sec-Fetch-Site must agree. Links from other sites to a page of the UI work. Nobody
    can send a mutation by GET, which needs no Origin. Programs such as Dagster's GraphQL clients
    send neither Origin nor Sec-Fetch headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and (problem := _problem(scope)):
            await PlainTextResponse(problem, 403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def _problem(scope: Scope) -> str | None:
    headers, is_get = Headers(scope=scope), scope.get("method") in ("GET", "HEAD")
    is_graphql = scope["path"].startswith(GRAPHQL)  # a route also matches a path with a newline
    own = f"http://{headers['host']}"
    origins = headers.getlist("origin")
    is_browser = any(name.startswith("sec-fetch-") for name in headers)
    if is_browser and not origins and not is_get:
        return f"The Origin header is missing; it must be {own}"
    if set(origins) - {own}:
        return f"The origin {', '.join(origins)} is not {own}"
    if is_get and is_graphql and b"mutation" in unquote_to_bytes(scope["query_string"]):
        return "Send a mutation by POST"
    target = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    is_link = is_get and not is_graphql and target == ("navigate", "document")
    if not is_link and set(headers.getlist("sec-fetch-site")) - {"same-origin", "none"}:
        return "A page of another site sent this request"
    return None
