"""The reader behind the drawing page."""

import asyncio
import base64
import io
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from support.drawing import MIDDLE, SHEET, DrawingClient, encoded, picture, serving, uri
from support.served import Answer

from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.runtime.project import DRAW
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.runtime.ui import draw

LINE = [(0.03, 0.25, 0.28, 0.5), (0.36, 0.25, 0.28, 0.5), (0.69, 0.25, 0.28, 0.5)]
PNG = picture(("1", MIDDLE))


@pytest.fixture(scope="module")
def instance() -> Iterator[DrawingClient]:
    with serving() as instance:
        yield instance


@pytest.fixture
def own(able_storage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the storage with the recognizer, which a test may change."""
    shutil.copytree(able_storage, tmp_path / "storage")
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / "storage"))
    return tmp_path / "storage"


def test_the_answer_has_everything_that_the_page_shows(instance: DrawingClient, able: Path, train: DigitSet) -> None:
    (digit,) = instance.digits(picture(("3", MIDDLE)))
    assert digit["digit"] == digit["models"][digit["champion"]]["digit"] == 3
    assert set(digit["models"]) == {"knn", "softmax", "mlp", "cnn"}
    for prediction in digit["models"].values():
        assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-4)
        assert prediction["probabilities"][prediction["digit"]] == prediction["probability"]
    assert len(digit["neighbors"]) == 3
    for near in digit["neighbors"]:
        assert near["digit"] == train.labels[near["index"]]
        np.testing.assert_array_equal(_pixels(near["picture"]), 255 - train.images[near["index"]])
    assert _pixels(digit["seen"]).shape == _pixels(digit["reconstruction"]).shape == (28, 28)
    x, y, width, height = digit["box"]
    assert 0 <= x < x + width <= SHEET[0]
    assert 0 <= y < y + height <= SHEET[1]


@pytest.mark.parametrize("kind", draw.FORMATS)
def test_digits_are_read_from_each_format_in_their_order(
    kind: str, instance: DrawingClient, able: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.open(io.BytesIO(picture(*zip("203", LINE, strict=True)))).convert("RGB")
    assert [digit["digit"] for digit in instance.digits(encoded(image, kind))] == [2, 0, 3]
    monkeypatch.setattr(draw, "MAX_DIGITS", 2)
    assert [digit["digit"] for digit in instance.digits(encoded(image, kind))] == [2, 0]
    assert instance.digits(encoded(Image.new("L", SHEET, 255), kind)) == []


def test_a_number_comes_with_its_text_and_its_least_certain_digit(instance: DrawingClient, able: Path) -> None:
    answer = json.loads(instance.read(uri(picture(*zip("203", LINE, strict=True)))).body)
    assert answer["text"] == ["203"]
    assert [digit["headline"].endswith(name) for digit, name in zip(answer["digits"], "203", strict=True)]
    assert sum(digit["least_certain"] for digit in answer["digits"]) == 1


def test_examples_are_test_images_of_each_class(instance: DrawingClient, able: Path) -> None:
    test = Storage(str(able)).read("test_digits")
    examples = json.loads(instance.send("GET", draw.EXAMPLES).body)
    assert [example["name"] for example in examples] == list("0123456789")
    first = test.images[np.flatnonzero(test.labels == 3)[0]]
    np.testing.assert_array_equal(_pixels(examples[3]["picture"]), 255 - first)


BAD_PICTURES = {
    "none": (400, None),
    "a number": (400, 7),
    "not base64": (400, "data:image/png;base64,?"),
    "not ASCII": (400, "data:image/png;base64,é"),
    "text": (400, uri(b"seven")),
    "half a picture": (400, uri(PNG[: len(PNG) // 2])),
    "another format": (400, uri(encoded(Image.new("L", SHEET), "TIFF"))),
    "too many pixels": (413, uri(encoded(Image.new("1", (3_000, 2_000))))),
    "far too many pixels": (413, uri(encoded(Image.new("1", (20_000, 20_000))))),
}


@pytest.mark.parametrize(("status", "sent"), BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_other_data_is_refused_in_one_line(status: int, sent: object, instance: DrawingClient, able: Path) -> None:
    answer = instance.read(sent)
    assert answer.status == status
    assert "\n" not in _message(answer)


def test_the_page_may_not_send_requests_to_other_hosts(instance: DrawingClient) -> None:
    answer = instance.send("GET", DRAW)
    policy = answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert policy.startswith("default-src 'none'; ")
    allowed = {source for directive in policy.split("; ") for source in directive.split(" ")[1:]}
    (nonce,) = {source for source in allowed if source.startswith("'nonce-")}
    assert allowed == {"'none'", "'self'", "data:", nonce}
    assert nonce not in instance.send("GET", DRAW).headers["Content-Security-Policy"]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_without_a_readable_recognizer_the_answer_names_the_command_that_makes_one(is_damaged: bool, own: Path) -> None:
    stored = own / "assets" / "recognizer.safetensors"
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)
    if not is_damaged:
        shutil.rmtree(own)
    with serving() as instance:
        answer = instance.read(uri(PNG))
    assert answer.status == 503
    assert ("damaged" in _message(answer)) == is_damaged
    assert "mnist-pipeline run" in _message(answer)


def test_the_recognizer_is_loaded_once_and_again_when_another_is_stored(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = Storage(str(own))
    loaded: list[str] = []
    read = Storage.read
    monkeypatch.setattr(Storage, "read", lambda self, key, *more: (loaded.append(key), read(self, key, *more))[1])
    with serving() as instance:
        assert [digit["champion"] for _ in range(3) for digit in instance.digits(PNG)] == ["knn"] * 3
        assert loaded == ["recognizer"]
        stored.write("recognizer", read(stored, "recognizer")._replace(champion=np.frombuffer(b"softmax", np.uint8)))
        assert [digit["champion"] for _ in range(2) for digit in instance.digits(PNG)] == ["softmax"] * 2
        assert loaded == ["recognizer"] * 2
        (own / "manifests" / "recognizer.json").unlink()
        assert instance.read(uri(PNG)).status == 503


def test_a_large_picture_is_read_beside_a_small_one_sixteen_of_each_wait_and_others_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pictures = [PNG, encoded(Image.new("L", (1_000, 600), 255))]
    both_begun, running, most = threading.Barrier(2), Counter[bytes](), Counter[bytes]()

    def read(self: draw.Reader, data: bytes) -> dict[str, Any]:
        running[data] += 1
        most[data] = max(most[data], running[data])
        both_begun.wait(60)
        running[data] -= 1
        return {"digits": []}

    async def send(count: int) -> list[Response | BaseException]:
        reader = draw.Reader("recognizer")
        requests = [_request(picture, is_gone=False) for _ in range(count) for picture in pictures]
        return await asyncio.gather(*map(reader.answer, requests), return_exceptions=True)

    monkeypatch.setattr(draw.Reader, "read", read)
    answers = asyncio.run(send(1 + draw.MAX_WAITING + 3))
    refused = [answer for answer in answers if isinstance(answer, HTTPException)]
    assert [(each.status_code, "Retry-After" in (each.headers or {})) for each in refused] == [(503, True)] * 6
    assert most == dict.fromkeys(pictures, 1)


def test_a_picture_is_not_read_after_its_client_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw.Reader, "read", None)
    with pytest.raises(HTTPException) as gone:
        asyncio.run(draw.Reader("recognizer").answer(_request(PNG, is_gone=True)))
    assert gone.value.status_code == 408


def _request(picture: bytes, *, is_gone: bool) -> Request:
    """A request with a picture, from a client that waits for the answer or has gone."""
    body = json.dumps({"picture": uri(picture)}).encode()
    messages = [{"type": "http.request", "body": body}, *([{"type": "http.disconnect"}] if is_gone else [])]

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def _message(answer: Answer) -> str:
    (error,) = json.loads(answer.body)["errors"]
    return str(error["message"])


def _pixels(shown: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))))
