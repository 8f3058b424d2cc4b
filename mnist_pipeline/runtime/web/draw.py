"""The drawing page: a browser reads a drawn digit, and the stored recognizer reads the rest."""

import asyncio
import base64
import functools
import hashlib
import json
import re
from pathlib import Path
from typing import Any, cast

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.handwriting.doubt import Reading
from mnist_pipeline.handwriting.reading import read_digits, search_picture, warnings_of
from mnist_pipeline.handwriting.recognizer import NUM_COMPONENTS, Recognizer
from mnist_pipeline.methods.table import MODELS, number_in_words
from mnist_pipeline.report import scripts
from mnist_pipeline.runtime.project import DRAW, REPORT
from mnist_pipeline.runtime.storage import storage
from mnist_pipeline.runtime.web import results
from mnist_pipeline.utils import machine

READ = f"{DRAW}/read"
MAX_DIGITS = 100
MAX_BYTES = 10_000_000  # of a picture; the page makes it smaller
SCRIPT = scripts.join(Path(__file__).with_name("draw.js"))
CHECKSUM = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (  # no other script, and no request to another host
    f"default-src 'none'; script-src 'sha256-{CHECKSUM}'; style-src 'unsafe-inline'; "
    "img-src data:; connect-src 'self'; form-action 'none'; base-uri 'none'"
)
ARRAYS = re.compile(r'<script type="application/json" id="arrays">(.*?)</script>')
PAGE = Environment(
    # The style of the drawing page has the colours and the answers of the report.
    loader=ChoiceLoader([PackageLoader(__package__, "."), PackageLoader("mnist_pipeline.report")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
).get_template("draw.html")


@functools.lru_cache(1)
def _loaded(root: str, version: str) -> Recognizer:
    return cast("Recognizer", storage.Storage(root).read("recognizer", version))


def _stored_recognizer() -> Recognizer:
    """The stored recognizer, which stays in memory until it changes; raises a StorageError if there
    is none.
    """
    stored = storage.default_storage()
    return _loaded(stored.root, stored.current_version("recognizer"))


def _page() -> str:
    recognizer = _stored_recognizer()
    data = {
        **scripts.page_data(recognizer.known),
        "phrases": {name: model.phrase for name, model in MODELS.items()},
        "read": READ,
        "maxDigits": MAX_DIGITS,
        "numComponents": NUM_COMPONENTS,
    }
    return PAGE.render(
        data=data,
        models=MODELS,
        num_models=number_in_words(len(MODELS)),
        report=REPORT,
        arrays=_arrays_of_report(recognizer),
        script=SCRIPT,
    )


def _arrays_of_report(recognizer: Recognizer) -> Markup:
    """The arrays of the stored report, from which a browser answers as this recognizer does.

    Without a report of the same models, the arrays are null, and the server answers.
    """
    try:
        html = storage.default_storage().read("evaluation_report").html
    except storage.StorageError:
        return Markup("null")
    found = ARRAYS.search(html)
    is_same = found and json.loads(found[1])["facts"].get("doubt") == recognizer.rules()
    return Markup(found[1] if found and is_same else "null")


def _answer(content: bytes) -> dict[str, Any]:
    """The digits of a picture file, in reading order, with what the page shows."""
    try:
        recognizer = _stored_recognizer()
        page = search_picture(content, recognizer.known)
    except storage.StorageError as error:
        raise HTTPException(503, f"There is no recognizer: {error}") from error
    except ImageError as error:
        raise HTTPException(400, f"The picture can't be read: {error}") from error
    finally:
        machine.return_freed_memory()  # what a large photo took
    page = page._replace(digits=page.digits[:MAX_DIGITS])
    readings = read_digits(page, recognizer)[:MAX_DIGITS]  # a shape may be two digits
    digits = [_format_reading(recognizer, reading) for reading in readings]
    return {"digits": digits, "warnings": warnings_of(page, readings, recognizer)}


def routes() -> list[Route]:
    """The drawing page, and the address to which it sends pictures."""
    # One picture at a time, because the search for neighbours uses all processors.
    lock = asyncio.Lock()

    async def page(_: Request) -> Response:
        return await results.respond(_page, "text/html", POLICY)

    async def read(request: Request) -> Response:
        content = bytearray()
        async for block in request.stream():
            content += block
            if len(content) > MAX_BYTES:
                raise HTTPException(413, f"The picture has more than {MAX_BYTES:,} bytes.")
        async with lock:
            if await request.is_disconnected():
                raise ClientDisconnect
            return JSONResponse(await run_in_threadpool(_answer, bytes(content)))

    return [Route(DRAW, page), Route(READ, read, methods=["POST"])]


def _format_reading(recognizer: Recognizer, reading: Reading) -> dict[str, Any]:
    """Format the results for one digit, with the levels of its images."""
    document = reading.document(recognizer.known)
    for neighbor in document["neighbors"]:
        neighbor["image"] = recognizer.training_image(neighbor["index"]).ravel().tolist()
    document["image"] = reading.image.ravel().tolist()
    document["reconstruction"] = reading.recognition.reconstruction.round().ravel().tolist()
    return document
