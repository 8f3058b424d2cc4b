"""Stored results in the browser: the report, and the figures of the assets in full size."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mnist_pipeline.runtime.project import FIGURES, REPORT
from mnist_pipeline.runtime.storage import storage

# The page has its own scripts and styles. In a sandbox, they have no access to the UI.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; form-action 'none'; base-uri 'none'; sandbox allow-scripts allow-modals "
    "allow-downloads"
)


async def _report(_: Request) -> Response:
    """The page of the report."""
    return await respond(
        lambda: storage.default_storage().read("evaluation_report").html, "text/html", POLICY
    )


async def _figure(request: Request) -> Response:
    """A figure of an asset."""
    return await respond(
        lambda: storage.default_storage().figure(**request.path_params),
        "image/png",
        "default-src 'none'",
    )


async def respond(read: Callable[[], str | bytes], media_type: str, policy: str) -> Response:
    """Respond with what `read` returns."""
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    try:
        return Response(await run_in_threadpool(read), headers=headers, media_type=media_type)
    except storage.StorageError as error:
        return PlainTextResponse(f"There is no such result: {error}", 404)


ROUTES = [Route(REPORT, _report), Route(f"{FIGURES}/{{key}}/{{name}}.png", _figure)]
