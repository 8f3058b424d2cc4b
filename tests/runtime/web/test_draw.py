"""The routes of the drawing page."""

import base64
import hashlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import AsyncMock, Mock

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.testclient import TestClient
from support.drawing import MIDDLE, SHEET, picture
from support.sources import encoded

from mnist_pipeline.data.values import DataSet
from mnist_pipeline.handwriting.finder.search import Page
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
    answer = client.post(draw.READ, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()["digits"]


def test_the_answer_has_everything_that_the_page_shows(client, able, train):
    (digit,) = read(client, picture(("3", MIDDLE)))
    assert digit["digit"] == digit["models"][digit["champion"]]["digit"] == 3
    assert set(digit["models"]) == set(MODELS)
    assert len(digit["neighbors"]) == 3
    assert all(level == round(level) for level in digit["reconstruction"])
    for near in digit["neighbors"]:
        assert near["digit"] == train.labels[near["index"]]
        np.testing.assert_array_equal(near["image"], train.images[near["index"]].ravel())
    assert len(digit["image"]) == len(digit["reconstruction"]) == 28 * 28


def test_numbers_that_arrive_at_once_are_all_read_one_after_the_other(client, able, monkeypatch):
    def counted(content: bytes) -> Any:
        running.append(content)
        assert len(running) == 1
        found = answered(content)
        running.clear()
        return found

    def send(content: bytes) -> Any:
        return client.post(draw.READ, content=content).json()["digits"]

    running, answered = [], draw._answer
    monkeypatch.setattr(draw, "_answer", counted)
    with client, ThreadPoolExecutor(4) as senders:
        for answer in senders.map(send, [NUMBER] * 8):
            assert [digit["class"] for digit in answer] == list("203")
            assert sum(digit["least_certain"] for digit in answer) == 1
    assert read(client, encoded(Image.new("L", SHEET, 255))) == []


def test_a_picture_has_its_warnings_and_the_first_digits_only(client, able, monkeypatch):
    page = Page(np.zeros((9, 9), np.uint8), unread=[(0, 0, 5, 5)])
    monkeypatch.setattr(draw, "MAX_DIGITS", 2)
    assert [digit["class"] for digit in read(client, NUMBER)] == list("20")
    with monkeypatch.context() as cut:  # as if each shape were two digits that touch
        readings = draw.read_digits
        cut.setattr(draw, "read_digits", lambda *args: 2 * readings(*args))
        assert [digit["class"] for digit in read(client, NUMBER)] == list("20")
    monkeypatch.setattr(draw, "search_picture", lambda *_: page)
    answer = client.post(draw.READ, content=PNG).json()
    assert answer == {"digits": [], "warnings": page.warnings}


def test_a_picture_whose_sender_has_left_is_not_read(client, monkeypatch):
    monkeypatch.setattr(Request, "is_disconnected", AsyncMock(return_value=True))
    monkeypatch.setattr(draw, "_answer", read := Mock(return_value={}))
    with pytest.raises(AssertionError):  # there is no response
        client.post(draw.READ, content=PNG)
    read.assert_not_called()


def test_other_data_is_refused_in_one_line(client, able):
    answer = client.post(draw.READ, content=PNG[: len(PNG) // 2])
    assert answer.status_code == 400
    assert "\n" not in answer.text
    parts = iter([b" " * 1_000_000] * 11)  # of no announced length
    assert client.post(draw.READ, content=parts).status_code == 413


def test_the_page_runs_its_own_script_and_sends_nothing_to_other_hosts(client, able):
    page = client.get(DRAW)
    (script,) = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    allowed = {source for directive in policy.split("; ") for source in directive.split(" ")[1:]}
    own = {"'none'", "'self'", "data:", "'unsafe-inline'"}
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert allowed - own == {f"'sha256-{checksum}'"}


def test_the_latest_recognizer_answers_and_without_one_the_command_is_named(
    able, tmp_path, client, monkeypatch
):
    monkeypatch.setenv("MNIST_PIPELINE_STORAGE", str(tmp_path / "storage"))
    assert "mnist-pipeline run" in client.get(DRAW).text
    answer = client.post(draw.READ, content=PNG)
    assert answer.status_code == 503
    assert "mnist-pipeline run" in answer.text
    stored = Storage(str(shutil.copytree(able, tmp_path / "storage")))
    assert [digit["champion"] for digit in read(client, PNG)] == ["knn"]
    stored.write(
        "recognizer",
        stored.read("recognizer")._replace(champion="softmax"),
    )
    assert [digit["champion"] for digit in read(client, PNG)] == ["softmax"]
    stored.write("recognizer", stored.read("recognizer").of(DataSet(noun="letter")))
    assert "Draw a letter" in client.get(DRAW).text


def test_a_browser_gets_the_arrays_of_the_report_if_the_recognizer_answers_as_it_does(
    client, own_copy
):
    stored = Storage(str(own_copy[1]))
    assert '"facts"' in client.get(DRAW).text
    recognizer = stored.read("recognizer")
    stored.write("recognizer", recognizer._replace(champion="knn"))
    assert '"facts"' not in client.get(DRAW).text
