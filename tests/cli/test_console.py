"""What runs show: plain lines, a live view on a terminal, events of this process and of others."""

import contextlib
import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import dagster as dg
import pytest

from mnist_pipeline.cli import console
from mnist_pipeline.cli.console import shown_on
from mnist_pipeline.cli.display import Display
from mnist_pipeline.runtime.graph.results import HEADLINE, progress
from mnist_pipeline.runtime.graph.retention import log_path

COLUMNS = 80
LONG_NAME = "a_data_set_of_many_digits__test_digits_not_in_training"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dg.asset(check_specs=[dg.AssetCheckSpec("small", asset="trained"), dg.AssetCheckSpec("whole", asset="trained")])
def trained() -> dg.MaterializeResult:
    for epoch in (1, 2):
        progress(epoch, 2, loss=1 / epoch)
    return dg.MaterializeResult(
        metadata={HEADLINE: "loss 0.5 [of one]"},
        check_results=[
            dg.AssetCheckResult(check_name="small", passed=True),
            dg.AssetCheckResult(check_name="whole", passed=False, metadata={"measured": 0.5}),
        ],
    )


@dg.asset
def broken() -> None:
    raise ValueError("as intended")


def run(instance: dg.DagsterInstance, *assets: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    job = dg.define_asset_job("job").resolve(asset_graph=dg.Definitions(assets=assets).resolve_asset_graph())
    return job.with_logger_defs({"console": console.console_logger}).execute_in_process(
        run_config={"loggers": {"console": {}}}, instance=instance, raise_on_error=False
    )


@pytest.fixture
def instance(storage: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of the environment."""
    (storage / "dagster").mkdir(parents=True)
    with dg.DagsterInstance.get() as opened:
        yield opened


class Terminal:
    """A terminal of 80 columns: the stream to write to, and the text that it shows."""

    def __init__(self) -> None:
        self._shown, written = os.openpty()
        fcntl.ioctl(written, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self.stream = os.fdopen(written, "w", encoding="utf-8")
        self._content = bytearray()
        self._reader = threading.Thread(target=self._read)  # a terminal that nobody reads blocks those who write
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # the stream is closed
            while content := os.read(self._shown, 4096):
                self._content += content

    def close(self) -> str:
        """Close the terminal, and return all that was written to it."""
        self.stream.close()
        self._reader.join()
        return self._content.decode()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def test_an_output_that_is_no_terminal_gets_a_line_per_epoch_and_per_step(instance: dg.DagsterInstance) -> None:
    display = Display(stream := io.StringIO())
    with shown_on(display):
        outcome = run(instance, trained)
    epoch, other, check, finished = stream.getvalue().splitlines()
    assert (epoch.split()[:3], other.split()[:3]) == (["trained", "epoch", "1/2:"], ["trained", "epoch", "2/2:"])
    assert "trained: whole (measured 0.5)" in check
    assert finished.split()[0] == "trained"
    assert finished.endswith("loss 0.5 [of one]")
    assert (display.num_passed, display.failed_checks) == (1, ["trained: whole"])
    assert "STEP_SUCCESS" in log_path(outcome.run_id).read_text()


def test_steps_of_other_processes_are_shown_too(instance: dg.DagsterInstance) -> None:
    elsewhere = run(instance, trained, broken)
    with shown_on(Display(stream := io.StringIO())):
        console.follow_run(elsewhere.run_id, ["trained", "broken"])
    assert {line.split()[0] for line in stream.getvalue().splitlines()} >= {"trained", "broken"}


def test_the_live_view_shows_running_steps_epochs_and_how_many_are_finished(terminal: Terminal) -> None:
    display = Display(terminal.stream)
    display.begin(["first", "second"])
    display.start_step("first")
    display.start_step("second")
    display.show_epoch("second", 3, 20, "loss 0.25")
    display.finish_step("first", 1.5, "one [bold]headline[/bold]")
    display.end()
    text = ESCAPES.sub("", terminal.close())
    for words in ("epoch 3/20", "1 of 2", "one [bold]headline[/bold]"):
        assert words in text


def test_no_line_on_a_terminal_is_wider_than_the_terminal_and_no_color_is_honoured(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    display = Display(terminal.stream)
    display.begin([LONG_NAME])
    display.start_step(LONG_NAME)
    display.show_epoch(LONG_NAME, 3, 20, "loss 0.25, " * 20)
    display.count_check(f"{LONG_NAME}: some_check", "measured 0.25, " * 20, False)
    display.finish_step(LONG_NAME, 1.5, "a headline " * 20)
    display.end()
    text = terminal.close()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", text)
    lines = ESCAPES.sub("", text).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert sum("…" in line for line in lines) >= 3


def test_the_cursor_is_visible_after_a_run_that_fails(terminal: Terminal, instance: dg.DagsterInstance) -> None:
    with shown_on(Display(terminal.stream)):
        run(instance, broken)
    text = terminal.close()
    assert "✗" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_run_continues_after_nobody_reads_its_output(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        with console.open_output() as stream:
            for _ in range(2):
                click.echo("lost", file=stream)
                Display(stream).count_check("lost", "too", False)


def test_a_command_imports_only_what_it_needs(finished: Path, tmp_path: Path) -> None:
    program = """
import contextlib, sys
import numpy, PIL.Image
from mnist_pipeline.cli import main as cli
picture = sys.argv[1]
PIL.Image.fromarray(numpy.pad(numpy.zeros((20, 4), numpy.uint8), 40, constant_values=255)).save(picture)
for arguments, missing in (
    (["--help"], {"pydantic", "dagster", "torch", "matplotlib", "rich.progress"}),
    (["predict", picture], {"dagster", "torch", "numba", "matplotlib", "rich.progress"}),
    (["run", "--changed"], {"rich.progress"}),
):
    with contextlib.suppress(SystemExit):
        cli.main(arguments)
    assert not missing & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "one.png")], check=True, capture_output=True, text=True
    )
    assert "in sync" in done.stdout
