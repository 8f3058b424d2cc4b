"""Stored results in the browser: the report, and the figures of the assets in full size."""

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from mnist_pipeline.runtime import settings
from mnist_pipeline.runtime.project import FIGURES, REPORT
from mnist_pipeline.runtime.storage import contents, storage

# The page has its own scripts and styles. In a sandbox, they have no access to the UI and its session.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; base-uri 'none'; sandbox allow-scripts allow-modals allow-downloads"
)


def routes(report_key: str) -> list[Route]:
    """The pages stored for an asset key, at REPORT and for another data set at REPORT/PREFIX, and all figures."""

    async def report(request: Request) -> Response:
        prefix = request.path_params.get("prefix")
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return await run_in_threadpool(_respond, lambda: _page(prefix, report_key), "text/html", headers)

    async def figure(request: Request) -> Response:
        asset, _, name = request.path_params["path"].rpartition("/")
        headers = {"Cache-Control": "no-cache"}
        return await run_in_threadpool(_respond, lambda: _figure(asset, name), "image/png", headers)

    return [Route(REPORT, report), Route(f"{REPORT}/{{prefix}}", report), Route(f"{FIGURES}/{{path:path}}.png", figure)]


def _respond(read: Callable[[], str | bytes], media_type: str, headers: dict[str, str]) -> Response:
    try:
        return Response(read(), headers=headers, media_type=media_type)
    except storage.StorageError as error:
        return PlainTextResponse(f"There is no such result: {error}", 404)
    except contents.UnavailableError as error:
        return PlainTextResponse(f"The storage does not answer: {error}", 503)


def _page(prefix: str | None, key: str) -> str:
    page: str = _known(prefix).read(key).html
    return page


def _figure(asset: str, name: str) -> bytes:
    prefix, _, key = asset.rpartition("/")
    return _known(prefix or None).read_figure(key, name)


def _known(prefix: str | None) -> storage.Storage:
    """The storage of a data set that the settings name."""
    if prefix is not None and prefix not in (placed.prefix for placed in settings.load().data_sets):
        raise HTTPException(404, f"There is no data set {prefix!a}")
    return storage.current(prefix)
