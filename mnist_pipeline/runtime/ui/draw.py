"""The page to draw digits on, and what answers it: the stored recognizer, kept in memory."""

from __future__ import annotations

import asyncio
import base64
import functools
import io
import secrets
import threading
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mnist_pipeline.runtime.ui.addresses import DRAW
from mnist_pipeline.runtime.ui.door import RefusedError, json_object

# What answers takes long to import, and is not needed before the first question.
if TYPE_CHECKING:
    import numpy as np

    from mnist_pipeline.recognition.recognizer import Reading, Recognizer

READ = f"{DRAW}/read"
ASSET = "recognizer"
REPORT_PALETTE = files("mnist_pipeline.report") / "templates" / "palette.css"
FORMATS = ("PNG", "JPEG", "WEBP")  # what a browser's canvas is written as
MAX_PIXELS = 4_000_000
MAX_DIGITS = 100
MAX_AT_ONCE = 2  # pictures; each search for neighbours uses every processor by itself
MAX_WAITING = 16
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'"
)


class Reader:
    """Reads pictures with the recognizer that is stored, which it loads once, and again when another is stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._data_version = ""
        self._recognizer: Recognizer | None = None
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._asked = 0

    async def answer(self, request: Request) -> Response:
        """The digits of the picture in the body of a request, or one line on why there are none."""
        try:
            data = _posted(await request.body())
            return JSONResponse(await self._read_in_turn(data), headers={"Cache-Control": "no-store"})
        except RefusedError as refusal:
            return refusal.response()

    async def _read_in_turn(self, data: bytes) -> dict[str, Any]:
        if self._asked >= MAX_AT_ONCE + MAX_WAITING:
            raise RefusedError(503, "Too many pictures are being read; try again", {"Retry-After": "1"})
        self._asked += 1
        try:
            async with self._turns:
                return await run_in_threadpool(self.read, data)
        finally:
            self._asked -= 1

    def read(self, data: bytes) -> dict[str, Any]:
        """The digits of a picture in reading order, as the page shows them.

        Parameters
        ----------
        data : bytes
            Of a file in one of `FORMATS`.

        Raises
        ------
        RefusedError
            If there is no recognizer, or it can't be read (503), or the picture can't be (400) or is too large (413).
        """
        from mnist_pipeline.recognition import pictures as images

        _require_modest(data)
        recognizer = self._current()
        try:
            picture = images.read(data)
        except images.ImageError as error:
            raise RefusedError(400, f"The picture can't be read: {error}") from error
        (readings,) = recognizer.read([picture])
        return {"digits": [_shown(recognizer, reading) for reading in readings[:MAX_DIGITS]]}

    def _current(self) -> Recognizer:
        from mnist_pipeline.runtime.storage import contents, storage

        stored = storage.current()
        with self._lock:
            try:
                data_version = stored.data_version(ASSET)
                if self._recognizer is None or data_version != self._data_version:
                    self._recognizer = _warmed(stored.read(ASSET))
                    self._data_version = data_version
            except (storage.StorageError, contents.UnavailableError) as error:
                raise RefusedError(503, f"There is nothing to read with: {error}") from error
            return self._recognizer


def _warmed(recognizer: Recognizer) -> Recognizer:
    """A recognizer whose compiled parts are loaded, so that its first answer comes as fast as the others."""
    recognizer.recognize(recognizer.training_image(0)[None])
    return recognizer


def _require_modest(data: bytes) -> None:
    """Refuse a picture by its header, before its pixels take memory."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
    except PIL.Image.DecompressionBombError as error:
        raise RefusedError(413, _too_many_pixels("too many")) from error
    except Exception as error:  # whatever the parsers of malformed files raise
        raise RefusedError(400, f"The picture is not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from error
    if width * height > MAX_PIXELS:
        raise RefusedError(413, _too_many_pixels(f"{width:,} × {height:,}"))


def _too_many_pixels(told: str) -> str:
    return f"The picture has {told} pixels; reduce it to at most {MAX_PIXELS:,}"


def _shown(recognizer: Recognizer, reading: Reading) -> dict[str, Any]:
    """What is said of a digit, with the pictures that belong to it as data URIs."""
    shown = reading.document()
    neighbors = [near | {"picture": _grey(recognizer.training_image(near["index"]))} for near in shown["neighbors"]]
    return shown | {
        "neighbors": neighbors,
        "seen": _grey(reading.image),
        "reconstruction": _grey(reading.recognition.reconstruction),
    }


def _grey(image: np.ndarray) -> str:
    from mnist_pipeline.report import pictures

    return pictures.grey(image)


def _posted(body: bytes) -> bytes:
    """The picture in the body of a request, `{"picture": "data:image/png;base64,…"}`."""
    encoded = json_object(body).get("picture")
    if not isinstance(encoded, str):
        raise RefusedError(400, 'It has no picture; send {"picture": "data:image/png;base64,…"}')
    try:
        data = base64.b64decode(encoded.rpartition(",")[2], validate=True)
    except ValueError:
        raise RefusedError(400, "The picture is not in base64") from None
    if not data:
        raise RefusedError(400, "The picture is empty")
    return data


@functools.cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("draw.html.j2"))


def _content(nonce: str) -> str:
    from mnist_pipeline.data.datasets import NUM_CLASSES
    from mnist_pipeline.models import MODELS, number_in_words
    from mnist_pipeline.recognition.recognizer import NUM_COMPONENTS

    return _template().render(
        nonce=nonce,
        style=Markup(REPORT_PALETTE.read_text(encoding="utf-8") + _text("draw.css")),
        script=Markup(_text("draw.js")),
        script_data={
            "read": READ,
            "names": {name: model.phrase for name, model in MODELS.items()},
            "numComponents": NUM_COMPONENTS,
            "maxDigits": MAX_DIGITS,
        },
        titles={name: model.title for name, model in MODELS.items()},
        num_models=number_in_words(len(MODELS)),
        num_classes=NUM_CLASSES,
        num_components=NUM_COMPONENTS,
    )


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


async def page(request: Request) -> Response:
    """The page; it can ask nothing of another host."""
    nonce = secrets.token_urlsafe(16)
    content = await run_in_threadpool(_content, nonce)
    headers = {"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
    return HTMLResponse(content, headers=headers)


def routes() -> tuple[Route, ...]:
    """The page, and the reader that answers it."""
    return Route(DRAW, page), Route(READ, Reader().answer, methods=["POST"])
