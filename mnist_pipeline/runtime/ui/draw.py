"""The drawing page: people draw digits, and the stored recognizer reads them."""

import asyncio
import base64
import contextlib
import io
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import numpy as np
import PIL.Image
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from mnist_pipeline.handwriting import pictures
from mnist_pipeline.handwriting.pictures import ImageError
from mnist_pipeline.handwriting.recognizer import NUM_COMPONENTS, Reading, Recognizer, text_of
from mnist_pipeline.models import Model, number_in_words
from mnist_pipeline.report.pictures import grey
from mnist_pipeline.runtime.project import DRAW, REPORT
from mnist_pipeline.runtime.storage import contents, storage

READ, EXAMPLES = f"{DRAW}/read", f"{DRAW}/examples"
TEST_DIGITS = "test_digits"  # the asset from which examples are shown
FORMATS = ("PNG", "JPEG", "WEBP")  # in which browsers save a canvas
MAX_PIXELS = 4_000_000
MAX_DIGITS = 100
LARGE = 500_000  # pixels; the page sends a drawing with fewer
MAX_WAITING = 16  # pictures in a queue
MAX_EXAMPLES = 12
POLICY = (  # no request to another host
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'"
)
# The style of the drawing page has the colours of the report.
LOADER = ChoiceLoader([PackageLoader(__package__, "."), PackageLoader("mnist_pipeline.report")])
TEMPLATES = Jinja2Templates(
    env=Environment(loader=LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
)


class Queue:
    """A queue of pictures. One is read at a time, because the search for neighbours uses all processors."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._pending = 0

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the pictures that came before. Raises HTTPException (503) if too many wait."""
        if self._pending > MAX_WAITING:
            raise HTTPException(503, "Too many pictures are being read; try again", {"Retry-After": "1"})
        self._pending += 1
        try:
            async with self._turn:
                yield
        finally:
            self._pending -= 1


class Reader:
    """Reads pictures with the stored recognizer of an asset key, and loads it again when another one is stored.

    Large pictures have a queue of their own, so that a drawing does not wait for other people's photos.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._data_version = ""
        self._recognizer: Recognizer | None = None
        self._small, self._large = Queue(), Queue()

    async def answer(self, request: Request) -> Response:
        """Respond with the digits of the posted picture."""
        return JSONResponse(await self._run(request, self.read), headers={"Cache-Control": "no-store"})

    async def _run(self, request: Request, answer: Callable[[bytes], Any]) -> Any:
        """Compute an answer to the posted picture when it is its turn."""
        try:
            data = base64.b64decode((await _content(request))["picture"].rpartition(",")[2], validate=True)
        except (KeyError, AttributeError, ValueError):
            raise HTTPException(400, 'There is no picture; send {"picture": "data:image/png;base64,…"}') from None
        size = await run_in_threadpool(_checked_size, data)
        async with (self._large if size > LARGE else self._small).turn():
            await request.body()  # after which the next message is that the client has gone
            if await request.is_disconnected():
                raise HTTPException(408, "The client has gone")
            return await run_in_threadpool(answer, data)

    def read(self, data: bytes) -> dict[str, Any]:
        """Read the digits of a picture in one of `FORMATS`, in reading order, with all that the page shows of each.

        Raises HTTPException if there is no recognizer (503), or the picture can't be read (400).
        """
        recognizer, readings = self._read(data)
        return {
            "digits": [_format_reading(recognizer, found) for found in readings],
            "text": text_of(readings),
            "classes": recognizer.known.names,
            "noun": recognizer.known.noun,
        }

    def _read(self, data: bytes) -> tuple[Recognizer, list[Reading]]:
        recognizer = self._load()
        try:
            page = pictures.page(data)
        except ImageError as error:
            raise HTTPException(400, f"The picture can't be read: {error}") from error
        shown = page._replace(digits=page.digits[:MAX_DIGITS])
        return recognizer, recognizer.read_pages([shown])[0][:MAX_DIGITS]

    def examples(self) -> list[dict[str, str]]:
        """A test image of each class, for as many classes as fit the page; none if no test images are stored."""
        try:
            recognizer, test = self._load(), storage.current().read(TEST_DIGITS)
        except (HTTPException, storage.StorageError, contents.UnavailableError):
            return []
        known = recognizer.known
        firsts = [(name, np.flatnonzero(test.labels == label)) for label, name in enumerate(known.names[:MAX_EXAMPLES])]
        shown = 255 - test.images if known.whole else test.images  # `grey` draws ink black
        return [{"name": name, "picture": grey(shown[places[0]])} for name, places in firsts if len(places)]

    def _load(self) -> Recognizer:
        stored = storage.current()
        with self._lock:
            try:
                data_version = stored.data_version(self._key)
                if self._recognizer is None or data_version != self._data_version:
                    self._recognizer = stored.read_usable(self._key)  # this compiles, so that answers come fast
                    self._data_version = data_version
            except (storage.StorageError, contents.UnavailableError) as error:
                raise HTTPException(503, f"There is no recognizer: {error}") from error
            return self._recognizer


def routes(recognizer_key: str, models: Mapping[str, Model]) -> list[Route]:
    """The page that shows the answers of some models, and the reader of its pictures."""
    reader = Reader(recognizer_key)

    async def page(request: Request) -> Response:
        context = {
            "read": READ,
            "report": REPORT,
            "names": {name: model.phrase for name, model in models.items()},
            "titles": {name: model.title for name, model in models.items()},
            "num_models": number_in_words(len(models)),
            "num_components": NUM_COMPONENTS,
            "max_digits": MAX_DIGITS,
            "examples": EXAMPLES,
        }
        nonce = secrets.token_urlsafe(16)
        headers = {"Content-Security-Policy": POLICY.format(nonce=nonce), "Cache-Control": "no-store"}
        return TEMPLATES.TemplateResponse(request, "draw.html", {**context, "nonce": nonce}, headers=headers)

    async def examples(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(reader.examples))

    return [Route(DRAW, page), Route(EXAMPLES, examples), Route(READ, reader.answer, methods=["POST"])]


async def _content(request: Request) -> dict[str, Any]:
    """The JSON object that the page sends; raises HTTPException if it is something else."""
    try:
        content = await request.json()
    except ValueError:
        raise HTTPException(400, "It is not JSON") from None
    if not isinstance(content, dict):
        raise HTTPException(400, "It must be a JSON object")
    return content


def _checked_size(data: bytes) -> int:
    """The number of pixels of a picture, by its header; raises HTTPException if it is too large, or no picture."""
    file = io.BytesIO(data)
    try:
        with PIL.Image.open(file, formats=FORMATS) as picture:
            size = picture.width * picture.height
    except PIL.Image.DecompressionBombError:
        size = MAX_PIXELS + 1
    except Exception as error:  # parsers of malformed files raise anything
        raise HTTPException(400, f"The picture is not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from error
    if size > MAX_PIXELS:
        raise HTTPException(413, f"The picture has more than {MAX_PIXELS:,} pixels; reduce it")
    return size


def _format_reading(recognizer: Recognizer, found: Reading) -> dict[str, Any]:
    """Format the results for one digit, with images as data URIs."""
    document = found.document(recognizer.known)
    neighbors = [near | {"picture": grey(recognizer.training_image(near["index"]))} for near in document["neighbors"]]
    images = {"seen": grey(found.image), "reconstruction": grey(found.recognition.reconstruction)}
    return document | images | {"neighbors": neighbors}
