"""The drawing page: people draw digits, and the stored recognizer reads them."""

import asyncio
import base64
import functools
import json
import secrets
from pathlib import Path
from typing import Any, cast

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mnist_pipeline.data.errors import ImageError
from mnist_pipeline.handwriting.recognizer import (
    NUM_COMPONENTS,
    Reading,
    Recognizer,
    headline,
    text_of,
)
from mnist_pipeline.methods.table import MODELS, number_in_words
from mnist_pipeline.report import scripts
from mnist_pipeline.report.pictures import picture
from mnist_pipeline.runtime.project import DRAW, REPORT
from mnist_pipeline.runtime.storage import storage

SCRIPT = Path(__file__).with_name("draw.js")
READ, EXAMPLES = f"{DRAW}/read", f"{DRAW}/examples"
RECOGNIZER = "recognizer"  # the asset that answers
TEST_DIGITS = "test_digits"  # the asset from which examples are shown
MAX_DIGITS = 100
MAX_EXAMPLES = 12
MAX_CANDIDATES = 8  # test images per class, among which an example is chosen
POLICY = (  # no request to another host
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'"
)
PAGE = Environment(
    # The style of the drawing page has the colours of the report.
    loader=ChoiceLoader([PackageLoader(__package__, "."), PackageLoader("mnist_pipeline.report")]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
).get_template("draw.html")


@functools.lru_cache(1)
def _loaded(root: str, version: str) -> Recognizer:
    return cast("Recognizer", storage.Storage(root).read(RECOGNIZER, version))


def _stored_recognizer() -> Recognizer:
    """The stored recognizer, which stays in memory until it changes; raises HTTPException if there
    is none.
    """
    stored = storage.current()
    try:
        return _loaded(stored.root, stored.current(RECOGNIZER))
    except storage.StorageError as error:
        raise HTTPException(503, f"There is no recognizer: {error}") from error


def _answer(content: bytes) -> dict[str, Any]:
    """The digits of a picture file, in reading order, with what the page shows."""
    recognizer = _stored_recognizer()
    try:
        page = recognizer.page(content)
    except ImageError as error:
        raise HTTPException(400, f"The picture can't be read: {error}") from error
    (readings,) = recognizer.read_pages([page._replace(digits=page.digits[:MAX_DIGITS])])
    return {
        "digits": [_format_reading(recognizer, reading) for reading in readings],
        "text": text_of(readings),
        "classes": recognizer.known.class_names,
        "noun": recognizer.known.noun,
        "handwritten": recognizer.known.handwritten,
        "ground": recognizer.known.ground,
    }


def _examples() -> list[dict[str, str]]:
    """One test image per class, as many as fit the page: the first that is read without doubt,
    or else the first.

    The list is empty if no test images are stored.
    """
    try:
        recognizer, test = _stored_recognizer(), storage.current().read(TEST_DIGITS)
    except (HTTPException, storage.StorageError):
        return []
    known = recognizer.known
    names = known.class_names[:MAX_EXAMPLES]
    places = [np.flatnonzero(test.labels == label)[:MAX_CANDIDATES] for label in range(len(names))]
    tried = test.images[np.concatenate(places)]
    readings = iter(recognizer.read(list(255 - tried if known.handwritten else tried)))
    examples = []
    for name, candidates in zip(names, places):
        is_clear = [headline(next(readings), known) == name for _ in candidates]
        if is_clear:
            chosen = test.images[candidates[np.argmax(is_clear)]]
            examples.append({"name": name, "picture": picture(known.shown(chosen))})
    return examples


def routes() -> list[Route]:
    """The page that shows the answers of all models, its examples, and their recognizer."""
    # One picture at a time, because the search for neighbours uses all processors.
    lock = asyncio.Lock()

    async def page(request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = PAGE.render(
            nonce=nonce,
            read=READ,
            report=REPORT,
            names={name: model.phrase for name, model in MODELS.items()},
            titles={name: model.title for name, model in MODELS.items()},
            num_models=number_in_words(len(MODELS)),
            num_components=NUM_COMPONENTS,
            max_digits=MAX_DIGITS,
            examples=EXAMPLES,
            script=scripts.join(SCRIPT),
        )
        headers = {
            "Content-Security-Policy": POLICY.format(nonce=nonce),
            "Cache-Control": "no-store",
        }
        return HTMLResponse(html, headers=headers)

    async def read(request: Request) -> Response:
        content = _picture(await request.body())
        async with lock:
            if await request.is_disconnected():
                raise ClientDisconnect
            return JSONResponse(await run_in_threadpool(_answer, content))

    async def examples(request: Request) -> Response:
        async with lock:
            return JSONResponse(await run_in_threadpool(_examples))

    return [Route(DRAW, page), Route(EXAMPLES, examples), Route(READ, read, methods=["POST"])]


def _picture(body: bytes) -> bytes:
    """The content of the picture file that the page sent as a data URI in a JSON object."""
    try:
        return base64.b64decode(json.loads(body)["picture"].rpartition(",")[2], validate=True)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise HTTPException(
            400, 'There is no picture; send {"picture": "data:image/png;base64,…"}'
        ) from None


def _format_reading(recognizer: Recognizer, reading: Reading) -> dict[str, Any]:
    """Format the results for one digit, with images as data URIs."""
    known = recognizer.known
    document = reading.document(known)
    for neighbor in document["neighbors"]:
        image = recognizer.training_image(neighbor["index"])
        neighbor["picture"] = picture(known.shown(image))
    document["seen"] = picture(known.shown(reading.image))
    document["reconstruction"] = picture(known.shown(reading.recognition.reconstruction))
    return document
