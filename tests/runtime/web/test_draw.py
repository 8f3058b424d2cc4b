"""The routes of the drawing page."""

import base64
import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, Mock

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.testclient import TestClient
from support.drawing import MIDDLE, SHEET, encoded, picture, uri

from mnist_pipeline.data.records import DataSet, DigitSet
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.project import DRAW
from mnist_pipeline.runtime.storage.storage import Storage
from mnist_pipeline.runtime.web import LOCALHOST, draw
from mnist_pipeline.runtime.web.server import application

LINE = [(0.03, 0.25, 0.28, 0.5), (0.36, 0.25, 0.28, 0.5), (0.69, 0.25, 0.28, 0.5)]
NUMBER = picture(*zip("203", LINE, strict=True))
PNG = picture(("1", MIDDLE))


@pytest.fixture
def client() -> TestClient:
    address = f"http://{LOCALHOST}"
    return TestClient(application(draw.routes()), address, headers={"Origin": address})


def read(client: TestClient, content: bytes) -> Any:
    """The digits that the server finds in a picture file."""
    answer = client.post(draw.READ, json={"picture": uri(content)})
    assert answer.status_code == 200, answer.text
    return answer.json()["digits"]


def pixels(shown: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))))


def test_the_answer_has_everything_that_the_page_shows(
    client: TestClient, able: Path, train: DigitSet
) -> None:
    (digit,) = read(client, picture(("3", MIDDLE)))
    assert digit["digit"] == digit["models"][digit["champion"]]["digit"] == 3
    assert set(digit["models"]) == set(MODELS)
    assert len(digit["neighbors"]) == 3
    for near in digit["neighbors"]:
        assert near["digit"] == train.labels[near["index"]]
        np.testing.assert_array_equal(pixels(near["picture"]), 255 - train.images[near["index"]])
    assert pixels(digit["seen"]).shape == pixels(digit["reconstruction"]).shape == (28, 28)


def test_photos_are_shown_as_they_are(able: Path, train: DigitSet) -> None:
    photos = DataSet(handwritten=False, whole_pictures=True)
    recognizer = Storage(str(able)).read("recognizer").of(photos)
    ((reading,),) = recognizer.read([train.images[0]])
    shown = draw._format_reading(recognizer, reading)
    np.testing.assert_array_equal(pixels(shown["seen"]), train.images[0])
    near = shown["neighbors"][0]
    np.testing.assert_array_equal(pixels(near["picture"]), train.images[near["index"]])
    rebuilt = pixels(shown["reconstruction"]).astype(float)
    assert np.corrcoef(rebuilt.ravel(), train.images[0].ravel())[0, 1] > 0.5


def test_numbers_that_arrive_at_once_are_all_read_with_their_least_certain_digit(
    client: TestClient, able: Path
) -> None:
    def send(content: bytes) -> Any:
        return client.post(draw.READ, json={"picture": uri(content)}).json()

    with client, ThreadPoolExecutor(4) as senders:
        for answer in senders.map(send, [NUMBER] * 8):
            assert answer["text"] == ["203"]
            assert sum(digit["least_certain"] for digit in answer["digits"]) == 1
    assert read(client, encoded(Image.new("L", SHEET, 255))) == []


def test_a_picture_whose_sender_has_left_is_not_read(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Request, "is_disconnected", AsyncMock(return_value=True))
    monkeypatch.setattr(draw, "_answer", read := Mock(return_value={}))
    with pytest.raises(AssertionError):  # there is no response
        client.post(draw.READ, json={"picture": uri(PNG)})
    read.assert_not_called()


def test_examples_are_test_images_of_each_class_that_are_read_without_doubt(
    client: TestClient, able: Path
) -> None:
    test = Storage(str(able)).read("test_digits")
    examples = client.get(draw.EXAMPLES).json()
    assert [example["name"] for example in examples] == list("0123456789")
    for label, example in enumerate(examples):
        image = 255 - pixels(example["picture"])
        assert (test.images[test.labels == label] == image).all(axis=(1, 2)).any()
        (digit,) = read(client, encoded(Image.fromarray(255 - image)))
        assert digit["headline"] == example["name"]


BAD = {
    "nothing": b"",
    "no object": b"[7]",
    "a number": b'{"picture": 7}',
    "not base64": b'{"picture": "data:image/png;base64,?"}',
    "text": f'{{"picture": "{uri(b"seven")}"}}'.encode(),
    "objects in objects": b'{"picture": ' * 100_000,
}


@pytest.mark.parametrize("sent", BAD.values(), ids=BAD)
def test_other_data_is_refused_in_one_line(sent: bytes, client: TestClient, able: Path) -> None:
    answer = client.post(draw.READ, content=sent)
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert "\n" not in error["message"]


def test_the_page_may_not_send_requests_to_other_hosts(client: TestClient) -> None:
    policy, next_policy = (client.get(DRAW).headers["Content-Security-Policy"] for _ in range(2))
    assert policy.startswith("default-src 'none'; ")
    allowed = {source for directive in policy.split("; ") for source in directive.split(" ")[1:]}
    (nonce,) = allowed - {"'none'", "'self'", "data:"}
    assert nonce not in next_policy


def test_the_latest_recognizer_answers_and_without_one_the_command_is_named(
    able: Path, tmp_path: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / "storage"))
    answer = client.post(draw.READ, json={"picture": uri(PNG)})
    assert answer.status_code == 503
    assert "mnist-pipeline run" in answer.json()["errors"][0]["message"]
    stored = Storage(str(shutil.copytree(able, tmp_path / "storage")))
    assert [digit["champion"] for digit in read(client, PNG)] == ["knn"]
    stored.write(
        "recognizer",
        stored.read("recognizer")._replace(champion=np.frombuffer(b"softmax", np.uint8)),
    )
    assert [digit["champion"] for digit in read(client, PNG)] == ["softmax"]
