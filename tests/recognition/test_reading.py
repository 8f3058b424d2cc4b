"""Pictures are read within a budget of time and memory, whatever they claim."""

import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_pipeline.recognition import pictures, reading
from mnist_pipeline.recognition.pictures import ImageError
from mnist_pipeline.utils.processes import children
from mnist_pipeline.utils.workers import Answer, WorkerError, Workers


@pytest.fixture(scope="module")
def good(test) -> bytes:
    file = io.BytesIO()
    Image.fromarray(255 - np.pad(test.images[0], 20)).save(file, "PNG")
    return file.getvalue()


def test_a_page_has_the_picture_and_its_digits(good: bytes, tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(good)
    expected = pictures.read(good)
    for source in (good, tmp_path / "good.png"):
        page = reading.read(source)
        np.testing.assert_array_equal(page.picture, expected)
        (found,), (digit,) = pictures.find_digits(expected), page.digits
        assert digit.box == found.box
        np.testing.assert_array_equal(digit.image, found.image)


@pytest.mark.parametrize("name", ["absent.png", "directory", "empty.png", "text.png"])
def test_errors_are_those_of_the_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError) as expected:
        pictures.read(tmp_path / name)
    with pytest.raises(ImageError) as raised:
        reading.read(tmp_path / name)
    assert str(raised.value) == str(expected.value)


def test_a_worker_that_the_system_ended_is_replaced(good: bytes) -> None:
    reading.read(good)
    workers = [pid for pid, command in children().items() if "recognition.answering" in command]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert len(reading.read(good).digits) == 1


def test_a_worker_imports_nothing_from_the_current_directory(
    good: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("numpy", "scipy", "json", "mnist_pipeline"):
        (tmp_path / f"{module}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    workers = Workers("mnist_pipeline.recognition.answering:answer")
    described, _ = workers.answer(reading.CONTENT + good)
    assert len(described["digits"]) == 1
    assert not (tmp_path / "imported").exists()


def fail(request: bytes) -> Answer:
    raise IndexError(request)


def test_an_error_in_a_worker_is_not_reported_as_too_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    with pytest.raises(WorkerError, match="IndexError"):
        Workers(f"{Path(__file__).stem}:fail").answer(b"")
