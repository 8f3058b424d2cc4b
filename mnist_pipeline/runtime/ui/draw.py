"""The drawing page: people draw digits, and the stored recognizer reads them."""

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
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mnist_pipeline.runtime.ui.addresses import DRAW

# The recognizer takes long to import, and nothing needs it before the first picture.
if TYPE_CHECKING:
    import numpy as np

    from mnist_pipeline.recognition.recognizer import Reading, Recognizer

READ = f"{DRAW}/read"
REPORT_PALETTE = files("mnist_pipeline.report") / "templates" / "palette.css"
FORMATS = ("PNG", "JPEG", "WEBP")  # in which browsers save a canvas
MAX_PIXELS = 4_000_000
MAX_DIGITS = 100
MAX_AT_ONCE = 2  # pictures; the search for neighbours of each uses all processors
MAX_WAITING = 16
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'"
)


class Reader:
    """Reads pictures with the stored recognizer; loads it once, and again when another one is stored.

    Parameters
    ----------
    key : str
        The asset key of the recognizer.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._data_version = ""
        self._recognizer: Recognizer | None = None
        self._running = asyncio.Semaphore(MAX_AT_ONCE)
        self._pending = 0

    async def answer(self, request: Request) -> Response:
        """Respond with the digits of the posted picture."""
        data = _posted_picture(request.state.content)
        if self._pending >= MAX_AT_ONCE + MAX_WAITING:
            raise HTTPException(503, "Too many pictures are being read; try again", {"Retry-After": "1"})
        self._pending += 1
        try:
            async with self._running:
                digits = await run_in_threadpool(self.read, data)
        finally:
            self._pending -= 1
        return JSONResponse(digits, headers={"Cache-Control": "no-store"})

    def read(self, data: bytes) -> dict[str, Any]:
        """The digits of a picture in reading order, with what the page shows of each.

        Parameters
        ----------
        data : bytes
            Content of a file in one of `FORMATS`.

        Raises
        ------
        HTTPException
            If there is no readable recognizer (503), or the picture can't be read (400) or is too large (413).
        """
        from mnist_pipeline.recognition import pictures as images

        _check_size(data)
        recognizer = self._current()
        try:
            picture = images.read(data)
        except images.ImageError as error:
            raise HTTPException(400, f"The picture can't be read: {error}") from error
        (readings,) = recognizer.read([picture])
        return {"digits": [_document(recognizer, reading) for reading in readings[:MAX_DIGITS]]}

    def _current(self) -> Recognizer:
        from mnist_pipeline.runtime.storage import contents, storage

        stored = storage.current()
        with self._lock:
            try:
                data_version = stored.data_version(self._key)
                if self._recognizer is None or data_version != self._data_version:
                    self._recognizer = _warm_up(stored.read(self._key))
                    self._data_version = data_version
            except (storage.StorageError, contents.UnavailableError) as error:
                raise HTTPException(503, f"There is no recognizer: {error}") from error
            return self._recognizer


def _warm_up(recognizer: Recognizer) -> Recognizer:
    """Load the compiled parts of a recognizer, so that its first answer is as fast as the others."""
    recognizer.recognize(recognizer.training_image(0)[None])
    return recognizer


def _check_size(data: bytes) -> None:
    """Refuse a picture by its header, before its pixels take memory."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
    except PIL.Image.DecompressionBombError as error:
        raise HTTPException(413, f"The picture has more than {MAX_PIXELS:,} pixels; reduce it") from error
    except Exception as error:  # parsers of malformed files raise anything
        raise HTTPException(400, f"The picture is not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from error
    if width * height > MAX_PIXELS:
        raise HTTPException(413, f"The picture has {width:,} × {height:,} pixels; reduce it to at most {MAX_PIXELS:,}")


def _document(recognizer: Recognizer, reading: Reading) -> dict[str, Any]:
    """The results for one digit, with pictures as data URIs."""
    document = reading.document()
    neighbors = [near | {"picture": _grey(recognizer.training_image(near["index"]))} for near in document["neighbors"]]
    return document | {
        "neighbors": neighbors,
        "seen": _grey(reading.image),
        "reconstruction": _grey(reading.recognition.reconstruction),
    }


def _grey(image: np.ndarray) -> str:
    from mnist_pipeline.report import pictures

    return pictures.grey(image)


def _posted_picture(content: dict[str, Any]) -> bytes:
    """The picture in `{"picture": "data:image/png;base64,…"}`."""
    encoded = content.get("picture")
    if not isinstance(encoded, str):
        raise HTTPException(400, 'There is no picture; send {"picture": "data:image/png;base64,…"}')
    try:
        data = base64.b64decode(encoded.rpartition(",")[2], validate=True)
    except ValueError:
        raise HTTPException(400, "The picture is not in base64") from None
    if not data:
        raise HTTPException(400, "The picture is empty")
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
    """The page. Its policy forbids requests to other hosts."""
    nonce = secrets.token_urlsafe(16)
    content = await run_in_threadpool(_content, nonce)
    headers = {"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
    return HTMLResponse(content, headers=headers)


def routes(recognizer_key: str) -> list[Route]:
    """The page, and the reader of its pictures."""
    return [Route(DRAW, page), Route(READ, Reader(recognizer_key).answer, methods=["POST"])]
