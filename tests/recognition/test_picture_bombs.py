"""46 picture bombs meet the inbox, the command and the drawing page; good pictures do not wait for them."""

import json
import os
import time
from pathlib import Path

import dagster as dg
import pytest
from support.drawing import MIDDLE, picture
from support.graph_fixtures import invoke, made_once

from assets.automation import INBOX_SECONDS, inbox_sensor
from assets.definitions import defs
from generators.picture_bombs import picture_bombs
from mnist_pipeline.cli import predict
from mnist_pipeline.recognition import reading
from mnist_pipeline.recognition.page import Page
from mnist_pipeline.recognition.reading import MEMORY
from mnist_pipeline.utils.processes import children

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 8  # 5 on a machine that nobody else uses
MOST_TICKS = 6  # of the inbox until all pictures are read; 2 on a machine that nobody else uses
GOOD = picture(("2", MIDDLE))


@pytest.fixture(scope="session")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The bombs as files, all older than any other file."""

    def make(directory: Path) -> None:
        for number, (name, content) in enumerate(picture_bombs()):
            path = directory / f"{number} {name}.png".replace("×", "x").replace(",", "")
            path.write_bytes(content())
            os.utime(path, (number, number))

    return sorted(made_once(tmp_path_factory, "bombs", make)[0].iterdir())


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each picture that is read; the memory of the workers is checked after each."""
    seconds: list[float] = []
    read = reading.read

    def measure(source: Path | bytes) -> Page:
        start = time.monotonic()
        try:
            return read(source)
        finally:
            seconds.append(time.monotonic() - start)
            assert all(peak <= MEMORY for peak in _peaks_of_workers())

    monkeypatch.setattr(reading, "read", measure)
    monkeypatch.setattr(predict, "read", measure)
    return seconds


def _peaks_of_workers() -> list[int]:
    """The most address space, in bytes, that each worker of this process has had."""
    peaks = []
    for pid, command in children().items():
        if "recognition.answering" in command:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            peaks.append(1024 * int(status["VmPeak"].split()[0]))
    return peaks


def test_predict_answers_for_the_good_picture_and_for_every_other_bomb(
    bombs: list[Path], measured: list[float], able: Path, tmp_path: Path
) -> None:
    (tmp_path / "good.png").write_bytes(GOOD)
    files = [*map(str, bombs[::2]), str(tmp_path / "good.png")]
    answers = json.loads(invoke("predict", "--json", *files, code=1).partition("]\nError: ")[0] + "]")
    assert [answer["file"] for answer in answers] == files
    assert [digit["digit"] for digit in answers[-1]["digits"]] == [2]
    assert len(measured) == len(files)
    assert max(measured) < LIMIT_SECONDS


def test_a_good_picture_in_the_inbox_is_reached_by_ticks_that_end_in_time(
    bombs: list[Path], measured: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for bomb in bombs:
        (inbox / bomb.name).hardlink_to(bomb)
    (inbox / "good.png").write_bytes(GOOD)
    monkeypatch.setenv("MNIST_PIPELINE_INBOX", str(inbox))
    requested: list[str] = []
    cursor = None
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        for _ in range(MOST_TICKS):
            start = time.monotonic()
            with dg.SensorEvaluationContext(
                instance.get_ref(), None, None, cursor, None, repository_def=defs.get_repository_def()
            ) as context:
                data = inbox_sensor.evaluate_tick(context)
            assert time.monotonic() - start < 2 * INBOX_SECONDS, "Dagster would have stopped the sensor"
            requested += [str(request.partition_key) for request in data.run_requests or []]
            cursor = data.cursor
            if {path.name for path in inbox.iterdir()} == {"accepted", "rejected"}:
                break
    assert any(key.startswith("good-") for key in requested)
    assert {path.name for path in inbox.iterdir()} == {"accepted", "rejected"}
    assert len(measured) == len(bombs) + 1
    assert max(measured) < LIMIT_SECONDS
