"""What a person waits for, from the prompt: medians of 5 (quick: 3), after a run that has stored its results.

`dagster dev` serves the same graph, without the access control, the report and the drawing page.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.request import urlopen

import PIL.Image

from benchmarks.bench import ROOT, Bench
from benchmarks.environment import BenchmarkError
from benchmarks.pipeline import COMMAND, fill, wait
from benchmarks.table import Bound, Row, Section, at_most, seconds
from benchmarks.timing import Ratio
from mnist_pipeline.recognition.recognizer import Recognizer
from mnist_pipeline.runtime.storage import storage

sys.path.append(str(ROOT / "tests"))
from support import reading

from generators import handwriting

SEED = 2_026
NUM_PICTURES = 10
PREDICT = f"mnist-pipeline predict, {NUM_PICTURES} pictures, from the prompt"  # the name in the history
PROGRAM = COMMAND[0]
DAGSTER = str(Path(PROGRAM).with_name("dagster"))
PATIENCE = 120  # seconds until a UI must have served its first page


def measure(bench: Bench) -> Section:
    fill(bench)
    environment = {**os.environ, "MNIST_PIPELINE_STORAGE": str(bench.storage)}
    environment["DAGSTER_HOME"] = str(bench.storage / "dagster")
    directory = Path(bench.scratch.name, "pictures")
    directory.mkdir()
    pictures = _pictures(directory)

    def command(name: str, bound: Bound, *arguments: str) -> Row:
        return _row(bench, name, bound, lambda: wait([PROGRAM, *arguments], environment, directory)[0])

    def first_page(*arguments: str) -> Callable[[], float]:
        return lambda: _until_first_page(arguments, environment)

    return Section(
        "Waits",
        [
            command("mnist-pipeline --help", at_most(0.15), "--help"),
            command("run --changed, nothing to do", at_most(1.0), "run", "--changed"),
            command(PREDICT, at_most(0.6), "predict", *pictures),
            _row(bench, "ui, until the first page", at_most(4), first_page(PROGRAM, "ui")),
            _row(
                bench, "dagster dev, until the first page", None, first_page(DAGSTER, "dev", "-m", "assets.definitions")
            ),
            _stroke_row(bench),
        ],
    )


def _row(bench: Bench, name: str, bound: Bound | None, once: Callable[[], float]) -> Row:
    taken = Ratio.of([once() for _ in range(bench.pick(5, 3))])
    bench.say(f"  {name}: {seconds(taken.median)}")
    return Row(name, taken.median, " s", bound, taken.spread, taken.rounds, seconds(taken.median))


def _pictures(directory: Path) -> list[str]:
    """Files with a handwritten digit each."""
    files = []
    for place, example in enumerate(islice(handwriting.evaluation_set(1, SEED), NUM_PICTURES)):
        files.append(str(directory / f"{place}.png"))
        PIL.Image.fromarray(example.picture).save(files[-1])
    return files


def _until_first_page(command: Sequence[str], environment: dict[str, str]) -> float:
    """Seconds until a UI answers; its processes are ended afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--port", str(port)], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while time.perf_counter() < start + PATIENCE and process.poll() is None:
            with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/") as page:
                page.read()
                return time.perf_counter() - start
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    raise BenchmarkError(f"{' '.join(command)} served no page within {PATIENCE} s")


def _stroke_row(bench: Bench) -> Row:
    """What the drawing page asks of the recognizer after each stroke."""
    recognizer: Recognizer = storage.Storage(str(bench.storage)).read("recognizer")
    walls = []
    for example in islice(handwriting.evaluation_set(5, SEED), 50):
        picture = reading.grey(example.picture)
        start = time.perf_counter()
        recognizer.read([picture])
        walls.append(1e3 * (time.perf_counter() - start))
    taken = Ratio.of(walls)
    return Row(
        "answer to a drawn digit", taken.median, " ms", at_most(20), taken.spread, taken.rounds,
        f"{taken.median:.0f} ms", agreement="segmentation, four models, three neighbours",
    )  # fmt: skip
